"""The inbox in the store: what is found, in which order, and that no list reads whole gates to find out."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support import rows
from tests.support.clock import FakeClock
from tests.support.rows import NS, OTHER
from workflows.store.db import Database, Tx
from workflows.store.repositories import inbox, inbox_facts, principals, saved_views
from workflows.store.repositories.inbox import Narrowing

ANN = ("ann", ("fraud",))


def _found(database: Database, **wanted: Any) -> list[str]:
    return [item.id for item in database.read_sync(lambda tx: inbox.search(tx, NS, Narrowing(**wanted))).items]


def _plans(database: Database, ask: Callable[[Tx], object], *avoid: str) -> str:
    """How the database answers every statement of ``ask``, as its planner says.

    PostgreSQL is asked to avoid whole tables, which are small here, and ``avoid``.
    """
    statements: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    def unit(tx: Tx) -> str:
        if tx.is_postgres:
            for way in ("seqscan", *avoid):
                tx.conn.exec_driver_sql(f"set local enable_{way} = off")
        sa.event.listen(tx.conn, "before_cursor_execute", note)
        ask(tx)
        sa.event.remove(tx.conn, "before_cursor_execute", note)
        word = "explain" if tx.is_postgres else "explain query plan"
        found = [tx.conn.exec_driver_sql(f"{word} {text}", given).all() for text, given in statements]
        return "\n".join(str(row[-1]) for plan in found for row in plan)

    return database.read_sync(unit)


@pytest.fixture
def filled(database: Database) -> Database:
    """Three hundred open gates in two batches, one of them another group's."""

    def unit(tx: Tx) -> None:
        for n in range(300):
            policy = {"stages": [{"groups": ["legal" if n % 3 == 0 else "fraud"], "people": []}]}
            rows.gate(tx, gate_id=f"g{n:03d}", batch_key=f"b{n % 2}", item_key=str(n), policy=policy)

    database.write_sync(unit)
    return database


def test_a_page_is_read_from_the_index_in_its_order(filled: Database) -> None:
    """Nothing is sorted, and on SQLite who may decide stands in the index itself."""
    plan = _plans(filled, lambda tx: inbox.search(tx, NS, Narrowing(eligible=ANN), limit=10), "sort", "bitmapscan")
    assert "ix_gates_inbox" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


def test_only_the_wanted_priorities_are_read(filled: Database) -> None:
    """They come first in the index, so that looking for urgent ones among very many ordinary ones ends early."""
    plan = _plans(filled, lambda tx: inbox.search(tx, NS, Narrowing(eligible=ANN, priority=5)), "sort", "bitmapscan")
    assert re.search(r"ix_gates_inbox.*sort_key ?<", plan, re.DOTALL), plan


def test_counts_are_made_from_an_index(filled: Database) -> None:
    batches = _plans(filled, lambda tx: inbox.counts_of_batches(tx, NS, ["b0", "b1"], ANN))
    flows = _plans(filled, lambda tx: inbox.counts_of_flows(tx, NS, ANN))
    assert "ix_gates_" in batches
    if filled.is_sqlite:
        assert "USING COVERING INDEX ix_gates_batch_audience" in batches
        assert "USING COVERING INDEX ix_gates_waiting_audience" in flows


@pytest.mark.parametrize("what", ["ids", "claimed", "shown", "standing", "policies", "voted"])
def test_a_few_gates_are_looked_up_and_not_searched_for(filled: Database, what: str) -> None:
    """However many are open, what is asked about a page of them goes by their keys."""
    ids = [f"g{n:03d}" for n in range(20)]
    asks: dict[str, Callable[[Tx], object]] = {
        "ids": lambda tx: inbox.search(tx, NS, Narrowing(ids=ids)),
        "claimed": lambda tx: inbox.search(tx, NS, Narrowing(claimed_by="ann")),
        "shown": lambda tx: inbox_facts.shown(tx, NS, ids),
        "standing": lambda tx: inbox_facts.standing(tx, NS, ids),
        "policies": lambda tx: inbox_facts.policies(tx, NS, ids),
        "voted": lambda tx: inbox_facts.voted(tx, NS, ids, "ann"),
    }
    plan = _plans(filled, asks[what])
    assert "ix_gates_inbox" not in plan, plan
    assert "SCAN gates" not in plan, plan
    assert "Seq Scan on gates" not in plan, plan


