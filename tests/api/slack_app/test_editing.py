"""Editing in Slack: typed inputs from the schema, errors at the field, and a preview that is what will run."""

from __future__ import annotations

import pytest

from tests.api.slack_app.test_deciding import EDIT
from workflows.flow.planned import RulePlan

SCHEMA = {
    "type": "object",
    "properties": {
        "risk": {"type": "string", "enum": ["low", "medium", "high"], "description": "How risky it is."},
        "reason": {"type": "string", "maxLength": 400},
        "score": {"type": "integer", "minimum": 0, "maximum": 10},
        "share": {"type": "number"},
        "urgent": {"type": "boolean"},
        "due": {"type": "string", "format": "date"},
        "rows": {"type": "array", "items": {"type": "integer"}},
        "note": {"type": "string"},
    },
    "required": ["risk", "reason", "score", "share", "urgent", "due", "rows"],
    "additionalProperties": False,
}
FIELDS = {
    "risk": "low", "reason": "small order", "score": 3, "share": 0.5, "urgent": False, "due": "2026-11-30", "rows": [1, 2],
}  # fmt: skip
EVERY = tuple(SCHEMA["properties"])


async def opened(floor, fields=None, **more):
    approve = {"editable": EVERY} | more.pop("approve", {})
    gate = {"output_schema": SCHEMA} | more.pop("gate", {})
    return await floor.opened_card(approve=approve, gate=gate, fields=fields or FIELDS, **more)


def inputs(view):
    return {block["block_id"]: block["element"] for block in view.content["blocks"] if block["type"] == "input"}


async def test_every_type_of_field_has_its_own_input_with_the_present_value(floor):
    ann = floor.join("ann")
    _, card = await opened(floor)
    await ann.click(card, EDIT)
    made = inputs(await ann.form())
    kinds = {name.removeprefix("f:"): element["type"] for name, element in made.items()}
    assert kinds == {
        "risk": "static_select", "reason": "plain_text_input", "score": "number_input", "share": "number_input",
        "urgent": "static_select", "due": "datepicker", "rows": "plain_text_input", "note": "plain_text_input",
        "comment": "plain_text_input", "override": "checkboxes",
    }  # fmt: skip
    assert made["f:risk"]["initial_option"]["text"]["text"] == "low"
    assert made["f:urgent"]["initial_option"]["text"]["text"] == "No"
    assert (made["f:score"]["initial_value"], made["f:score"]["is_decimal_allowed"]) == ("3", False)
    assert (made["f:rows"]["initial_value"], made["f:due"]["initial_date"]) == ("[1,2]", "2026-11-30")


async def test_an_edit_is_previewed_and_confirmed_with_just_that_preview(floor):
    ann = floor.join("ann")
    gate, card = await opened(floor)
    await ann.click(card, EDIT)
    await ann.form()
    answer = await ann.submit(f_risk="high", f_score="7", f_urgent="Yes", f_rows="[3]", f_due="2026-12-01")
    assert answer.json()["response_action"] == "update"
    words = ann.view().words()
    assert 'risk: "low" → "high"' in words
    assert "score: 3 → 7" in words
    assert '"high"' in words.split("1. sheets.append")[1], "the effect as it will run"
    assert floor.office.standing(gate.gate_id) == []
    answer = await ann.submit(comment="Checked by phone.")
    assert answer.body == b""
    await floor.card("Approved with changes by ann", "risk: high", "Checked by phone.")
    (decided,) = floor.office.standing(gate.gate_id)
    expected = FIELDS | {"risk": "high", "score": 7, "urgent": True, "rows": [3], "due": "2026-12-01"}
    assert (decided.outcome, decided.fields) == ("edited", expected)


async def test_an_optional_field_is_taken_away_by_emptying_it(floor):
    ann = floor.join("ann")
    gate, card = await opened(floor, FIELDS | {"note": "ask first"})
    await ann.click(card, EDIT)
    await ann.form()
    await ann.submit(f_note=None)
    assert 'note: "ask first" → (nothing)' in ann.view().words()
    await ann.submit()
    await floor.card("Approved with changes by ann", "note: (nothing)")
    assert floor.office.standing(gate.gate_id)[0].fields == FIELDS


