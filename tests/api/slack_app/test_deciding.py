"""Deciding in Slack: approve, reject, send back, by whoever may, once, on what was seen."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from api.slack_app.handlers import Handlers
from connectors.fakes.slack.people import NotThere
from tests.api.slack_app.conftest import until
from tests.workflows.arbiter.conftest import NS
from workflows.arbiter.model import Decide
from workflows.gates.model import Action
from workflows.store.db import StoreUnavailable
from workflows.usecases import decide

APPROVE, EDIT, REJECT, CHANGES = "visto_approve", "visto_edit", "visto_reject", "visto_changes"


class UnderWay:
    """How many clicks on *Approve* were begun and ended: the answer to a click comes before its end."""

    begun = ended = 0


@pytest.fixture
def under_way(monkeypatch):
    counted, approve = UnderWay(), Handlers.approve

    async def counting(self, ack, body):
        counted.begun += 1
        try:
            await approve(self, ack, body)
        finally:
            counted.ended += 1

    monkeypatch.setattr(Handlers, "approve", counting)
    return counted


async def test_a_click_approves_and_the_card_says_who_and_when(floor):
    ann = floor.join("ann")
    gate, card = await floor.opened_card()
    answer = await ann.click(card, APPROVE)
    assert (answer.status, answer.body) == (200, b"")
    shown = await floor.card("Approved by ann at", "See it in the console")
    assert shown.buttons() == {}
    (decided,) = floor.office.standing(gate.gate_id)
    assert (decided.outcome, decided.via, decided.action_digest) == ("approved", "slack", gate.action_digest)
    assert decided.snapshot["sign_in"] == f"slack:{floor.slack.world.team}:{ann.id}"
    assert ann.told == []


async def test_the_card_says_at_once_that_somebody_works_on_it(floor):
    ann = floor.join("ann")
    _, card = await floor.opened_card()
    await ann.click(card, APPROVE)
    await floor.card("Approved by ann")
    assert any("Working on the answer of ann" in str(content) for content in card.life)


async def test_seeing_is_on_record_before_deciding(floor):
    ann = floor.join("ann")
    _, card = await floor.opened_card()
    await ann.click(card, APPROVE)
    await floor.card("Approved by ann")
    kinds = floor.office.kinds()
    assert kinds.index("approval.viewed") < kinds.index("decision.submitted")
    (seen,) = floor.records("approval.viewed")
    assert seen.via == "slack"


async def test_decided_by_the_api_the_card_is_rewritten_within_two_seconds(floor):
    gate, _ = await floor.opened_card()
    request = Decide(
        namespace=NS, gate_id=gate.gate_id, actor=floor.office.people["bob"], action=Action.APPROVE,
        revision=gate.revision, action_digest=gate.action_digest,
    )  # fmt: skip
    began = time.monotonic()
    await decide.decide(floor.services, request)
    await floor.card("Approved by bob", within=2)
    assert time.monotonic() - began < 2


async def test_decided_by_another_process_the_card_is_rewritten_within_two_seconds(floor):
    """Nobody pokes this relay: it looks every second."""
    gate, _ = await floor.opened_card()
    floor.office.decided(gate, "bob", "reject")
    await floor.card("Rejected by bob", "wrong_data", within=2)


async def test_two_who_click_at_once_make_one_decision_and_the_other_is_told(floor):
    ann, bob = floor.join("ann"), floor.join("bob")
    gate, card = await floor.opened_card()
    await asyncio.gather(ann.click(card, APPROVE), bob.click(card, APPROVE))
    await floor.card("Approved by")
    (decided,) = floor.office.standing(gate.gate_id)
    loser = bob if decided.snapshot["name"] == "ann" else ann
    assert f"is decided: approved by {decided.snapshot['name']}" in await floor.told(loser)


async def test_a_double_click_is_one_decision_and_no_reproach(floor):
    ann = floor.join("ann")
    gate, card = await floor.opened_card()
    await asyncio.gather(*(ann.click(card, APPROVE) for _ in range(5)))
    await floor.card("Approved by ann")
    await asyncio.sleep(0.2)
    assert len(floor.office.standing(gate.gate_id)) == 1
    assert ann.told == []


async def test_the_same_delivery_again_does_nothing(floor):
    """Replayed a hundred times at once: Slack's own retries, or somebody who recorded it."""
    ann = floor.join("ann")
    _, card = await floor.opened_card()
    payload = ann.pressed(card, APPROVE)
    answers = await asyncio.gather(*(floor.slack.interact(payload) for _ in range(100)))
    assert {answer.status for answer in answers} == {200}
    await floor.card("Approved by ann")
    assert len(floor.records("decision.submitted")) == 1
    assert len(floor.records("approval.viewed")) == 1


