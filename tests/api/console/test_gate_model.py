"""A gate in words: confidence that claims nothing, deadlines with their consequence, and a history in sentences."""

from __future__ import annotations

from datetime import timedelta

import pytest

from api.console.forms import Form
from api.console.pages import gate_model
from api.console.pages.gate_call_view import call_of
from api.console.pages.gate_history import decided_in_words, history, joined, viewers
from api.console.pages.gate_input import undo_window
from tests.api.conftest import NS
from tests.api.console.gates import Office, an_office  # noqa: F401  a fixture
from tests.support.clock import FakeClock
from tests.workflows.arbiter.conftest import make_plan
from workflows.arbiter import handling, undoing, withdrawing
from workflows.arbiter.model import Assign, Claim, Comment, Handle, Opened, Viewed, Withdraw
from workflows.flow.planned import ExpirePlan, StagePlan
from workflows.journal.read import Entry
from workflows.journal.sealing import ERASED
from workflows.usecases.gate_reading import Reading, reading


def read(office: Office, gate: Opened, who: str = "reviewer") -> Reading:
    return office.services.db.read_sync(lambda tx: reading(tx, NS, gate.gate_id, office.actor(who)))


@pytest.mark.parametrize(
    ("meta", "value", "method"),
    [
        ({"confidence": 0.87, "confidence_method": "match_margin"}, 0.87, "match margin"),
        ({"confidence": 0.6, "confidence_method": "agreement"}, 0.6, "agreement"),
        ({"confidence": 0.0, "confidence_method": "none"}, None, "not measured"),
        ({"confidence": 0.5}, 0.5, "method not recorded"),
        ({"confidence": "high", "confidence_method": "agreement"}, None, "agreement"),
        ({"confidence": True, "confidence_method": "agreement"}, None, "agreement"),
    ],
)
def test_confidence_says_how_it_was_computed_and_never_that_it_is_a_probability(
    meta: dict[str, object], value: float | None, method: str
) -> None:
    """What a model says of itself is no confidence at all."""
    found = gate_model.confidence({**meta, "stated_confidence": 0.99})
    assert found is not None
    assert (found.value, found.method) == (value, method)
    assert "probability" in found.means or "nothing" in found.means


def test_a_suggestion_that_no_model_made_has_no_confidence() -> None:
    assert gate_model.confidence({}) is None


def test_the_offline_model_is_said_to_be_no_language_model() -> None:
    made_by = {"provider": "offline", "model": "offline", "is_llm": False}
    found = gate_model.confidence({"confidence": 1, "confidence_method": "match_margin", "generator": made_by})
    assert found is not None
    assert "no language model" in found.who
    assert "no language model" in found.means


def test_citations_of_any_shape_are_read_without_falling_over() -> None:
    """Documents of earlier versions are shown too."""
    cited = [{"quote": "x", "score": "high"}, "not a citation", {"document": "d.md", "score": 0.5}]
    found = gate_model.passages({"citations": cited})
    assert [(one.number, one.quote, one.document, one.score) for one in found] == [
        (0, "x", "", None),
        (1, "", "d.md", 0.5),
    ]
    assert gate_model.passages({"citations": "none"}) == gate_model.passages({}) == ()


@pytest.mark.parametrize(
    ("then", "words", "dangerous"),
    [
        ("reject", "then it is rejected", False),
        ("approve", "then it is approved without anybody", True),
        ("fail", "then the execution fails", False),
    ],
)
def test_a_deadline_says_what_happens_then(
    office: Office, clock: FakeClock, then: str, words: str, dangerous: bool
) -> None:
    """An approval by silence stands out from the beginning; the last hour does for all."""
    gate = office.open(make_plan(expire=ExpirePlan(after_ms=7_200_000, then=then)))
    found = gate_model.deadline(read(office, gate))
    assert found is not None
    assert (found.then, found.dangerous, found.soon, found.late) == (words, dangerous, False, False)
    clock.advance(timedelta(minutes=90))
    soon = gate_model.deadline(read(office, gate))
    assert soon is not None
    assert soon.soon
    clock.advance(timedelta(hours=1))
    late = gate_model.deadline(read(office, gate))
    assert late is not None
    assert (late.soon, late.late) == (False, True)


def test_no_deadline_is_none(office: Office) -> None:
    assert gate_model.deadline(read(office, office.open(make_plan(expire=None)))) is None


def test_stages_in_numbers(office: Office) -> None:
    """One stage after the other, each with who is asked, who agreed and how many are missing."""
    stages = (StagePlan(groups=("fraud",), quorum="all"), StagePlan(people=(office.callers.ids["admin"],)))
    gate = office.open(make_plan(stages=stages))
    office.decide(gate, "reviewer")
    first, second = read(office, gate).stages
    assert gate_model.progress(first) == "1 of 2 approvals, everybody of fraud"
    assert gate_model.progress(second) == "0 of 1 approval at stage Admin"
    assert (first.state, second.state) == ("current", "later")
    office.decide(gate, "admin")
    first, second = read(office, gate).stages
    assert (first.state, second.state, first.missing) == ("passed", "current", 0)
    office.decide(gate, "admin")
    assert [stage.state for stage in read(office, gate).stages] == ["passed", "passed"]