async def test_values_changed_after_the_preview_are_previewed_again(floor):
    ann = floor.join("ann")
    gate, card = await opened(floor)
    await ann.click(card, EDIT)
    await ann.form()
    await ann.submit(f_risk="high")
    answer = await ann.submit(f_risk="medium")
    assert answer.json()["response_action"] == "update"
    assert floor.office.standing(gate.gate_id) == []
    await ann.submit()
    await floor.card("Approved with changes by ann", "risk: medium")


@pytest.mark.parametrize(
    ("typed", "at", "says"),
    [
        ({"f_score": "7.5"}, "f:score", "whole number"),
        ({"f_score": "11"}, "f:score", "10"),
        ({"f_share": "much"}, "f:share", "number"),
        ({"f_rows": "[1,"}, "f:rows", "not JSON"),
        ({"f_rows": '["a"]'}, "f:rows", "whole number"),
        ({"f_rows": "[1e999]"}, "f:rows", "too large"),
        ({"f_reason": "x" * 401}, "f:reason", "400"),
        ({"f_reason": None}, "f:reason", "cannot be empty"),
        ({"f_score": None}, "f:score", "cannot be empty"),
        ({}, "f:risk", "nothing was changed"),
    ],
)
async def test_what_is_wrong_stands_at_its_field_and_nothing_is_decided(floor, typed, at, says):
    ann = floor.join("ann")
    gate, card = await opened(floor)
    await ann.click(card, EDIT)
    await ann.form()
    answer = await ann.submit(**typed)
    (place,), (message,) = answer.json()["errors"].keys(), answer.json()["errors"].values()
    assert (place, says in message) == (at, True), message
    assert floor.office.standing(gate.gate_id) == []


async def test_a_rule_that_does_not_hold_stops_an_edit_unless_it_is_overridden_with_words(floor):
    ann = floor.join("ann")
    rule = RulePlan(require="suggestion.score < 5", message="Above 4 somebody else decides.")
    _, card = await opened(floor, gate={"rules": (rule,)})
    await ann.click(card, EDIT)
    await ann.form()
    answer = await ann.submit(f_score="9")
    assert answer.json()["errors"] == {"override": "Above 4 somebody else decides."}
    option = "Accept it although rules do not hold (say why below)"
    answer = await ann.submit(override=[option])
    assert "comment" in answer.json()["errors"]
    answer = await ann.submit(comment="The limit was raised today.")
    assert "Rules that will not hold" in ann.view().words()
    await ann.submit()
    await floor.card("Approved with changes by ann")


async def test_a_value_too_long_for_slack_is_left_to_the_console(floor):
    ann = floor.join("ann")
    long = FIELDS | {"note": "n" * 3001}
    _, card = await opened(floor, fields=long)
    await ann.click(card, EDIT)
    view = await ann.form()
    assert "f:note" not in inputs(view)
    assert "edit in the console: note" in view.words()
    await ann.submit(f_risk="high")
    await ann.submit()
    await floor.card("Approved with changes by ann")


async def test_a_choice_that_was_not_offered_is_refused(floor):
    ann = floor.join("ann")
    gate, card = await opened(floor)
    await ann.click(card, EDIT)
    view = await ann.form()
    for value in ("7", "-1", "x", "", None):
        payload = ann.submission(view)
        payload["view"]["state"]["values"]["f:risk"]["value"]["selected_option"] = {"value": value}
        answer = await floor.slack.interact(payload)
        assert answer.json()["errors"] == {"f:risk": "Choose one of the options."}
    assert floor.office.standing(gate.gate_id) == []


async def test_fields_that_may_not_be_edited_are_no_inputs_and_are_ignored(floor):
    ann = floor.join("ann")
    gate, card = await opened(floor, approve={"editable": ("risk",)})
    await ann.click(card, EDIT)
    view = await ann.form()
    assert [name for name in inputs(view) if name.startswith("f:")] == ["f:risk"]
    payload = ann.submission(view)
    payload["view"]["state"]["values"]["f:score"] = {"value": {"type": "number_input", "value": "9"}}
    answer = await floor.slack.interact(payload)
    assert "nothing was changed" in str(answer.json()["errors"])
    assert floor.office.standing(gate.gate_id) == []
