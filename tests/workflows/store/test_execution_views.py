"""Executions as they are looked through: filters and search, pages, whom they wait for, steps and gates summed up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.rows import NS, OTHER, decision, execution, gate
from workflows.journal.records import Record
from workflows.store.refusals import InvalidCursor
from workflows.store.repositories import decisions, execution_records, execution_rows, execution_traces, executions
from workflows.store.repositories import outbox as outgoing
from workflows.store.repositories.execution_rows import Filter


def made(database, *numbers: str, namespace: str = NS, clock=None, **more):
    for number in numbers:
        database.write_sync(lambda tx, n=number: execution(tx, namespace, n, **more))
        if clock is not None:
            clock.advance(60)


def found(database, *, namespace: str = NS, **wanted) -> list[str]:
    return [row.id for row in database.read_sync(lambda tx: execution_rows.page(tx, namespace, Filter(**wanted))).items]


def test_the_newest_come_first_and_pages_leave_nothing_out(database, clock):
    made(database, "e1", "e2", clock=clock)
    made(database, "e3", "e4", "e5")  # at one instant
    seen, cursor = [], None
    while True:
        page = database.read_sync(lambda tx, c=cursor: execution_rows.page(tx, NS, Filter(), cursor=c, limit=2))
        seen += [row.id for row in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == ["e5", "e4", "e3", "e2", "e1"]


def test_a_cursor_of_somebody_else_is_refused(database):
    with pytest.raises(InvalidCursor):
        database.read_sync(lambda tx: execution_rows.page(tx, NS, Filter(), cursor="bm90"))


def test_each_filter_narrows(database, clock):
    made(database, "e1", clock=clock, flow_id="a", requester_id="ann")
    made(database, "e2", clock=clock, flow_id="b", via="webhook")
    database.write_sync(lambda tx: executions.set_state(tx, NS, "e1", "failed", None))
    assert found(database, flow_id="a") == ["e1"]
    assert found(database, via="webhook") == ["e2"]
    assert found(database, requester_id="ann") == ["e1"]
    assert found(database, states=("failed", "waiting")) == ["e1"]
    start = clock.now - timedelta(seconds=120)
    assert found(database, since=start + timedelta(seconds=1)) == ["e2"]
    assert found(database, until=start + timedelta(seconds=60)) == ["e1"]
    assert found(database, flow_id="a", via="webhook") == []


@pytest.mark.parametrize(
    ("text", "finds"),
    [
        ("PO-4711", True), ("po-47", True), ("EU-west", True), ("Müller & Söhne", True), ("invoice.csv", True),
        ('say "hi"', True), ("100%", True), ("e1-abcdef", True), ("1-abcd", True), ("abc", False), ("_", False),
        ("invoice.pdf", False), ("\\", False), ("🦊", True),
    ],
)  # fmt: skip
def test_search_looks_into_ids_references_labels_and_inputs(database, text, finds):
    """Without regard to case; what is special to a pattern or to JSON is looked for as it is."""
    inputs = {"file": "invoice.csv", "note": 'Müller & Söhne say "hi" at 100% 🦊'}
    made(database, "e1-abcdef", inputs=inputs, reference="PO-4711", labels={"region": "eu-west"})
    made(database, "e2", inputs={"file": "x"})
    assert found(database, text=text) == (["e1-abcdef"] if finds else [])


def test_nobody_sees_another_namespace(database):
    made(database, "e1")
    made(database, "f1", namespace=OTHER)
    assert found(database) == ["e1"]
    assert database.read_sync(lambda tx: execution_rows.some(tx, NS, ["e1", "f1"])).keys() == {"e1"}
    assert database.read_sync(lambda tx: execution_rows.counts(tx, OTHER)) == {"created": 1}
    assert database.read_sync(lambda tx: execution_traces.gate_rows(tx, OTHER, ["g1"])) == {}


def test_counts_are_by_state_of_all_or_of_one_flow(database):
    made(database, "e1", "e2", flow_id="a")
    made(database, "e3", flow_id="b")
    database.write_sync(lambda tx: executions.set_state(tx, NS, "e3", "failed", None))
    assert database.read_sync(lambda tx: execution_rows.counts(tx, NS)) == {"created": 2, "failed": 1}
    assert database.read_sync(lambda tx: execution_rows.counts(tx, NS, "b")) == {"failed": 1}
    assert database.read_sync(lambda tx: execution_rows.flows_run(tx, NS)) == ["a", "b"]


def test_whom_an_execution_waits_for_is_told_task_by_task(database):
    made(database, "e1", "e2")

    def unit(tx):
        for n in range(3):
            gate(tx, NS, f"g{n}", item_key=str(n))
        gate(tx, NS, "h", path="sign", item_key="", policy={"stages": [{"groups": [], "people": ["ann"]}]})
        gate(tx, NS, "done", item_key="9", state="decided")

    database.write_sync(unit)
    asked = database.read_sync(lambda tx: execution_rows.waiting(tx, NS, ["e1", "e2"]))
    assert {(one.path, one.count, one.audience) for one in asked} == {
        ("triage.review", 3, "|g:fraud|"), ("sign", 1, "|p:ann|"),
    }  # fmt: skip
    assert database.read_sync(lambda tx: execution_rows.waiting(tx, NS, [])) == []


def test_a_gate_shows_the_decision_that_counts(database):
    made(database, "e1")

    def unit(tx):
        gate(tx, NS, "g1", state="decided")
        decisions.add(tx, NS, decision(tx, "g1", "d1"))
        decisions.supersede(tx, NS, "d1", "system")
        decisions.add(tx, NS, decision(tx, "g1", "d2", outcome="rejected"))
        gate(tx, NS, "g2", item_key="1")
        decisions.add(tx, NS, decision(tx, "g2", "d3", outcome="changes_requested"))

    database.write_sync(unit)
    states = database.read_sync(lambda tx: execution_traces.gate_states(tx, NS, "e1"))
    assert {(one.id, one.state, one.outcome) for one in states} == {("g1", "decided", "rejected"), ("g2", "open", None)}
    rows = database.read_sync(lambda tx: execution_traces.gate_rows(tx, NS, ["g1", "g2"]))
    assert (rows["g1"].by, rows["g2"].by) == ("Ann", None)


def note(database, journal, kind: str, path: str | None = None, **meta) -> None:
    record = Record(namespace=NS, execution_id="e1", kind=kind, path=path, actor_kind="worker", meta=meta)
    database.write_sync(lambda tx: journal.append(tx, record))


def test_a_step_stands_as_its_last_record_says(database, journal, clock):
    made(database, "e1")
    for path, kinds in {
        "orders": ("tool.request", "tool.response"),
        "a[0]": ("llm.request",),
        "a[1]": ("llm.request", "llm.failed"),
        "a[2]": ("llm.request", "llm.failed", "llm.request", "llm.response"),
        "a[3]": ("action.intent", "action.unknown_outcome"),
        "a[4]": ("retrieval",),
        "gate": ("approval.requested", "decision.submitted", "permit.granted"),
    }.items():
        for kind in kinds:
            note(database, journal, kind, path)
            clock.advance(1)
    traces = dict(database.read_sync(lambda tx: execution_traces.traces(tx, NS, "e1")))
    assert traces == {
        "orders": "succeeded", "a[0]": "running", "a[1]": "failed", "a[2]": "succeeded", "a[3]": "unknown",
        "a[4]": "succeeded",
    }  # fmt: skip


def test_what_was_written_at_one_instant_is_still_in_order(database, journal):
    """A quick effect is intended and applied within a clock's tick; a lost one is taken up again in one transaction."""
    made(database, "e1")
    for path, kinds in {
        "a": ("action.intent", "action.applied"),
        "b": ("action.unknown_outcome", "action.intent"),
    }.items():
        for kind in kinds:
            note(database, journal, kind, path)
    traces = dict(database.read_sync(lambda tx: execution_traces.traces(tx, NS, "e1")))
    assert traces == {"a": "succeeded", "b": "running"}


