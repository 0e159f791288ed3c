"""What the repositories promise: idempotent starts, one decision per gate, FIFO slots, delivery, budgets, breakers."""

from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support import rows
from tests.support.clock import FakeClock
from tests.support.rows import NS, OTHER
from workflows.store import db as store_db
from workflows.store.db import Database, StoreUnavailable, Tx
from workflows.store.ids import new_id
from workflows.store.refusals import (
    AlreadyDecided,
    AlreadyExists,
    BudgetExceeded,
    IdempotencyConflict,
    InvalidCursor,
    NotFound,
)
from workflows.store.repositories import (
    breakers,
    budgets,
    decisions,
    executions,
    flows,
    gates,
    inbound,
    inbox,
    keys,
    leases,
    outbox,
    pauses,
    principals,
    votes,
)
from workflows.store.tables import gates as gates_table

MINUTE = timedelta(minutes=1)


def test_saving_equal_content_again_makes_no_revision(database: Database) -> None:
    """Numbers count changes; each revision names its parent."""

    def save(sha256: str) -> int:
        return database.write_sync(lambda tx: rows.flow(tx, sha256=sha256)).number

    assert [save("a"), save("a"), save("b"), save("a")] == [1, 1, 2, 3]
    history = database.read_sync(lambda tx: flows.history(tx, NS, "order-risk"))
    assert [(r.number, r.parent) for r in history] == [(3, 2), (2, 1), (1, None)]
    assert database.read_sync(lambda tx: flows.get_revision(tx, NS, "order-risk")).number == 3


def test_revisions_saved_at_once_get_different_numbers(database: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: database.write_sync(lambda tx: rows.flow(tx, sha256=f"{n}")).number, range(16)))
    assert sorted(made) == list(range(1, 17))


def test_a_start_with_the_same_key_is_the_first_execution(database: Database) -> None:
    def start(execution_id: str, body: str) -> executions.Creation:
        return database.write_sync(
            lambda tx: rows.execution(tx, execution_id=execution_id, idempotency_key="k", request_sha256=body)
        )

    assert start("e1", "body").created
    again = start("e2", "body")
    assert (again.created, again.execution.id) == (False, "e1")
    with pytest.raises(IdempotencyConflict) as caught:
        start("e3", "other body")
    assert caught.value.existing == "e1"


def test_starts_that_race_with_one_key_make_one_execution(database: Database) -> None:
    def start(n: int) -> executions.Creation:
        return database.write_sync(
            lambda tx: rows.execution(tx, execution_id=f"e{n}", idempotency_key="k", request_sha256="b")
        )

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(start, range(16)))
    assert sum(creation.created for creation in made) == 1
    assert len({creation.execution.id for creation in made}) == 1


def test_an_ended_execution_stays_ended_until_it_is_reopened(database: Database, clock: FakeClock) -> None:
    """A late "running" changes nothing; a restart is the next generation."""
    database.write_sync(rows.execution)

    def move(state: str) -> bool:
        return database.write_sync(lambda tx: executions.set_state(tx, NS, "e1", state, None))

    assert [move("running"), move("failed"), move("running")] == [True, True, False]
    ended = database.read_sync(lambda tx: executions.get(tx, NS, "e1"))
    assert (ended.state, ended.ended_at) == ("failed", clock.now)
    assert database.write_sync(lambda tx: executions.reopen(tx, NS, "e1", workflow_id="e1:1", reruns={}))
    again = database.read_sync(lambda tx: executions.get(tx, NS, "e1"))
    assert (again.state, again.generation, again.ended_at) == ("created", 1, None)
    with pytest.raises(NotFound):
        database.write_sync(lambda tx: executions.set_state(tx, NS, "none", "running", None))