async def test_after_an_undo_the_same_person_may_approve_again(floor):
    """A yes after an undo is a new decision, although person, revision and action are the same."""
    ann = floor.join("ann")
    gate, card = await floor.opened_card()
    floor.office.decided(gate, "ann", undo_window=timedelta(minutes=1))
    await floor.card("Approved by ann")
    floor.office.undo(gate, "ann")
    card = await floor.card("Asked:")
    await ann.click(card, APPROVE)
    await floor.card("Approved by ann")
    assert len(floor.office.standing(gate.gate_id)) == 1


async def test_somebody_unknown_is_told_what_an_admin_does_and_it_is_on_record(floor):
    eve = floor.join("eve", linked=False)
    gate, card = await floor.opened_card()
    for action in (APPROVE, EDIT, REJECT):
        await eve.click(card, action)
    await floor.told(eve)
    team = floor.slack.world.team
    assert f"visto slack link YOUR-NAME {team} {eve.id}" in eve.told[0]
    assert floor.office.standing(gate.gate_id) == []
    async with asyncio.timeout(5):
        while len(floor.records("decision.denied")) < 3:
            await asyncio.sleep(0.01)
    assert {row.actor_id for row in floor.records("decision.denied")} == {f"slack:{team}:{eve.id}"}
    with pytest.raises(NotThere):
        eve.view()
    await floor.card("Asked:")


@pytest.mark.parametrize("who", ["out", "viv", "lea"])
async def test_whoever_may_not_decide_is_refused_with_the_reason(floor, who):
    somebody = floor.join(who)
    gate, card = await floor.opened_card()
    await somebody.click(card, APPROVE)
    assert who in await floor.told(somebody)
    assert floor.office.standing(gate.gate_id) == []
    assert len(floor.records("decision.denied")) == 1
    await floor.card("Asked:", without="Working on")


async def test_the_requester_may_not_decide_in_slack_either(floor):
    req = floor.join("req")
    gate, card = await floor.opened_card(requester="req")
    await req.click(card, APPROVE)
    assert "req is the requester here" in await floor.told(req)
    assert floor.office.standing(gate.gate_id) == []


async def test_a_card_of_an_older_revision_is_refused_and_rewritten(floor):
    ann = floor.join("ann")
    _, card = await floor.opened_card()
    before = ann.pressed(card, APPROVE)
    floor.office.open(floor.office.asking().gate_plan, fields={"risk": "high", "reason": "late"})
    await floor.slack.interact(before)
    assert "this gate is at revision 2 now" in await floor.told(ann)
    await floor.card("risk: high")


FORGED = [
    {"team": {"id": "T0OTHER", "domain": "x"}},
    {"user": {"id": "U99999", "name": "ann", "team_id": "T0FAKE"}},
    {"user": {"id": "U99999"}},
    {"container": {"type": "message", "message_ts": "1.000001", "channel_id": "C00001"}},
    {"container": {"type": "message", "message_ts": "x", "channel_id": "C00001"}},
    {"container": {}},
    {"actions": []},
    {"actions": [{"action_id": APPROVE, "block_id": "x", "type": "button", "value": None}]},
    {"actions": [{"action_id": APPROVE, "block_id": "x", "type": "button", "value": "'; drop table gates"}]},
    {"user": None},
]


async def test_payloads_that_were_changed_decide_nothing(floor, under_way):
    """Signed by Slack, but each part may be what a member of the workspace made it. The honest click still counts."""
    ann = floor.join("ann")
    gate, card = await floor.opened_card()
    answers = [await floor.slack.interact(ann.pressed(card, APPROVE, **forge)) for forge in FORGED]
    assert {answer.status for answer in answers} == {200}
    assert under_way.begun
    await until(lambda: under_way.begun == under_way.ended or None)
    assert floor.office.standing(gate.gate_id) == []
    card = await floor.card("Asked:")
    await ann.click(card, APPROVE)
    await floor.card("Approved by ann")


