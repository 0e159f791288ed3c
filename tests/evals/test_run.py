"""Counting rows: each is waiting, decided, failed or lost, and nothing unproven counts as arrived."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from evals.gates import answers, decide, gate_of
from evals.model import EvalError
from evals.run import Run, start
from tests.evals.support import cases, subject


def gate(item, suggested="a", state="open", outcome=None, **meta):
    """What the API says of a gate."""
    return {
        "id": f"g{item}",
        "item_key": str(item),
        "state": state,
        "revision": 1,
        "action_digest": "d" * 64,
        "decisions": [{"outcome": outcome, "undone_at": None}] if outcome else [],
        "view": {"suggestion": {"category": suggested}, "meta": {"confidence": 0.5, "citations": [{}]} | meta},
    }


@dataclass
class Installation:
    """An API that answers from what it holds; ``later`` are gates that open one look after the other."""

    gates: list[dict] = field(default_factory=list)
    later: list[dict] = field(default_factory=list)
    result: dict = field(default_factory=lambda: {"state": "running", "outputs": None})
    posted: list[tuple[str, dict]] = field(default_factory=list)
    conflicts: list[dict] = field(default_factory=list)

    def get(self, path, timeout=None, **query):
        if path.startswith("/gates/"):
            return next(one for one in self.gates if path == f"/gates/{one['id']}")
        if path.startswith("/flows/"):
            return {"inputs": [{"id": "file", "type": "file"}]}
        if self.later:
            self.gates.append(self.later.pop(0))
        return self.result

    def pages(self, path, limit=None, **query):
        yield from [one for one in self.gates if one["state"] == query["state"]]

    def post(self, path, body=None):
        self.posted.append((path, body))
        if path == "/gates/decisions":
            return {"decided": len(body["items"]) - len(self.conflicts), "conflicts": self.conflicts}
        return {"flow_id": "triage", "execution": "e1", "action_digest": "n" * 64}


def run(api, *labels, stalled_s=0.0):
    return Run(api, subject(cases(*labels)), "e1", stalled_s, sleep=lambda _: None)


def test_it_waits_until_the_last_row_has_its_gate():
    api = Installation(later=[gate(0), gate(1), gate(2)])
    report = run(api, "a", "a", "b", stalled_s=60).report()
    assert (report.rows.waiting, report.rows.lost) == (3, ())
    assert report.score.accuracy == pytest.approx(2 / 3, abs=1e-3)


def test_a_row_without_a_gate_is_lost_and_named_once_nothing_moves_any_more():
    report = run(Installation([gate(0), gate(2)]), "a", "a", "a").report()
    assert report.rows.lost == ("r1",)
    assert (report.score.cases, report.score.right) == (3, 2)


def test_a_withdrawn_gate_is_a_lost_row():
    assert run(Installation([gate(0), gate(1, state="withdrawn")]), "a", "a").report().rows.lost == ("r1",)


def test_rows_count_as_failed_only_when_the_ended_execution_says_so():
    """An absent gate alone proves no failure."""
    api = Installation([gate(0)], result={"state": "warning", "outputs": {"failed": 1}})
    rows = run(api, "a", "a", "a").report().rows
    assert (rows.waiting, rows.failed, len(rows.lost)) == (1, 1, 1)


def test_more_failures_than_absent_rows_do_not_hide_anything():
    api = Installation([gate(0)], result={"state": "warning", "outputs": {"failed": 9}})
    rows = run(api, "a", "a").report().rows
    assert (rows.failed, rows.lost) == (1, ())


def test_decisions_of_policy_and_of_people_are_told_apart():
    api = Installation([gate(0, state="decided", outcome="auto"), gate(1, state="decided", outcome="edited"), gate(2)])
    rows = run(api, "a", "a", "a").report().rows
    assert (rows.auto, rows.decided, rows.waiting) == (1, 1, 1)


def test_every_row_is_counted_exactly_once():
    api = Installation(
        [gate(0), gate(1, state="decided", outcome="approved"), gate(2, state="withdrawn")],
        result={"state": "failed", "outputs": {"failed": 1}},
    )
    rows = run(api, *"aaaaa").report().rows
    assert rows.total == rows.auto + rows.decided + rows.waiting + rows.failed + len(rows.lost) == 5


def test_two_gates_for_one_row_are_an_error_and_not_a_count():
    twice = [gate(0), gate(0) | {"id": "other"}]
    with pytest.raises(EvalError, match="more than one gate"):
        run(Installation(twice), "a").report()


def test_gates_about_something_else_are_left_out():
    other = gate(0) | {"id": "other", "view": {"suggestion": {"amount": 1}, "meta": {}}}
    assert run(Installation([gate(0), other]), "a").report().rows.waiting == 1


def test_an_undone_decision_is_no_outcome():
    undone = gate(0, outcome="auto")
    undone["decisions"][0]["undone_at"] = "2026-01-01T00:00:00Z"
    assert gate_of(undone).outcome is None


def test_answers_come_in_the_order_of_the_data():
    gates = [gate_of(gate(2, "c")), gate_of(gate(0, "a"))]
    assert [one.suggested for one in answers(cases(*"abc"), gates, "category")] == ["a", None, "c"]


def test_the_reviewer_approves_what_is_right_and_edits_the_rest_as_previewed():
    api = Installation()
    gates = [gate_of(gate(0, "a")), gate_of(gate(1, "a")), gate_of(gate(2, "a", state="decided", outcome="auto"))]
    assert decide(api, cases("a", "b", "b"), gates, "category") == 2
    approve, edit = api.posted[-1][1]["items"]
    assert approve["action"] == "approve"
    assert (edit["action"], edit["fields"], edit["new_action_digest"]) == ("edit", {"category": "b"}, "n" * 64)
    assert edit["revision"] == 1


def test_a_gate_that_could_not_be_decided_ends_the_evaluation_with_its_words():
    conflict = {"message": "It was decided before.", "remedy": "Look again.", "code": "already_decided"}
    with pytest.raises(EvalError, match="decided before") as caught:
        decide(Installation(conflicts=[conflict]), cases("a"), [gate_of(gate(0))], "category")
    assert (caught.value.code, caught.value.remedy) == ("already_decided", "Look again.")


def test_the_flow_is_saved_and_started_with_the_inputs_it_declares():
    api = Installation()
    given = subject(cases("a"), {"id": "triage", "tasks": []})
    assert start(api, given, lambda declared: {declared[0]["id"]: "inbox/rows.csv"}) == "e1"
    (_, flow), (path, body) = api.posted
    assert json.loads(flow["source"]) == given.flow
    assert (path, body["inputs"]) == ("/flows/triage/executions", {"file": "inbox/rows.csv"})
