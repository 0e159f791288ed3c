"""The console's lists go by an index: none reads every row of a large table, and none sorts what waits.

Plans are SQLite's; it makes them from the schema alone, so a small store says what a large one does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from tests.support.clock import FakeClock
from tests.support.plans import plans
from workflows.journal import read
from workflows.store.db import Database, Tx
from workflows.store.paging import encode
from workflows.store.repositories import execution_rows, execution_traces, flow_facts, inbox, inbox_facts
from workflows.store.repositories.execution_rows import Filter
from workflows.store.repositories.inbox import Narrowing

NS, RUN, GATE = "default", "an-execution", "a-gate"
NOW = FakeClock()()
ME = ("ana", ("fraud",))
Unit = Callable[[Tx], object]


def _inbox(**asked: object) -> Unit:
    return lambda tx: inbox.search(tx, NS, Narrowing(**asked))  # type: ignore[arg-type]


def _runs(**asked: object) -> Unit:
    return lambda tx: execution_rows.page(tx, NS, Filter(**asked))  # type: ignore[arg-type]


def _journal(**asked: object) -> Unit:
    return lambda tx: read.search(tx, NS, **asked)  # type: ignore[arg-type]


LISTS: dict[str, tuple[Unit, str]] = {
    "inbox": (_inbox(eligible=ME), "ix_gates_inbox_audience (namespace=? AND state=?)"),
    "inbox, everything": (_inbox(), "ix_gates_inbox_audience (namespace=? AND state=?)"),
    "inbox, behind a page": (
        lambda tx: inbox.search(tx, NS, Narrowing(), cursor=encode("a-sort-key")),
        "ix_gates_inbox_audience (namespace=? AND state=? AND sort_key>?)",
    ),
    "inbox, words": (_inbox(eligible=ME, text="order"), "ix_gates_inbox_audience (namespace=? AND state=?)"),
    "inbox, due": (_inbox(eligible=ME, due_before=NOW), "ix_gates_inbox_audience (namespace=? AND state=?)"),
    "inbox, flow": (
        _inbox(eligible=ME, flow_id="f"),
        "ix_gates_waiting_audience (namespace=? AND state=? AND flow_id=?)",
    ),
    "inbox, batch": (
        _inbox(eligible=ME, batch_key="b"),
        "ix_gates_batch_audience (namespace=? AND batch_key=? AND state=?)",
    ),
    "inbox, claimed": (_inbox(claimed_by="ana"), "ix_gates_claimed (namespace=? AND claimed_by=?)"),
    "open gates of flows": (
        lambda tx: inbox.counts_of_flows(tx, NS, ME),
        "COVERING INDEX ix_gates_waiting_audience (namespace=? AND state=?)",
    ),
    "open gates of batches": (
        lambda tx: inbox.counts_of_batches(tx, NS, ["b"], ME),
        "COVERING INDEX ix_gates_batch_audience (namespace=? AND batch_key=? AND state=?)",
    ),
    "who looks": (
        lambda tx: inbox_facts.lookers(tx, NS, [GATE], NOW - timedelta(minutes=5)),
        "ix_audit_kind (namespace=? AND kind=? AND event_id>?)",
    ),
    "executions": (_runs(), "ix_executions_list (namespace=?)"),
    "executions of a flow": (_runs(flow_id="f"), "ix_executions_recent (namespace=? AND flow_id=?)"),
    "runs of a flow": (
        lambda tx: flow_facts.runs(tx, NS, "f"),
        "ix_executions_recent (namespace=? AND flow_id=?)",
    ),
    "journal": (_journal(), "ix_audit_recent (namespace=?)"),
    "journal since": (_journal(since=NOW), "ix_audit_recent (namespace=? AND event_id>?)"),
    "journal until": (_journal(until=NOW), "ix_audit_recent (namespace=? AND event_id<?)"),
    "journal of a flow": (_journal(flow_id="f"), "ix_audit_flow (namespace=? AND flow_id=?)"),
    "journal of a person": (_journal(actor_id="ana"), "ix_audit_actor (namespace=? AND actor_id=?)"),
    "journal of kinds": (
        _journal(kinds=("comment.added", "claim.taken")),
        "ix_audit_kind (namespace=? AND kind=?)",
    ),
    "records about a gate": (
        lambda tx: read.about_gate(tx, NS, RUN, "review", GATE, kinds=("approval.viewed",)),
        "ix_audit_gate_sqlite (namespace=? AND <expr>=?)",
    ),
    "gates of an execution": (
        lambda tx: execution_traces.gate_states(tx, NS, RUN),
        "COVERING INDEX ix_gates_execution (namespace=? AND execution_id=?)",
    ),
    "traces of an execution": (
        lambda tx: execution_traces.traces(tx, NS, RUN),
        "COVERING INDEX ix_audit_execution (namespace=? AND execution_id=? AND path>?)",
    ),
}


@pytest.fixture
def db(sqlite_url: str, clock: FakeClock) -> Iterator[Database]:
    store = Database(sqlite_url, clock=clock)
    yield store
    store.close()


@pytest.mark.parametrize("name", LISTS)
def test_a_list_goes_by_its_index(db: Database, name: str) -> None:
    unit, index = LISTS[name]
    steps = plans(db, unit)
    assert any(index in step for step in steps), steps
    large = ("SCAN gates", "SCAN executions", "SCAN audit_event", "SCAN gate_revisions", "SCAN decisions")
    assert not [step for step in steps if step.startswith(large)], steps


@pytest.mark.parametrize("name", ["inbox", "inbox, flow", "inbox, batch", "executions", "journal", "journal of a flow"])
def test_a_list_is_read_in_its_order_and_left_when_the_page_is_full(db: Database, name: str) -> None:
    """Nothing is sorted, so a page costs the same whatever waits behind it."""
    assert not [step for step in plans(db, LISTS[name][0]) if "TEMP B-TREE" in step and "PART" not in step]


def test_records_of_one_execution_are_found_by_it_however_many_there_are_of_others(db: Database) -> None:
    steps = plans(db, _journal(execution_id=RUN))
    assert any("ix_audit_execution (namespace=? AND execution_id=?)" in step for step in steps), steps