async def test_the_value_of_another_gate_s_button_decides_neither(floor):
    ann = floor.join("ann")
    gate, card = await floor.opened_card()
    other = floor.office.open(floor.office.asking().gate_plan, item="other")
    value = card.buttons()[APPROVE]["value"]
    forged = value.replace(gate.gate_id, other.gate_id)
    action = {"action_id": APPROVE, "block_id": "x", "type": "button", "value": forged, "action_ts": "1.1"}
    await floor.slack.interact(ann.pressed(card, APPROVE, actions=[action]))
    assert "not up to date" in await floor.told(ann)
    assert floor.office.standing(gate.gate_id) == floor.office.standing(other.gate_id) == []


async def test_a_digest_that_is_not_the_revision_s_is_refused(floor):
    ann = floor.join("ann")
    gate, card = await floor.opened_card()
    value = card.buttons()[APPROVE]["value"].replace(gate.action_digest[:12], "0" * 12)
    action = {"action_id": APPROVE, "block_id": "x", "type": "button", "value": value, "action_ts": "1.1"}
    await floor.slack.interact(ann.pressed(card, APPROVE, actions=[action]))
    assert "not what would run" in await floor.told(ann)
    assert floor.office.standing(gate.gate_id) == []


async def test_rejecting_takes_a_code_of_the_flow_or_words(floor):
    ann = floor.join("ann")
    gate, card = await floor.opened_card()
    await ann.click(card, REJECT)
    await ann.form()
    answer = await ann.submit()
    assert answer.json()["errors"] == {"comment": "Choose a reason, or say why."}
    answer = await ann.submit(reason="wrong_data", comment="The amount is of another order.")
    assert answer.body == b""
    await floor.card("Rejected by ann", "Reason: wrong_data", "The amount is of another order.")
    (decided,) = floor.office.standing(gate.gate_id)
    assert (decided.outcome, decided.reason_code) == ("rejected", "wrong_data")


async def test_a_request_for_changes_goes_back_with_its_words(floor):
    ann = floor.join("ann")
    gate, card = await floor.opened_card()
    await ann.click(card, CHANGES)
    await ann.form()
    await ann.submit(comment="Look at the address again.")
    await floor.card("Changes requested by ann", "Look at the address again.")
    assert floor.office.load(gate).comment == "Look at the address again."


async def test_a_form_that_was_opened_before_somebody_else_decided_says_so(floor):
    ann = floor.join("ann")
    gate, card = await floor.opened_card()
    await ann.click(card, REJECT)
    await ann.form()
    floor.office.decided(gate, "bob")
    await ann.submit(comment="no")
    assert "is decided: approved by bob" in (await ann.form()).words()


async def test_a_form_opened_on_a_gate_that_is_decided_says_so(floor):
    ann = floor.join("ann")
    gate, card = await floor.opened_card()
    pressed = ann.pressed(card, EDIT)
    floor.office.decided(gate, "bob")
    await floor.slack.interact(pressed)
    assert "is decided: approved by bob" in (await ann.form()).words()


async def test_a_gate_without_an_agent_offers_no_changes(floor):
    _, card = await floor.opened_card(gate={"suggest": None, "suggestion": {"risk": "low", "reason": "r"}})
    assert CHANGES not in card.buttons()


async def test_a_store_that_does_not_answer_is_said(floor, monkeypatch):
    ann = floor.join("ann")
    gate, card = await floor.opened_card()

    async def broken(*_args, **_more):
        raise StoreUnavailable("The store did not answer.", "Try again.")

    monkeypatch.setattr("api.slack_app.desk.decide.decide", broken)
    await ann.click(card, APPROVE)
    assert "The store did not answer. Try again." in await floor.told(ann)
    await floor.card("Asked:", without="Working on")
    assert floor.office.standing(gate.gate_id) == []


async def test_a_process_that_dies_while_it_works_leaves_no_card_that_says_working(floor, monkeypatch):
    """As a kill between "working" and the decision: the card is shown as it is a few seconds later."""

    async def never(*_args, **_more):
        await asyncio.Event().wait()

    monkeypatch.setattr("api.slack_app.desk.decide.decide", never)
    ann = floor.join("ann")
    _, card = await floor.opened_card()
    await ann.click(card, APPROVE)
    await floor.card("Working on the answer of ann")
    shown = await floor.card("Asked:", within=15)
    assert APPROVE in shown.buttons()
