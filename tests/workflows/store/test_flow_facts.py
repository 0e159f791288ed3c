"""What lists and pages about flows are made of: counted over a window, of one namespace, taken-back decisions left out."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from tests.support import rows
from tests.support.clock import FakeClock
from tests.support.rows import NS, OTHER
from workflows.store.db import Database, Tx
from workflows.store.refusals import InvalidCursor
from workflows.store.repositories import decisions, executions, flow_facts, flows, inbound

A = "order-risk"


def seed(tx: Tx) -> None:
    rows.flow(tx)
    rows.flow(tx, flow_id="other-flow")
    rows.flow(tx, OTHER)
    for number, state in enumerate(["succeeded", "failed", "waiting"]):
        rows.execution(tx, execution_id=f"e{number}")
        if state != "waiting":
            began = tx.now - timedelta(seconds=30 * (number + 1))
            executions.set_state(tx, NS, f"e{number}", state, None, started_at=began, ended_at=tx.now)
    rows.execution(tx, OTHER, execution_id="theirs")
    for number in range(3):
        rows.gate(tx, gate_id=f"g{number}", item_key=str(number), state="open" if number else "decided")
    decisions.add(tx, NS, rows.decision(tx, "g0", "d0"))
    decisions.add(tx, NS, rows.decision(tx, "g1", "d1", outcome="rejected", effective_at=tx.now + timedelta(minutes=1)))
    assert decisions.undo(tx, NS, "d1", "ann")


def test_lines_are_by_id_and_found_by_their_text(database: Database) -> None:
    database.write_sync(seed)

    def names(**more: object) -> list[str]:
        return [one.flow_id for one in database.read_sync(lambda tx: flow_facts.lines(tx, NS, **more)).items]  # type: ignore[arg-type]

    assert names() == [A, "other-flow"]
    assert names(query="ORDER-") == [A, "other-flow"], "the text of both says id: order-risk"
    assert names(query="other") == ["other-flow"]
    assert names(query="%") == names(query="_") == names(query="\\") == []
    assert names(state="paused") == []


def test_pages_follow_each_other_and_a_made_up_cursor_is_refused(database: Database) -> None:
    database.write_sync(seed)
    first = database.read_sync(lambda tx: flow_facts.lines(tx, NS, limit=1))
    second = database.read_sync(lambda tx: flow_facts.lines(tx, NS, limit=1, cursor=first.next_cursor))
    assert ([one.flow_id for one in second.items], second.next_cursor) == (["other-flow"], None)
    with pytest.raises(InvalidCursor):
        database.read_sync(lambda tx: flow_facts.lines(tx, NS, cursor="x"))


def test_the_line_shows_the_current_revision(database: Database) -> None:
    database.write_sync(seed)
    database.write_sync(lambda tx: rows.flow(tx, sha256="b" * 64))
    (line, _) = database.read_sync(lambda tx: flow_facts.lines(tx, NS)).items
    assert (line.revision, line.author_id) == (2, "author")


def test_runs_and_gates_are_counted_for_each_flow(database: Database) -> None:
    database.write_sync(seed)
    now = database.clock()

    def look(tx: Tx) -> None:
        both = [A, "other-flow"]
        assert flow_facts.run_counts(tx, NS, both, now - timedelta(hours=1)) == {A: 3}
        assert flow_facts.run_counts(tx, NS, both, now + timedelta(hours=1)) == {}
        assert flow_facts.open_gates(tx, NS, both) == {A: 2}
        assert flow_facts.last_runs(tx, NS, both).keys() == {A}
        assert {run.id for run in flow_facts.runs(tx, NS, A)} == {"e0", "e1", "e2"}
        assert flow_facts.last_runs(tx, NS, []) == {}

    database.read_sync(look)


def test_rates_and_times_leave_out_what_is_under_way_or_was_taken_back(database: Database) -> None:
    database.write_sync(seed)
    since = database.clock() - timedelta(hours=1)

    def look(tx: Tx) -> None:
        assert flow_facts.states(tx, NS, A, since) == {"succeeded": 1, "failed": 1, "created": 1}
        assert sorted(flow_facts.durations(tx, NS, A, since)) == [30, 60]
        assert flow_facts.outcomes(tx, NS, A, since) == {"approved": 1}
        assert flow_facts.outcomes(tx, NS, "other-flow", since) == {}

    database.read_sync(look)


def _arrive(source: str, message: str, tx: Tx) -> None:
    inbound.receive(tx, NS, source, message, "0" * 64)


def test_messages_are_of_one_source_newest_first(database: Database, clock: FakeClock) -> None:
    source = "webhook:f:hook"
    for number in range(3):
        database.write_sync(partial(_arrive, source, f"m{number}"))
        clock.advance(1)
    database.write_sync(partial(_arrive, "webhook:f:hook2", "x"))
    found = database.read_sync(lambda tx: flow_facts.messages(tx, NS, source, limit=2))
    assert [one.message_id for one in found] == ["m2", "m1"]


def test_a_text_with_other_comments_alone_makes_a_revision_only_where_it_is_asked_for(database: Database) -> None:
    def save(text: str, *, keep: bool) -> int:
        return database.write_sync(
            lambda tx: flows.save_revision(
                tx,
                NS,
                "f",
                sha256="s",
                source_text=text,
                bundle={},
                plan={},
                author_id=None,
                source="cli",
                keep_text=keep,
            )
        ).number

    assert [save("a", keep=True), save("b", keep=False), save("a", keep=True), save("b", keep=True)] == [1, 1, 1, 2]