def test_history_in_sentences(office: Office) -> None:
    """Who, what and where, in the order in which it happened; another gate's history is not in it."""
    office.open(item="other")
    gate = office.open(make_plan(stages=(StagePlan(groups=("fraud",), quorum=2),)))
    who = {"namespace": NS, "gate_id": gate.gate_id, "actor": office.actor("admin")}
    journal = office.services.journal
    for act in (
        lambda tx: handling.viewed(tx, journal, Viewed(**who, revision=1)),
        lambda tx: handling.claim(tx, journal, Claim(**who)),
        lambda tx: handling.assign(tx, journal, Assign(**who, to=office.callers.ids["reviewer"])),
        lambda tx: handling.comment(tx, journal, Comment(**who, text="Please.")),
        lambda tx: handling.release(tx, journal, Handle(**who)),
    ):
        office.services.db.write_sync(act)
    office.decide(gate, "admin", "edit", fields={"risk": "high", "reason": "new"})
    found = read(office, gate)
    said = [f"{one.who} {one.says}" for one in history(found)]
    assert said[0] == "Visto asked for a decision"
    assert said[1] == "Admin saw revision 1"
    assert said[2].startswith("Admin took this up until 2026-03-02")
    assert said[3:6] == ["Admin assigned this to Reviewer", "Admin commented", "Admin gave this back"]
    assert said[6:] == [
        "Admin changed the suggestion: revision 2", "Admin edited and approved revision 2; 1 more needed",
    ]  # fmt: skip
    assert {one.channel for one in history(found)} == {"", "Slack"}
    assert viewers(found) == []  # nobody has seen the second revision


def test_what_became_of_a_gate_in_one_sentence(office: Office) -> None:
    gate = office.open()
    assert decided_in_words(read(office, gate)) == ""
    office.decide(gate, "admin", "reject", undo_window=timedelta(seconds=30))
    assert decided_in_words(read(office, gate)) == "Admin rejected this via Slack"
    assert read(office, gate, "admin").may_undo
    assert not read(office, gate).may_undo
    handle = Handle(namespace=NS, gate_id=gate.gate_id, actor=office.actor("admin"))
    office.services.db.write_sync(lambda tx: undoing.undo(tx, office.services.journal, handle))
    assert decided_in_words(read(office, gate)) == ""
    gone = Withdraw(namespace=NS, execution_id="e1", reason="cancelled")
    office.services.db.write_sync(lambda tx: withdrawing.withdraw(tx, office.services.journal, gone))
    assert decided_in_words(read(office, gate)) == "This was withdrawn"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], ""),
        (["Ana"], "Ana"),
        (["Ana", "Ben"], "Ana and Ben"),
        (["Ana", "Ben", "Cleo", "Dora"], "Ana, Ben, Cleo and Dora"),
        (["Ana", "Ben", "Cleo", "Dora", "Eve", "Fay"], "Ana, Ben, Cleo and 3 others"),
    ],
)
def test_names_are_joined_for_reading(names: list[str], words: str) -> None:
    assert joined(names) == words


def entry(kind: str, content: object, **meta: object) -> Entry:
    return Entry(
        event_id="e", stream="s", seq=1, kind=kind, occurred_at="2026-01-01T00:00:00.000000Z", actor_kind="worker",
        actor_id=None, via=None, flow_id=None, execution_id="e1", path="p", attempt=2, outcome="timeout",
        action_digest=None, revision_sha256=None, content_commitment=None, prev_hash="p", event_hash="h", meta=meta,
        content=content,
    )  # fmt: skip


def test_a_call_is_shown_question_first_and_whole() -> None:
    """Messages one by one, tool calls with their arguments; what has no known shape is shown as it was recorded."""
    tool = {"role": "assistant", "content": "", "tool_calls": [{"name": "lookup", "args": {"id": 7}}]}
    content = {
        "answer": {"content": "Done.", "model": None, "usage": {"calls": 1}},
        "request": {"messages": [tool], "temperature": 0},
    }
    found = call_of(
        entry(
            "llm.response",
            content,
            provider="openai",
            model="m",
            usage={"input_tokens": 1234, "output_tokens": 5, "usd": 0.002},
        )
    )
    assert [part.label for part in found.parts] == [
        "Answer of the model",
        "Asked with",
        "Answer of the model",
        "Answered with",
    ]
    assert "lookup" in found.parts[0].text
    assert '"temperature": 0' in found.parts[1].text
    assert found.facts == ("openai m", "1\u202f234 tokens in, 5 out", "$\u00a00.002", "attempt 2", "timeout")
    assert call_of(entry("llm.failed", "as it is")).parts[0].text == "as it is"
    assert call_of(entry("llm.request", {"request": [1, 2]})).parts[0].text == "[\n  1,\n  2\n]"


def test_erased_content_is_not_empty_content() -> None:
    erased, empty = call_of(entry("llm.request", ERASED)), call_of(entry("llm.request", None))
    assert (erased.erased, erased.parts) == (True, ())
    assert (empty.erased, empty.parts) == (False, ())


@pytest.mark.parametrize(
    ("sent", "seconds"), [("0", 0), ("5", 5), ("600", 60), ("-3", 0), ("nan", 5), ("inf", 5), ("soon", 5), (None, 5)]
)
def test_the_time_to_undo_is_bounded(sent: str | None, seconds: float) -> None:
    """No form can keep a decision from taking effect for longer than a minute."""
    form = Form([] if sent is None else [("undo_seconds", sent)])
    assert undo_window(form) == timedelta(seconds=seconds)