def test_executions_are_listed_newest_first_page_by_page(database: Database, clock: FakeClock) -> None:
    """Rows of the same instant are neither lost nor repeated."""
    for n in range(7):
        database.write_sync(lambda tx, n=n: rows.execution(tx, execution_id=f"e{n}"))
        clock.advance(n % 2)
    seen: list[str] = []
    cursor = None
    while True:
        page = database.read_sync(lambda tx, c=cursor: executions.list_executions(tx, NS, cursor=c, limit=2))
        seen += [row.id for row in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(seen) == [f"e{n}" for n in range(7)]
    assert seen[0] == "e6"


@pytest.mark.parametrize("cursor", ["", "!", "AAAA", "WyJ4Il0", "bnVsbA"])
def test_a_foreign_cursor_is_refused(database: Database, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        database.read_sync(lambda tx: executions.list_executions(tx, NS, cursor=cursor))


def test_sixteen_deciders_leave_one_decision(database: Database) -> None:
    """The database itself keeps the second one out, and the losers learn which it is."""
    database.write_sync(rows.gate)

    def decide(n: int) -> str:
        try:
            database.write_sync(lambda tx: decisions.add(tx, NS, rows.decision(tx, decision_id=f"d{n}")))
        except AlreadyDecided as error:
            return error.existing
        return f"d{n}"

    with ThreadPoolExecutor(16) as pool:
        winners = set(pool.map(decide, range(16)))
    assert len(winners) == 1
    assert database.read_sync(lambda tx: decisions.effective(tx, NS, "g1")).id in winners


def test_a_decision_can_be_undone_only_before_it_is_in_effect(database: Database, clock: FakeClock) -> None:
    """After that, or once the flow took it up, undoing changes nothing; undone, the gate can be decided anew."""
    database.write_sync(rows.gate)
    add = lambda d: database.write_sync(  # noqa: E731
        lambda tx: decisions.add(tx, NS, rows.decision(tx, decision_id=d, effective_at=tx.now + timedelta(seconds=5)))
    )
    undo = lambda d: database.write_sync(lambda tx: decisions.undo(tx, NS, d, "ann"))  # noqa: E731
    add("d1")
    assert [undo("d1"), undo("d1")] == [True, False]
    add("d2")
    clock.advance(5)
    assert not undo("d2")
    assert [d.id for d in database.read_sync(lambda tx: decisions.of_gate(tx, NS, "g1"))] == ["d1", "d2"]


def test_one_standing_vote_per_person_and_stage(database: Database) -> None:
    database.write_sync(rows.gate)

    def vote(tx: Tx) -> None:
        votes.add(tx, NS, votes.Vote(id=new_id(tx.now), gate_id="g1", revision=1, stage=0, principal_id="ann",
                                     action="approve", via="api", snapshot={}, created_at=tx.now))  # fmt: skip

    database.write_sync(vote)
    with pytest.raises(AlreadyExists):
        database.write_sync(vote)
    assert database.write_sync(lambda tx: votes.void(tx, NS, "g1", "edited")) == 1
    database.write_sync(vote)
    assert len(database.read_sync(lambda tx: votes.standing(tx, NS, "g1", 1, 0))) == 1


def test_the_inbox_is_in_the_order_in_which_people_should_look(database: Database, clock: FakeClock) -> None:
    """Priority, then due time (none is last), then age; only what one may decide."""
    soon, later = clock.now + MINUTE, clock.now + 2 * MINUTE
    made: list[tuple[str, dict[str, Any]]] = [
        ("old", {}), ("new", {}), ("later", {"due_at": later}), ("soon", {"due_at": soon}), ("urgent", {"priority": 9}),
        ("leads", {"policy": {"stages": [{"groups": ["Fraud"]}]}}), ("mine", {"assigned_to": "bob", "priority": -1}),
    ]  # fmt: skip
    for gate_id, more in made:
        database.write_sync(lambda tx, g=gate_id, m=more: rows.gate(tx, gate_id=g, item_key=g, **m))
        clock.advance(1)

    def ids(**how: Any) -> list[str]:
        return [item.id for item in database.read_sync(lambda tx: inbox.list_inbox(tx, NS, **how)).items]

    assert ids(group="fraud") == ["urgent", "soon", "later", "old", "new", "mine"]
    assert ids(eligible=("bob", [])) == ["mine"]
    assert ids(group="Fraud") == ["leads"]
    database.write_sync(lambda tx: gates.update(tx, NS, "old", priority=10, assigned_to="bob"))
    assert ids(eligible=("bob", ["fraud"]))[0] == "old"
    assert ids(eligible=("bob", []), limit=1) == ["old"]
    database.write_sync(lambda tx: gates.update(tx, NS, "old", state="decided"))
    assert "old" not in ids()
    assert database.read_sync(lambda tx: inbox.counts_by_batch(tx, NS))[0].open == 6


@pytest.mark.slow
def test_the_inbox_is_quick_with_fifty_thousand_open(database: Database, clock: FakeClock) -> None:
    """First page, last page and a group that occurs once: each well under half a second on a busy machine."""

    def fill(tx: Tx) -> None:
        first = rows.gate(tx)
        count = sa.select(sa.literal(100_000).label("n")).cte("count", recursive=True)
        count = count.union_all(sa.select(count.c.n + 1).where(count.c.n < 149_999))
        number = sa.cast(count.c.n, sa.Text)
        values: dict[str, Any] = {column.name: column for column in gates_table.c}
        values["id"] = sa.literal("x") + number
        values["sort_key"] = sa.literal(inbox.sort_key_of(0, None, clock.now, "g")) + number
        values["audience"] = sa.case((count.c.n == 149_999, "|g:rare|"), else_="|g:fraud|")
        many = sa.select(*values.values()).select_from(gates_table.join(count, sa.true()))
        tx.conn.execute(gates_table.insert().from_select(list(values), many))
        assert first.id == "g1"

    database.write_sync(fill)
    first = database.read_sync(lambda tx: inbox.list_inbox(tx, NS, group="fraud"))
    assert len(first.items) == 50
    for how in ({"group": "fraud"}, {"group": "fraud", "cursor": first.next_cursor}, {"group": "rare"}):
        start = time.perf_counter()
        assert database.read_sync(lambda tx, h=how: inbox.list_inbox(tx, NS, **h)).items
        assert time.perf_counter() - start < 0.5


def test_a_key_authenticates_until_it_expires_is_revoked_or_its_owner_is_disabled(
    database: Database, clock: FakeClock
) -> None:
    person = database.write_sync(lambda tx: principals.create_person(tx, NS, "Ann", "Ann@Example.org"))
    made = database.write_sync(
        lambda tx: keys.create(tx, NS, person.id, "laptop", ["decide"], expires_at=clock.now + MINUTE)
    )

    def holder(namespace: str = NS, secret: str = made.secret) -> Any:
        return database.read_sync(lambda tx: keys.authenticate(tx, namespace, secret))

    assert (holder().principal.id, holder().key.scopes) == (person.id, ("decide",))
    assert keys.namespace_of(made.secret) == NS
    assert holder(OTHER) is None
    assert holder(secret=made.secret[:-1] + "\ud800") is None
    clock.advance(MINUTE)
    assert holder() is None
    forever = database.write_sync(lambda tx: keys.create(tx, NS, person.id, "ci", []))
    assert holder(secret=forever.secret)
    database.write_sync(lambda tx: principals.disable(tx, NS, person.id))
    assert holder(secret=forever.secret) is None


@pytest.mark.parametrize(
    "text", ["", "vk_", "vk_sales", "vk__" + "a" * 43, "vk_sales_" + "a" * 42, "xx_sales_" + "a" * 43]
)
def test_what_has_not_the_form_of_a_key_names_no_namespace(text: str) -> None:
    assert keys.namespace_of(text) is None


def test_a_person_with_several_identities_is_one_person(database: Database) -> None:
    """And an identity is one person's."""
    ann = database.write_sync(lambda tx: principals.create_person(tx, NS, "Ann", "Ann@Example.org"))
    bob = database.write_sync(lambda tx: principals.create_person(tx, NS, "Bob"))
    for _ in range(2):
        database.write_sync(lambda tx: principals.add_identity(tx, NS, ann.id, "slack", "T1:U1"))
    with pytest.raises(AlreadyExists):
        database.write_sync(lambda tx: principals.add_identity(tx, NS, bob.id, "slack", "T1:U1"))
    for kind, subject in (("slack", "T1:U1"), ("email", "ann@example.org")):
        assert database.read_sync(lambda tx, k=kind, s=subject: principals.find_by_identity(tx, NS, k, s)).id == ann.id


def test_the_outbox_gives_each_row_to_one_taker_and_again_when_that_one_dies(
    database: Database, clock: FakeClock
) -> None:
    ids = [
        database.write_sync(lambda tx, n=n: outbox.add(tx, (NS, OTHER)[n % 2], kind="doorbell", target="w", payload={}))
        for n in range(20)
    ]
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: database.write_sync(lambda tx: outbox.due(tx, limit=5)), range(4)))
    assert sorted(item.id for each in taken for item in each) == sorted(ids)
    assert database.write_sync(outbox.due) == []
    clock.advance(outbox.TAKEN_FOR)
    assert len(database.write_sync(outbox.due)) == 20


