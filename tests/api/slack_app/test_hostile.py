"""Text from outside stays text in forms and whispers too: no mention, no link, nothing that cannot be seen, and no
form that Slack refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from api.slack_app import forms, values
from api.slack_app.clicks import Click, Seen
from api.slack_app.desk import Desk, Wish
from api.slack_app.handlers import Handlers, words_of
from api.slack_app.values import Field, NotTyped
from connectors.fakes.slack.limits import view_problems
from connectors.fakes.slack.promises import broken
from connectors.slack.client import SlackClient
from connectors.slack.config import SlackConfig
from tests.support.hostile import hostile_strings, packed
from tests.workflows.arbiter.conftest import NS
from tests.workflows.relay.notices.conftest import PUBLIC
from workflows.flow.planned import RulePlan
from workflows.gates.model import Action, Actor, FailedRule, ResolvedEffect
from workflows.gates.refusals import already_decided, not_permitted, withdrawn
from workflows.gates.visible import hides
from workflows.relay.notices import state
from workflows.relay.notices.channel import Told

Json = Any
SEEN = Seen("0" * 36, 1, "0" * 12, 0)
CLICK = Click("T1", "U1", "ann", "C1", "1.1", "1.1", SEEN)
AT_ONCE = 200
"""Characters to a whisper, and to the line on the card: what is longer than 300 is cut there."""
ONE_STORE = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
"""Where the store is only where a gate comes from."""
AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
async def told(floor) -> Told:
    gate = floor.open()
    found = floor.office.tx(lambda tx: state.read(tx, NS, gate.gate_id, "slack", base_url=PUBLIC))
    assert found is not None
    return found


def asked(told: Told, text: str) -> Told:
    """The gate with this text in every place of it that a form speaks of."""
    schema = {
        "type": "object",
        "properties": {
            text: {"type": "string", "description": text},
            "choice": {"enum": [text, [text], {text: text}, "other"], "description": text},
            "json": {"type": "object", "description": text},
            "day": {"type": "string", "format": "date"},
            "number": {"type": "number"},
        },
    }
    every = tuple(schema["properties"])
    given = {text: text, "choice": text, "json": {text: [text]}, "day": text, "number": text}
    rules = (RulePlan(require="false", message=text),)
    return replace(
        told,
        detail=told.detail.model_copy(update={"title": text, "reasons": (text, "other"), "editable": every}),
        view=told.view.model_copy(update={"title": text, "suggestion": given}),
        plan=told.plan.model_copy(update={"output_schema": schema, "rules": rules, "on_invalid": "escalate"}),
    )


def ahead(told: Told, text: str) -> Any:
    """What an edit would become, the text in all of it."""
    return told.view.model_copy(
        update={
            "suggestion": dict.fromkeys(told.view.suggestion, f"{text} edited"),
            "failed_rules": (FailedRule(rule=0, message=text),),
            "effects": (ResolvedEffect(path="a/b", type="http.request", properties={"to": text, text: [text]}),),
        }
    )


def texts(value: Json) -> Iterator[str]:
    """What a reader sees: everything but what stands in an input, where a person edits the very characters."""
    if isinstance(value, list):
        for one in value:
            yield from texts(one)
    elif isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value["text"]
        for one in value.values():
            yield from texts(one)


def safe(view: Json) -> Json:
    """The form, after checking that Slack takes it and that its data are data."""
    assert view_problems(view) == []
    assert broken({"blocks": view["blocks"], "parse": "none"}, PUBLIC, posting=False) == []
    assert not [text for text in texts(view) if hides(text)]
    return view


@ONE_STORE
def test_two_thousand_hostile_strings_in_every_form(told):
    """Titles, reasons, names, descriptions, choices, present values, and what an edit would run."""
    confirmable = 0
    for text in hostile_strings():
        this = asked(told, text)
        safe(forms.reject(this, CLICK))
        safe(forms.request_changes(this, CLICK))
        assert safe(forms.edit(this, CLICK))["callback_id"] in (forms.EDIT, forms.SAYS)
        made = safe(forms.edit(this, CLICK, preview=ahead(this, text), digest="0" * 64))
        confirmable += made["callback_id"] == forms.EDIT
    assert confirmable > len(hostile_strings()) * 0.9, "they were shown, not turned away"


@ONE_STORE
def test_a_choice_of_any_text_is_read_back_as_just_that_text(told):
    for text in hostile_strings():
        reject = forms.reject(asked(told, text), CLICK)
        (chooser,) = [one["element"] for one in reject["blocks"] if one.get("block_id") == forms.REASON]
        said = {forms.REASON: {values.ACTION: {"selected_option": chooser["options"][0]}}}
        assert forms.reason_of({"state": {"values": said}}, (text, "other")) == text


@ONE_STORE
def test_what_is_wrong_with_a_form_is_said_without_hiding_anything(told):
    """The words at a field and the words in place of the form."""
    for text in hostile_strings():
        view = forms.edit(asked(told, text), CLICK)
        found = forms.errors_at(view, {text: [text, text], "choice": [text], f"{text}.part": [text], "rules": [text]})
        assert not any(hides(words) or not 0 < len(words) <= 1000 for words in found.values())
        for refusal in (already_decided("approved", text, AT, 1), not_permitted(text, text, why="no_right")):
            safe(forms.says("Edit", words_of(refusal), told.link))


@pytest.mark.parametrize("kind", ["integer", "number", "object"])
def test_what_was_typed_and_is_no_value_is_refused_in_words_that_hide_nothing(kind):
    field = Field("f", {"type": kind}, None, required=True)
    refusals = []
    for text in hostile_strings():
        try:
            values.typed(field, {"value": text})
        except NotTyped as error:
            refusals.append(str(error))
    assert len(refusals) > 2000
    assert not [words for words in refusals if hides(words)]


class Refusing(Desk):
    """A desk at which somebody of any name is recognised, and refused with any words."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def recognise(self, click: Click, action: Action) -> Wish:
        actor = Actor(principal_id="p", name=self.text, kind="person", via="slack", sign_in="slack:T1:U1")
        return Wish(click, NS, actor, "0" * 64)

    async def decide(self, wish: Wish, action: Action, **more: Json) -> Any:
        raise withdrawn(self.text) if len(self.text) % 2 else already_decided("approved", self.text, AT, 1)

    async def show_again(self, click: Click, *, soon: bool = False) -> None:
        """Nobody looks at the card here."""


@ONE_STORE
async def test_two_thousand_hostile_strings_are_whispered_and_mention_nobody(floor):
    """Names and reasons of others in what only one person is told; the workspace fails the test for a mention."""
    ann = floor.join("ann")
    _, card = await floor.opened_card()
    world = floor.slack.world
    client = SlackClient(SlackConfig(bot_token=SecretStr(world.bot_token), api_url=floor.slack.url))
    body = ann.pressed(card, "visto_approve")

    async def ack() -> None:
        """Slack hears that the click arrived."""

    packs = list(packed(AT_ONCE))
    for text in packs:
        await Handlers(Refusing(text), client, set()).approve(ack, body)
    await client.close()
    whispers = [one for one in world.messages if one.ephemeral_to == ann.id]
    assert len(whispers) == len(packs)
    said = [str(one.now["text"]) for one in whispers]
    said += [words for content in card.life if content for words in texts(content["blocks"])]
    assert not [words for words in said if hides(words)]
    assert len(card.life) > len(packs), "the card said of everybody that they are being served"
