"""An execution in words: a model's call is told by what was asked and what came back; everything is in ``full``."""

from __future__ import annotations

from typing import Any

from workflows.journal.explain import explain
from workflows.journal.read import Entry

CALL = {
    "answer": {"content": "", "tool_calls": [{"name": "answer", "args": {"risk": "low"}}]},
    "request": {
        "messages": [{"role": "system", "content": "Rate it."}, {"role": "user", "content": "order\n\x1b[31m17"}]
    },
}


def entry(content: Any) -> Entry:
    return Entry(
        event_id="e", stream="s", seq=1, kind="llm.response", occurred_at="2026-11-22T09:00:00Z", actor_kind="worker",
        actor_id=None, via=None, flow_id=None, execution_id="x", path="review", attempt=1, outcome="ok", action_digest=None,
        event_hash="h", prev_hash="p", content_commitment=None, revision_sha256=None, meta={}, content=content,
    )  # fmt: skip


def test_a_models_call_is_told_by_question_and_answer() -> None:
    lines = explain([entry(CALL)])
    assert [line.strip() for line in lines[1:]] == [
        "asked: order\\n\\x1b[31m17",
        'answered: answer {"risk": "low"}',
    ]


def test_a_long_question_is_cut_and_says_how_long_it_is() -> None:
    long = {"request": {"messages": [{"role": "user", "content": "x" * 500}]}}
    (asked,) = explain([entry(long)])[1:]
    assert asked.endswith("… (500 characters)")
    assert len(asked) < 200


def test_full_holds_every_word() -> None:
    (whole,) = explain([entry(CALL)], full=True)[1:]
    assert "Rate it." in whole
    assert '"tool_calls"' in whole


def test_other_contents_are_shown_as_they_are() -> None:
    for content in ("a text", {"inputs": {"a": 1}}, {"request": "odd", "answer": None}, [1, 2]):
        assert len(explain([entry(content)])) == 2