def test_the_outbox_keeps_the_limit_when_the_planner_expects_a_single_row(database: Database) -> None:
    """An outbox is almost always empty, and its statistics say so just when many rows come at once."""

    def add(tx: Tx) -> str:
        return outbox.add(tx, NS, kind="doorbell", target="w", payload={})

    first = database.write_sync(add)
    database.write_sync(lambda tx: tx.conn.exec_driver_sql("analyze"))
    database.write_sync(lambda tx: outbox.delivered(tx, NS, first))
    ids = {database.write_sync(add) for _ in range(20)}
    taken = [database.write_sync(lambda tx: outbox.due(tx, limit=5)) for _ in range(5)]
    assert [len(each) for each in taken] == [5, 5, 5, 5, 0]
    assert {item.id for each in taken for item in each} == ids


def test_a_failed_delivery_is_put_off_longer_each_time(database: Database, clock: FakeClock) -> None:
    item = database.write_sync(lambda tx: outbox.add(tx, NS, kind="doorbell", target="w", payload={}))
    pauses_s = []
    for _ in range(10):
        assert [each.id for each in database.write_sync(outbox.due)] == [item]
        again = database.write_sync(lambda tx: outbox.failed(tx, NS, item, "no answer"))
        pauses_s.append((again - clock.now).total_seconds())
        assert database.read_sync(outbox.next_due) == again
        clock.advance(again - clock.now)
    assert pauses_s == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert database.write_sync(lambda tx: outbox.delivered(tx, NS, item))
    assert not database.write_sync(lambda tx: outbox.drop(tx, NS, item, "late"))
    assert database.read_sync(outbox.next_due) is None