def test_the_page_holds_what_one_may_decide_and_every_page_goes_on(filled: Database) -> None:
    found: list[str] = []
    cursor = None
    while True:
        page = filled.read_sync(
            lambda tx, at=cursor: inbox.search(tx, NS, Narrowing(eligible=ANN), cursor=at, limit=64)
        )
        found += [item.id for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == [f"g{n:03d}" for n in range(300) if n % 3]


def test_counts_are_of_what_one_may_decide(filled: Database) -> None:
    counts = filled.read_sync(lambda tx: inbox.counts_of_batches(tx, NS, ["b0", "b1", "none"], ANN))
    assert counts == {"b0": 100, "b1": 100}
    assert filled.read_sync(lambda tx: inbox.counts_of_flows(tx, NS, None)) == {"order-risk": 300}
    assert filled.read_sync(lambda tx: inbox.counts_of_flows(tx, OTHER, None)) == {}


def test_an_assigned_gate_is_found_by_whom_it_is_assigned_to_alone(database: Database) -> None:
    named = {"stages": [{"groups": [], "people": ["ann"]}]}
    database.write_sync(lambda tx: rows.gate(tx, gate_id="mine", assigned_to="ann"))
    database.write_sync(lambda tx: rows.gate(tx, gate_id="named", policy=named))
    assert _found(database, assigned_to="ann") == ["mine"]
    assert _found(database, assigned_to="an") == []


@pytest.mark.parametrize(
    ("text", "found"), [("order", True), ("ORDER", True), ("%", False), ("_", False), ("Ä", False)]
)
def test_a_text_is_found_as_it_stands(database: Database, text: str, found: bool) -> None:
    """Case of ASCII letters aside; signs that mean something to a database mean nothing here."""
    database.write_sync(lambda tx: rows.gate(tx, title="Order 1"))
    assert bool(_found(database, text=text)) is found


def test_a_claim_is_found_while_it_lasts(database: Database, clock: FakeClock) -> None:
    until = clock() + timedelta(minutes=10)
    database.write_sync(lambda tx: rows.gate(tx, claimed_by="ann", claim_until=until))
    assert _found(database, claimed_by="ann") == ["g1"]
    assert _found(database, claimed_by="bob") == []
    clock.advance(timedelta(minutes=10))
    assert _found(database, claimed_by="ann") == []


def test_what_follows_is_the_next_open_gate_and_then_the_first(database: Database, clock: FakeClock) -> None:
    for name in ("a", "b", "c"):
        database.write_sync(lambda tx, name=name: rows.gate(tx, gate_id=name, item_key=name))
        clock.advance(1)

    def after(gate: str, **wanted: Any) -> str | None:
        return database.read_sync(lambda tx: inbox.after(tx, NS, gate, Narrowing(**wanted), "ann"))

    assert (after("a"), after("b"), after("c"), after("gone")) == ("b", "c", "a", "a")
    assert after("a", ids=["a"]) is None
    assert after("b", eligible=("bob", ())) is None


def test_facts_are_those_of_the_namespace(database: Database) -> None:
    database.write_sync(rows.gate)
    for ask in (inbox_facts.shown, inbox_facts.standing, inbox_facts.policies):
        assert database.read_sync(lambda tx, ask=ask: len(ask(tx, NS, ["g1"]))) == 1
        assert database.read_sync(lambda tx, ask=ask: len(ask(tx, OTHER, ["g1"]))) == 0
    assert _found(database, ids=["g1"]) == ["g1"]
    assert database.read_sync(lambda tx: inbox.search(tx, OTHER, Narrowing(ids=["g1"]))).items == ()


def test_how_a_gate_stands_counts_only_the_decision_that_stands(database: Database) -> None:
    from workflows.store.repositories import decisions, gates

    def unit(tx: Tx) -> None:
        rows.gate(tx)
        decisions.add(tx, NS, rows.decision(tx, effective_at=tx.now + timedelta(seconds=60)))
        gates.update(tx, NS, "g1", state="decided")
        decisions.undo(tx, NS, "d1", "ann")
        decisions.add(tx, NS, rows.decision(tx, decision_id="d2", outcome="changes_requested"))

    database.write_sync(unit)
    (one,) = database.read_sync(lambda tx: inbox_facts.standing(tx, NS, ["g1"]))
    assert (one.gate_id, one.outcome) == ("g1", None)
    assert database.read_sync(lambda tx: inbox_facts.done_since(tx, NS, "ann", tx.now)) == {"changes_requested": 1}


def test_saved_views_are_one_persons(database: Database) -> None:
    def unit(tx: Tx) -> None:
        for who in ("ann", "bob"):
            saved_views.save(tx, NS, who, "mine", "q=1")
        saved_views.save(tx, NS, "ann", "mine", "q=2")
        saved_views.save(tx, OTHER, "ann", "elsewhere", "q=3")

    database.write_sync(unit)

    def views(namespace: str, who: str) -> list[tuple[str, str]]:
        return [(v.name, v.query) for v in database.read_sync(lambda tx: saved_views.of_person(tx, namespace, who))]

    assert (views(NS, "ann"), views(NS, "bob")) == ([("mine", "q=2")], [("mine", "q=1")])
    number = database.read_sync(lambda tx: saved_views.of_person(tx, NS, "ann"))[0].id
    assert not database.write_sync(lambda tx: saved_views.delete(tx, NS, "bob", number))
    assert not database.write_sync(lambda tx: saved_views.delete(tx, OTHER, "ann", number))
    assert database.write_sync(lambda tx: saved_views.delete(tx, NS, "ann", number))
    assert views(NS, "ann") == []


def test_names_are_of_people_of_the_namespace(database: Database) -> None:
    made = database.write_sync(lambda tx: principals.create_person(tx, NS, "Ann", None))
    assert database.read_sync(lambda tx: inbox_facts.names(tx, NS, [made.id, "x"])) == {made.id: "Ann"}
    assert database.read_sync(lambda tx: inbox_facts.names(tx, OTHER, [made.id])) == {}
