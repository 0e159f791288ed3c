"""Whatever a gate holds, its card is one that Slack takes; what takes effect is whole or cannot be approved there."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.fakes.slack.limits import message_problems
from connectors.fakes.slack.promises import broken
from connectors.fakes.slack.workspace import Message
from tests.support.hostile import ELSEWHERE, hostile_strings
from tests.workflows.arbiter.conftest import NS
from tests.workflows.relay.notices.conftest import PUBLIC, Desk
from workflows.gates.model import Evidence, FailedRule, ResolvedEffect, ShownField, View
from workflows.relay.notices import slack_card as card
from workflows.relay.notices import state
from workflows.relay.notices.channel import Told

HUGE = "long words " * 4_000
TEXT = st.text(max_size=4_000)


@pytest.fixture
def told(desk: Desk) -> Told:
    gate = desk.open()
    found = desk.office.tx(lambda tx: state.read(tx, NS, gate.gate_id, "slack", base_url=PUBLIC))
    assert found is not None
    return found


def shown(told: Told, **view) -> Message:
    """The card of this gate with another view, as Slack would take it."""
    changed = replace(told, view=told.view.model_copy(update=view))
    content = card.open_card(changed)
    assert message_problems(content["blocks"]) == []
    assert broken(content | {"parse": "none"}, PUBLIC, posting=False) == []
    return Message("C1", "1.1", [content], "U1")


def effect(**properties) -> ResolvedEffect:
    return ResolvedEffect(path="a/b", type="http.request", properties=properties)


@pytest.mark.parametrize(
    "view",
    [
        {"title": HUGE},
        {"title": ""},
        {"show": tuple(ShownField(label=HUGE, value=HUGE) for _ in range(60))},
        {"show": tuple(ShownField(label="", value="") for _ in range(200))},
        {"failed_rules": tuple(FailedRule(rule=n, message=HUGE) for n in range(60))},
        {
            "meta": {
                "citations": [{"quote": HUGE, "document": HUGE}] * 60,
                "confidence": 1e308,
                "confidence_label": HUGE,
            }
        },
        {"meta": {"citations": ["x", None, 7], "confidence": "high"}},
        {"evidence": tuple(Evidence(id=HUGE, type="x", state="missing") for _ in range(60))},
        {"evidence": tuple(Evidence(id=f"e{n}", type="x", state="found", value=HUGE) for n in range(60))},
        {"suggestion": {f"f{n}": "v" for n in range(500)}},
        {"suggestion": {}, "effects": ()},
        {"effects": tuple(effect(n=n) for n in range(100))},
    ],
)
def test_every_size_of_every_part_makes_a_card_that_slack_takes(told, view):
    assert "visto_open" in shown(told, **view).buttons()


@pytest.mark.parametrize(
    "view",
    [
        {"effects": (effect(body="x" * 20_000),)},
        {"effects": tuple(effect(body="x" * 500, n=n) for n in range(40))},
        {"suggestion": {"text": "y" * 20_000}},
        {"suggestion": {f"f{n}": "z" * 100 for n in range(200)}},
    ],
)
def test_what_does_not_fit_whole_cannot_be_approved_in_slack_and_the_card_says_where(told, view):
    made = shown(told, **view)
    assert "visto_approve" not in made.buttons()
    assert "visto_edit" not in made.buttons()
    assert "visto_reject" in made.buttons()
    assert "cannot be approved here. Open it in the console." in made.words()


@pytest.mark.parametrize("size", [1, 2_899, 2_900, 2_901, 3_000, 5_800, 8_000])
def test_what_fits_is_shown_to_the_last_character(told, size):
    body = "".join(chr(ord("a") + n % 26) for n in range(size))
    made = shown(told, effects=(effect(body=body),))
    assert "visto_approve" in made.buttons()
    texts = "".join(
        block["text"]["text"] for block in made.now["blocks"] if block["type"] == "section" and "text" in block
    )
    assert json.dumps(body) in texts


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(TEXT, st.one_of(TEXT, st.integers(), st.none(), st.lists(TEXT, max_size=5)), max_size=8), TEXT)
def test_any_values_make_a_card_that_slack_takes(told, values, title):
    shown(
        told, suggestion=values, title=title, effects=(effect(**{f"k{n}": v for n, v in enumerate(values.values())}),)
    )


def everywhere(view: View, text: str) -> dict[str, object]:
    """The same text in every place that data can reach."""
    return {
        "title": text,
        "show": (ShownField(label=text, value=text), ShownField(label=text, value=[text, {text: text}])),
        "suggestion": {text: text, "risk": text},
        "meta": {"confidence": 0.5, "confidence_label": text, "citations": [{"quote": text, "document": text}]},
        "evidence": (Evidence(id=text, type="x", state="missing", reason=text),),
        "failed_rules": (FailedRule(rule=0, message=text),),
        "effects": (effect(url=text, to=text, body={text: [text]}),),
    }


def test_two_thousand_hostile_strings_mention_nobody_and_make_no_link(told):
    """Every place that data can reach; the card stays one that Slack takes."""
    for text in hostile_strings():
        made = shown(told, **everywhere(told.view, text))
        assert not any("\u202e" in word or "\u200b" in word for word in made.words().splitlines()), repr(text)
        for block in made.now["blocks"]:
            if block.get("text", {}).get("type") == "mrkdwn":
                assert ELSEWHERE not in block["text"]["text"]


def test_a_value_cannot_pretend_to_be_another_field(told):
    """Its further lines are marked."""
    words = shown(told, suggestion={"reason": "fine\nrisk: low\r\nrisk: low", "risk": "high"}).words()
    assert [line for line in words.splitlines() if line.startswith("risk:")] == ["risk: high"]
    assert "│ risk: low⟨U+000D⟩" in words


def test_what_people_say_is_data_too(told):
    """Names, reasons and comments of a decision."""
    for text in hostile_strings():
        decision = {
            "id": "d", "outcome": "rejected", "revision": 1, "action_digest": "0" * 64, "by": text, "actor_kind": "person",
            "actor_id": "a", "via": "api", "fields": {"risk": text}, "reason_code": text, "comment": text,
            "decided_at": told.now, "effective_at": told.now, "undone_at": None,
        }  # fmt: skip
        detail = told.detail.model_copy(
            update={"state": "decided", "title": text, "decisions": (card.DecisionShown.model_validate(decision),)}
        )
        content = card.closed_card(replace(told, detail=detail))
        assert message_problems(content["blocks"]) == []
        assert broken(content | {"parse": "none"}, PUBLIC, posting=False) == []


async def test_a_card_that_slack_finds_too_long_after_all_is_replaced_by_one_that_says_where_to_decide(desk):
    desk.open()
    desk.slack.failures["chat.postMessage"].append("msg_blocks_too_long")
    await desk.deliver()
    assert set(desk.card().buttons()) == {"visto_reject", "visto_changes", "visto_open"}
    assert "Open it in the console." in desk.card().words()