def test_slots_are_given_first_come_first_served(database: Database, clock: FakeClock) -> None:
    """Never more than the limit; a newcomer does not pass the queue; who dies loses the slot."""

    def ask(owner: str) -> leases.Slot:
        return database.write_sync(lambda tx: leases.acquire(tx, NS, "model", owner, limit=2, ttl=MINUTE))

    asked = []
    for owner in "abcd":
        asked.append(ask(owner))
        clock.advance(1)
    assert [slot.held for slot in asked] == [True, True, False, False]
    assert [slot.ahead for slot in asked[2:]] == [0, 1]
    database.write_sync(lambda tx: leases.release(tx, NS, "model", "a"))
    assert not ask("d").held
    assert not ask("e").held
    assert ask("c").held
    clock.advance(MINUTE)
    assert not database.write_sync(lambda tx: leases.renew(tx, NS, "model", "b", ttl=MINUTE))
    assert ask("f").held


def test_slots_that_race_never_pass_the_limit(database: Database) -> None:
    def ask(n: int) -> bool:
        return database.write_sync(lambda tx: leases.acquire(tx, NS, "m", f"o{n}", limit=3, ttl=MINUTE)).held

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(ask, range(24))) == 3


def test_pauses_apply_from_the_widest_to_the_narrowest(database: Database) -> None:
    def applying(namespace: str = NS, flow: str = "f") -> str | None:
        found = database.read_sync(lambda tx: pauses.applying(tx, namespace, flow))
        return None if found is None else found.scope

    assert applying() is None
    database.write_sync(lambda tx: pauses.pause(tx, NS, flow_id="f", by="ann", reason="odd"))
    assert (applying(), applying(flow="namespace"), applying(OTHER)) == ("flow", None, None)
    database.write_sync(lambda tx: pauses.pause(tx, NS, by="ann", reason="audit"))
    assert (applying(), applying(flow="g"), applying(OTHER)) == ("namespace", "namespace", None)
    database.write_sync(lambda tx: pauses.pause_everything(tx, by=None, reason="incident"))
    assert (applying(), applying(OTHER)) == ("all", "all")
    database.write_sync(pauses.resume_everything)
    assert applying(OTHER) is None


def test_a_budget_is_reserved_once_per_operation_and_never_passed(database: Database) -> None:
    """Racing calls reserve no more than there is; settling gives back what was not used."""

    def reserve(n: int) -> bool:
        try:
            database.write_sync(
                lambda tx: budgets.reserve(tx, NS, "e1", f"op{n}", usd=1, tokens=10, usd_limit=5, tokens_limit=None)
            )
        except BudgetExceeded as error:
            return error.what != "usd"
        return True

    with ThreadPoolExecutor(8) as pool:
        granted = list(pool.map(reserve, range(12)))
    assert sum(granted) == 5
    winner = granted.index(True)
    assert reserve(winner)
    assert database.read_sync(lambda tx: budgets.spent(tx, NS, "e1")) == budgets.Spent(5.0, 50)
    database.write_sync(lambda tx: budgets.settle(tx, NS, "e1", f"op{winner}", usd=0.25, tokens=3))
    assert database.read_sync(lambda tx: budgets.spent(tx, NS, "e1")) == budgets.Spent(4.25, 43)


