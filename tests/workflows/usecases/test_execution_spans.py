"""Spans from the journal's records: calls paired by operation, questions by gate, what is open lasts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from workflows.store.repositories.execution_traces import Bucket
from workflows.usecases.execution_spans import WIDTHS, levels_of, spans_of, width_for

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class Recorded:
    kind: str
    at: float
    path: str | None = "triage/review/suggest[0]"
    outcome: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def event_id(self) -> str:
        return f"{self.kind}@{self.at}"

    @property
    def occurred_at(self) -> str:
        return (START + timedelta(seconds=self.at)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def call(kind: str, at: float, key: str = "k", **more: Any) -> Recorded:
    return Recorded(kind, at, meta={"key": key, "op_id": "o"}, **more)


def asked(kind: str, at: float, gate: str = "g", **more: Any) -> Recorded:
    return Recorded(kind, at, "triage/review", meta={"gate_id": gate, "item_key": "0"}, **more)


def told(records):
    """Each span as ``(sort, state, from second, to second)``."""
    seconds = lambda at: None if at is None else (at - START).total_seconds()  # noqa: E731  a name for a difference
    return [(span.sort, span.state, seconds(span.start), seconds(span.end)) for span in spans_of(records)]


def test_a_call_lasts_from_its_request_to_its_answer():
    spans = spans_of([call("llm.request", 1), call("llm.response", 4)])
    assert [(span.path, span.key, span.sort, span.state) for span in spans] == [
        ("triage/review/suggest", "0", "model", "succeeded")
    ]
    assert (spans[0].end - spans[0].start).total_seconds() == 3
    assert spans[0].event_id == "llm.request@1"


def test_calls_that_overlap_are_paired_by_their_operation():
    records = [call("llm.request", 0, "a"), call("llm.request", 1, "b"), call("llm.response", 2, "a"),
               call("llm.failed", 5, "b")]  # fmt: skip
    assert told(records) == [("model", "succeeded", 0, 2), ("model", "failed", 1, 5)]


def test_a_call_without_an_answer_lasts():
    assert told([call("tool.request", 3)]) == [("tool", "running", 3, None)]


def test_a_second_attempt_is_a_span_of_its_own():
    """The first attempt's answer was lost; what is known of the second comes from the second."""
    records = [call("action.intent", 0), call("action.unknown_outcome", 9), call("action.intent", 9),
               call("action.applied", 10)]  # fmt: skip
    assert told(records) == [("effect", "unknown", 0, 9), ("effect", "succeeded", 9, 10)]


def test_a_look_up_is_a_point_in_time():
    assert told([call("retrieval", 2)]) == [("search", "succeeded", 2, 2)]


def test_people_are_waited_for_from_the_question_to_the_decision():
    records = [asked("approval.requested", 1), asked("approval.viewed", 2),
               asked("decision.submitted", 61, outcome="rejected")]  # fmt: skip
    assert told(records) == [("people", "rejected", 1, 61)]
    assert spans_of(records)[0].key == "0"


def test_a_new_revision_goes_on_with_the_same_question():
    records = [asked("approval.requested", 1), asked("approval.requested", 9), asked("decision.auto", 10)]
    assert told(records) == [("people", "auto", 1, 10)]


def test_a_decision_that_is_taken_back_opens_the_question_again():
    records = [asked("approval.requested", 0), asked("decision.submitted", 5, outcome="approved"),
               asked("decision.undone", 6), asked("gate.withdrawn", 20)]  # fmt: skip
    assert told(records) == [("people", "approved", 0, 5), ("people", "withdrawn", 6, 20)]


def test_each_run_of_an_execution_is_a_span():
    at = {"path": None}
    records = [Recorded("execution.created", 0, **at), Recorded("execution.ended", 5, outcome="failed", **at),
               Recorded("execution.restarted", 60, **at)]  # fmt: skip
    assert told(records) == [("run", "failed", 0, 5), ("run", "running", 60, None)]


def test_records_about_nothing_that_lasts_are_left_out():
    assert told([Recorded("comment.added", 0), Recorded("permit.granted", 1), Recorded("llm.fallback", 2)]) == []


def levels(*buckets: tuple[str, str, int]):
    found = levels_of(Bucket("triage/review", kind, at, count) for kind, at, count in buckets)
    return {sort: [(f"{one.at:%H:%M}", one.count) for one in some] for (_, sort), some in found.items()}


def test_of_many_elements_the_number_under_way_is_told():
    made = levels(
        ("approval.requested", "2026-03-02T09:00", 10),
        ("decision.submitted", "2026-03-02T09:05", 4),
        ("decision.expired", "2026-03-02T10:00", 6),
    )
    assert made == {"people": [("09:00", 10), ("09:01", 10), ("09:05", 10), ("09:06", 6), ("10:00", 6), ("10:01", 0)]}


def test_what_begins_and_ends_within_a_bucket_was_under_way_in_it():
    made = levels(("llm.request", "2026-03-02T09:00", 7), ("llm.response", "2026-03-02T09:00", 7))
    assert made == {"model": [("09:00", 7), ("09:01", 0)]}


def test_look_ups_have_no_beginning_and_are_shown_all_the_same():
    assert levels(("retrieval", "2026-03-02T09:00", 3)) == {"search": [("09:00", 3), ("09:01", 0)]}


def test_times_are_told_as_exactly_as_so_many_parts_allow():
    assert width_for(timedelta(minutes=3), 240) == 19
    assert width_for(timedelta(hours=3), 240) == 16
    assert width_for(timedelta(days=3), 240) == 13
    assert width_for(timedelta(days=9000), 240) == min(WIDTHS)
