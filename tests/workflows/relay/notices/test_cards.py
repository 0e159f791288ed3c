"""A card shows its gate's present state, wherever that was changed, once for each gate and place."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa

from connectors.fakes.slack.workspace import Message
from tests.workflows.arbiter.conftest import NS
from tests.workflows.relay.notices.conftest import Desk
from workflows.arbiter import handling
from workflows.arbiter.expiring import extend
from workflows.arbiter.model import Assign, Claim, Extend
from workflows.flow.planned import RemindPlan, StagePlan
from workflows.relay.loop import Relay
from workflows.relay.notices.channel import NotTold
from workflows.relay.notices.show import Gate, Shower
from workflows.store.repositories import outbox as rows
from workflows.store.tables import outbox


def pending(desk: Desk) -> list[sa.Row]:
    waiting = outbox.c.delivered_at.is_(None) & outbox.c.dropped_at.is_(None) & (outbox.c.kind == "notification")
    return desk.office.rows(sa.select(outbox).where(waiting))


async def test_a_gate_that_opens_gets_one_card_that_says_what_a_yes_does(desk):
    desk.open()
    await desk.deliver()
    card = desk.card()
    words = card.words()
    assert words.startswith("Order 17\nIf approved: 1 action runs (sheets.append). What has run cannot be taken back.")
    assert "Amount\n120.00 EUR" in words
    assert "risk: low" in words
    assert '"rows": [\n    [\n      17,\n      "low"' in words, "the effect's arguments, exactly as they will run"
    assert "Asked: fraud" in words
    assert "after that it is rejected" in words
    assert set(card.buttons()) == {"visto_approve", "visto_edit", "visto_reject", "visto_changes", "visto_open"}
    styles = [button.get("style") for button in card.buttons().values()]
    assert styles.count("primary") == 1
    assert "confirm" in card.buttons()["visto_approve"], "what cannot be taken back is asked twice"
    assert pending(desk) == []


async def test_ten_events_that_wait_together_are_one_update(desk):
    gate = desk.open()
    await desk.deliver()
    for _ in range(5):
        desk.office.tx(lambda tx: handling.claim(tx, desk.office.journal, _claim(desk, gate)))
        desk.office.clock.forward(seconds=1)
        desk.office.tx(lambda tx: handling.release(tx, desk.office.journal, desk.office.handle(gate, "ann")))
        desk.office.clock.forward(seconds=1)
    desk.office.decided(gate, "ann")
    assert len(pending(desk)) == 11
    await desk.deliver()
    assert desk.world.called("chat.update") == 1
    assert pending(desk) == []


def _claim(desk: Desk, gate) -> Claim:
    return Claim(namespace=NS, gate_id=gate.gate_id, actor=desk.office.people["ann"])


@pytest.mark.parametrize(
    ("action", "words"),
    [("approve", "Approved by ann at"), ("reject", "Rejected by ann at"), ("expire", "so it is rejected at")],
)
async def test_a_decision_made_anywhere_rewrites_the_card(desk, action, words):
    gate = desk.open()
    await desk.deliver()
    if action == "expire":
        desk.office.clock.forward(hours=2)
        assert desk.office.expire(gate)
    else:
        desk.office.decided(gate, "ann", action)
    await desk.deliver()
    card = desk.card()
    assert words in card.words()
    assert card.buttons() == {}
    assert f"<https://visto.example/gates/{gate.gate_id}|See it in the console>" in card.words()


async def test_withdrawn_undone_edited_claimed_and_extended_gates_say_so(desk):
    gate = desk.open()
    await desk.deliver()
    office = desk.office
    office.tx(lambda tx: handling.claim(tx, office.journal, _claim(desk, gate)))
    await desk.deliver()
    assert "ann is working on it until" in desk.card().words()
    until = office.tx(
        lambda tx: extend(
            tx, office.journal,
            Extend(namespace=NS, gate_id=gate.gate_id, actor=office.people["ann"], by=timedelta(days=9)),
        )
    )  # fmt: skip
    await desk.deliver()
    assert f"Decide by {until:%Y-%m-%d %H:%M} UTC" in desk.card().words()
    office.decided(gate, "ann", "edit", fields={"risk": "high"}, undo_window=timedelta(minutes=5))
    await desk.deliver()
    assert "Approved with changes by ann" in desk.card().words()
    assert "risk: high" in desk.card().words()
    office.undo(gate, "ann")
    await desk.deliver()
    assert "risk: low" in desk.card().words()
    assert "visto_approve" in desk.card().buttons()
    office.withdraw()
    await desk.deliver()
    assert "Withdrawn" in desk.card().words()
    assert desk.card().buttons() == {}


async def test_votes_of_a_quorum_appear_before_the_decision(desk):
    gate = desk.open(approve={"stages": (StagePlan(groups=("fraud",), quorum=2),)})
    await desk.deliver()
    assert "2 must agree" in desk.card().words()
    desk.office.decided(gate, "ann")
    await desk.deliver()
    assert "ann: approve" in desk.card().words()
    desk.office.decided(gate, "bob")
    await desk.deliver()
    assert "Approved by bob" in desk.card().words()


async def test_an_assignment_is_a_direct_message_and_former_assignees_see_who_has_it_now(desk):
    """Also where the flow names no channel: the assignee may be reached in Slack only."""
    ann, bob = desk.world.user("ann"), desk.world.user("bob")
    desk.linked("ann", ann)
    desk.linked("bob", bob)
    gate = desk.open(approve={"notify": ()})
    for who in ("ann", "bob"):
        request = Assign(
            namespace=NS, gate_id=gate.gate_id, actor=desk.office.people["adm"],
            to=desk.office.people[who].principal_id,
        )  # fmt: skip
        desk.office.tx(lambda tx, request=request: handling.assign(tx, desk.office.journal, request))
        await desk.deliver()
    mine = {desk.world.channels[one.channel].name: one for one in desk.cards()}
    assert set(mine) == {f"@{ann}", f"@{bob}"}
    assert "assigned to bob" in mine[f"@{bob}"].words()
    assert "It is assigned to bob now." in mine[f"@{ann}"].words()
    assert mine[f"@{ann}"].buttons() == {}
    desk.office.decided(gate, "bob")
    await desk.deliver()
    assert all("Approved by bob" in one.words() for one in desk.cards())


async def test_a_reminder_answers_in_the_thread_once(desk):
    gate = desk.open(approve={"remind": RemindPlan(every_ms=600_000, max=3), "expire": None})
    await desk.deliver()
    for _ in range(2):
        desk.office.clock.forward(minutes=10)
        desk.office.load(gate, due=True)
        await desk.deliver()
    answers = desk.world.threads(desk.card().ts)
    assert len(answers) == 2
    assert all("Still waiting for a decision since 2026-11-22 09:00 UTC" in one.words() for one in answers)


async def test_long_words_of_a_decision_are_whole_in_the_thread(desk):
    gate = desk.open()
    await desk.deliver()
    comment = "because " * 700 + "END"
    desk.office.decided(gate, "ann", "reject", comment=comment)
    await desk.deliver()
    await desk.deliver()
    assert "whole in the thread" in desk.card().words()
    (answer,) = desk.world.threads(desk.card().ts)
    assert "".join(answer.words().split("\n")) == comment


async def test_a_gate_that_is_decided_before_it_was_shown_is_not_announced(desk):
    gate = desk.open()
    desk.office.decided(gate, "ann")
    await desk.deliver()
    assert desk.cards() == []
    assert pending(desk) == []


async def test_a_card_that_somebody_deleted_is_posted_again_while_the_gate_is_open(desk):
    gate = desk.open()
    await desk.deliver()
    desk.card().life.append(None)
    desk.office.tx(lambda tx: handling.claim(tx, desk.office.journal, _claim(desk, gate)))
    await desk.deliver()
    assert "ann is working on it" in desk.card().words()
    desk.card().life.append(None)
    desk.office.decided(gate, "ann")
    await desk.deliver()
    assert desk.cards() == [], "an outcome is not announced anew"
    assert pending(desk) == []


async def test_a_poster_that_died_between_post_and_record_is_found_out_and_posts_nothing_twice(desk):
    """As a kill after Slack took the message: the answer never came, and the next process looks before it posts."""
    gate = desk.open()
    desk.slack.failures["chat.postMessage"].append("drop")
    await desk.deliver()
    assert len(desk.cards()) == 1
    (row,) = desk.notices(gate)
    assert (row.state, row.reference, row.unsure) == ("reserved", None, True)
    await desk.deliver(after=60)
    card: Message = desk.card()
    (row,) = desk.notices(gate)
    assert (row.state, row.reference) == ("shown", f"{card.channel}:{card.ts}")
    assert desk.world.called("chat.postMessage") == 1
    desk.office.decided(gate, "ann")
    await desk.deliver()
    assert "Approved by ann" in desk.card().words()


async def test_a_killed_poster_whose_message_never_arrived_is_made_good(desk):
    gate = desk.open()
    desk.slack.failures["chat.postMessage"].append(500)
    await desk.deliver()
    assert desk.cards() == []
    await desk.deliver(after=60)
    assert len(desk.cards()) == 1
    assert desk.notices(gate)[0].last_error is None


async def test_a_card_whose_poster_died_is_rewritten_even_if_the_gate_was_decided_meanwhile(desk):
    gate = desk.open()
    desk.slack.failures["chat.postMessage"].append("drop")
    await desk.deliver()
    desk.office.decided(gate, "ann")
    await desk.deliver(after=60)
    assert "Approved by ann" in desk.card().words()
    assert desk.card().buttons() == {}


async def test_two_relays_at_once_post_one_card(desk):
    """A leader that lost its lease without noticing works beside the new one."""
    desk.open()
    channels = [desk.channel(), desk.channel()]
    gate_id = pending(desk)[0].payload["gate_id"]
    showers = [Shower(desk.services, channel) for channel in channels]
    answers = await asyncio.gather(
        *(shower.show(Gate(namespace=NS, id=gate_id)) for shower in showers), return_exceptions=True
    )
    assert len(desk.cards()) == 1
    assert all(answer is True or isinstance(answer, NotTold) for answer in answers)
    await asyncio.gather(*(channel.close() for channel in channels))


async def test_what_slack_refuses_is_kept_as_an_error_and_tried_again(desk):
    (risk,) = (one for one in desk.world.channels.values() if one.name == "risk")
    risk.members.clear()
    gate = desk.open()
    await desk.deliver()
    (row,) = desk.notices(gate)
    assert "not_in_channel" in row.last_error
    assert "/invite @Visto" in row.last_error
    assert not row.unsure, "Slack said no, so nothing has to be looked for"
    assert "/invite @Visto" in pending(desk)[0].last_error
    risk.members.add(desk.world.bot_user)
    await desk.deliver(after=300)
    assert len(desk.cards()) == 1
    assert pending(desk) == []


async def test_an_unknown_channel_is_named_with_its_remedy_and_looked_for_again(desk):
    gate = desk.open(approve={"notify": ({"type": "slack", "channel": "#nowhere"},)})
    await desk.deliver()
    (row,) = pending(desk)
    assert "#nowhere" in row.last_error
    desk.world.channel("#nowhere")
    await desk.deliver(after=300)
    assert len(desk.cards()) == 1
    assert desk.notices(gate)[0].address == f"{desk.world.team}:#nowhere"


async def test_a_token_that_was_revoked_is_an_error_with_a_remedy(desk):
    desk.open()
    desk.world.bot_token = "xoxb-another"
    await desk.deliver()
    assert "visto slack setup" in pending(desk)[0].last_error


async def test_slack_s_retry_after_is_honoured(desk):
    desk.open()
    desk.slack.failures["chat.postMessage"].append(429)
    await desk.deliver()
    (row,) = pending(desk)
    assert row.available_at - row.created_at < timedelta(seconds=10)
    await desk.deliver(after=10)
    assert len(desk.cards()) == 1


async def test_posts_in_one_channel_keep_slack_s_pace_and_updates_do_not_wait_for_them(desk):
    """One post a second: five take four seconds; a card that exists is rewritten meanwhile."""
    first = desk.open(item="first")
    await desk.deliver()
    desk.world.post_every = 1.0
    for number in range(3):
        desk.open(item=f"n{number}")
    desk.office.decided(first, "ann")
    channel = desk.channel()
    await channel.client.turn(desk.card().channel)
    working = asyncio.create_task(desk.deliver(channel=channel))
    async with asyncio.timeout(2):
        while not any("Approved by ann" in one.words() for one in desk.cards()):
            await asyncio.sleep(0.02)
    assert len(desk.cards()) < 4, "the decision did not wait for the posts"
    await working
    assert len(desk.cards()) == 4
    posts = [at for name, at in desk.world.calls if name == "chat.postMessage"]
    assert all(later - earlier > 0.85 for earlier, later in pairwise(posts))


async def test_a_slack_that_does_not_answer_holds_up_no_doorbell(desk, monkeypatch):
    for number in range(6):
        desk.open(item=str(number))
        desk.slack.failures["chat.postMessage"].append("hang")
    desk.slack.failures["auth.test"].append("hang")
    rung: list[str] = []

    async def ring(self, workflow_id: str, what: str) -> None:
        rung.append(workflow_id)

    monkeypatch.setattr(type(desk.services.gateway), "ring", ring)
    desk.office.tx(lambda tx: rows.add(tx, NS, kind="doorbell", target="other", payload={"what": "slot"}))
    desk.office.clock.forward(seconds=4)
    channel = desk.channel()
    relay = Relay(desk.services, channels={"slack": channel})
    async with asyncio.timeout(5):
        await relay.tick()
        while "other" not in rung:
            await asyncio.sleep(0.01)
    await relay._stop()


async def test_flows_may_leave_the_channel_to_the_installation(desk):
    desk.services.settings.slack_channel = "other=#elsewhere, *=#risk"
    desk.open(approve={"notify": ({"type": "slack"},)})
    await desk.deliver()
    assert desk.world.channels[desk.card().channel].name == "risk"


async def test_rows_wait_where_slack_is_not_set_up_and_end_with_their_gate(desk):
    gate = desk.open()
    relay = Relay(desk.services, channels={})
    desk.office.clock.forward(seconds=4)
    await relay.tick()
    (row,) = pending(desk)
    assert "not set up" in row.last_error
    desk.office.decided(gate, "ann")
    desk.office.clock.forward(minutes=11)
    await relay.tick()
    assert pending(desk) == []