def test_a_breaker_opens_after_failures_in_a_row_and_lets_one_try_through(database: Database, clock: FakeClock) -> None:
    def fail() -> breakers.Breaker:
        return database.write_sync(lambda tx: breakers.failed(tx, NS, "crm", threshold=3, cooldown=MINUTE))

    def admit() -> str:
        return database.write_sync(lambda tx: breakers.admit(tx, NS, "crm", trial=MINUTE)).state

    assert [fail().state, fail().state, admit(), fail().state, admit()] == [
        "closed",
        "closed",
        "closed",
        "open",
        "open",
    ]
    clock.advance(MINUTE)
    assert [admit(), admit()] == ["half_open", "open"]
    assert fail().state == "open"
    clock.advance(MINUTE)
    assert admit() == "half_open"
    database.write_sync(lambda tx: breakers.succeeded(tx, NS, "crm"))
    assert database.read_sync(lambda tx: breakers.state(tx, NS, "crm")) == breakers.Breaker("closed", 0, None)


def test_a_message_that_comes_a_hundred_times_is_received_once(database: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        receipts = list(
            pool.map(lambda _: database.write_sync(lambda tx: inbound.receive(tx, NS, "hook", "m1", "b")), range(32))
        )
    assert sum(receipt.first for receipt in receipts) == 1


def test_texts_with_nul_and_odd_characters_survive_in_json(database: Database) -> None:
    """Customers' files contain them."""
    odd = {"note": "nul \x00, rtl \u202e, emoji \U0001f4b6"}
    database.write_sync(lambda tx: rows.execution(tx, inputs=odd))
    assert database.read_sync(lambda tx: executions.get(tx, NS, "e1")).inputs == odd


def test_a_locked_store_says_so(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its patience is over the caller learns what to do, and nothing was written."""
    monkeypatch.setattr(store_db, "BUSY_TIMEOUT_MS", 20)
    monkeypatch.setattr(store_db, "RETRIES", 2)
    db = Database(sqlite_url)
    holder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("begin immediate")
    with pytest.raises(StoreUnavailable) as caught:
        db.write_sync(rows.execution)
    assert "locked" in str(caught.value)
    holder.execute("rollback")
    holder.close()
    assert db.write_sync(rows.execution).created
    db.close()


def test_a_full_disk_says_so_and_keeps_what_was_there(sqlite_url: str) -> None:
    """The store's file may not grow: the write is refused in words, reading goes on."""
    db = Database(sqlite_url)
    db.write_sync(rows.execution)
    pages = db.write_sync(lambda tx: tx.conn.exec_driver_sql("pragma page_count").scalar_one())
    db.write_sync(lambda tx: tx.conn.exec_driver_sql(f"pragma max_page_count = {pages + 1}"))
    with pytest.raises(StoreUnavailable) as caught:
        db.write_sync(lambda tx: rows.execution(tx, execution_id="e2", inputs={"text": "x" * 200_000}))
    assert "Free disk space" in caught.value.remedy
    assert db.read_sync(lambda tx: executions.get(tx, NS, "e1")) is not None
    assert db.read_sync(lambda tx: executions.get(tx, NS, "e2")) is None
    db.close()


async def test_a_read_sees_one_snapshot(database: Database) -> None:
    """Two statements of one read agree, whatever commits between them."""
    await database.write(rows.execution)

    def unit(tx: Tx) -> tuple[int, int]:
        first = len(executions.list_executions(tx, NS).items)
        database.write_sync(lambda other: rows.execution(other, execution_id="e2"))
        return first, len(executions.list_executions(tx, NS).items)

    assert await database.read(unit) == (1, 1)
    assert len((await database.read(lambda tx: executions.list_executions(tx, NS))).items) == 2


def test_a_path_with_percent_and_spaces_is_a_path(tmp_path: Path) -> None:
    from workflows.store import migrate

    folder = tmp_path / "odd 100% name"
    folder.mkdir()
    assert migrate.upgrade(f"sqlite:///{folder / 'visto.db'}").ready