def test_records_are_counted_by_task_kind_and_time_over_all_elements(database, journal, clock):
    made(database, "e1")
    for n in range(4):
        note(database, journal, "llm.request", f"triage/suggest[{n}]")
        clock.advance(20)
    buckets = database.read_sync(lambda tx: execution_traces.buckets(tx, NS, "e1", 16))
    assert [(one.path, one.kind, one.at, one.count) for one in sorted(buckets, key=lambda one: one.at)] == [
        ("triage/suggest", "llm.request", "2026-03-02T09:00", 3),
        ("triage/suggest", "llm.request", "2026-03-02T09:01", 1),
    ]


def test_what_is_recorded_about_the_execution_itself_and_when_it_began_and_last_moved(database, journal, clock):
    made(database, "e1")
    assert database.read_sync(lambda tx: execution_records.times(tx, NS, "e1")) is None
    began = clock()
    note(database, journal, "execution.created")
    clock.advance(20)
    note(database, journal, "llm.request", "triage[0]")
    note(database, journal, "execution.ended")
    runs = database.read_sync(lambda tx: execution_records.runs(tx, NS, "e1"))
    assert [one.kind for one in runs] == ["execution.created", "execution.ended"]
    assert database.read_sync(lambda tx: execution_records.times(tx, NS, "e1")) == (began, clock())


def test_records_come_page_by_page_by_kind_by_task_and_by_element(database, journal):
    made(database, "e1")
    note(database, journal, "execution.created")
    for n in range(12):
        note(database, journal, "llm.response", f"triage/review/suggest[{n}]")
        note(database, journal, "approval.requested", "triage/review", item_key=str(n), gate_id=f"g{n}")
    note(database, journal, "llm.response", "triage_2[1]")

    def seqs(**wanted):
        return [one.seq for one in database.read_sync(lambda tx: execution_records.records(tx, NS, "e1", **wanted))]

    assert database.read_sync(lambda tx: execution_records.head(tx, NS, "e1")) == 26
    assert seqs(limit=3) == [1, 2, 3]
    assert seqs(after=3, limit=2) == [4, 5]
    assert seqs(only=("execution.",)) == [1]
    assert seqs(only=("llm.", "execution.created"), limit=3) == [1, 2, 4]
    assert seqs(element="1") == [4, 5, 26]
    assert seqs(element="11") == [24, 25]
    assert len(seqs(path="triage")) == 24
    assert len(seqs(path="triage/review")) == 24
    assert len(seqs(path="triage/review/suggest")) == 12
    assert seqs(path="triage/review", element="0") == [2, 3]
    other = database.read_sync(lambda tx: execution_records.records(tx, OTHER, "e1"))
    assert other == []


def test_the_callback_of_each_run_is_its_own(database):
    made(database, "e1", callback_url="https://example.com/x")

    def unit(tx):
        outgoing.add(tx, NS, kind="callback", target="e1", payload={}, item_id="callback:e1:1")
        outgoing.failed(tx, NS, "callback:e1:1", "the receiver answered 500")

    database.write_sync(unit)
    assert database.read_sync(lambda tx: execution_traces.callback(tx, NS, "e1", 0)) is None
    told = database.read_sync(lambda tx: execution_traces.callback(tx, NS, "e1", 1))
    assert (told.delivered_at, told.last_error) == (None, "the receiver answered 500")
