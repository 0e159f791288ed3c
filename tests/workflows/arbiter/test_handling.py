"""Claim, release, assign, comment, view, withdraw: taking care of a gate without deciding it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from workflows.arbiter.handling import assign, claim, comment, release, viewed
from workflows.arbiter.model import Assign, Claim, Comment, Viewed
from workflows.gates.model import GateError, GateState, Outcome
from workflows.store.repositories import gates
from workflows.store.tables import audit_event

NS = "sales"


def act(office, use_case, request):
    return office.tx(lambda tx: use_case(tx, office.journal, request))


def code(office, use_case, request) -> str:
    with pytest.raises(GateError) as caught:
        act(office, use_case, request)
    return caught.value.code


def by(office, gate, who, model, **more):
    return model(namespace=NS, gate_id=gate.gate_id, actor=office.people[who], **more)


def test_a_claim_is_a_lease_that_its_holder_renews(office):
    """Ten minutes unless said otherwise; another person waits for its end; renewing moves it."""
    gate = office.open()
    until = act(office, claim, by(office, gate, "ann", Claim))
    assert until == office.clock() + timedelta(minutes=10)
    assert code(office, claim, by(office, gate, "bob", Claim)) == "claimed"
    office.clock.forward(minutes=9)
    act(office, claim, by(office, gate, "ann", Claim, lease=timedelta(minutes=2)))
    office.clock.forward(minutes=1)
    assert code(office, claim, by(office, gate, "bob", Claim)) == "claimed"
    office.clock.forward(minutes=1)
    act(office, claim, by(office, gate, "bob", Claim))
    assert office.kinds().count("claim.taken") == 3


def test_a_claim_is_given_back_by_its_holder_or_an_admin(office):
    gate = office.open()
    act(office, claim, by(office, gate, "ann", Claim))
    assert code(office, release, office.handle(gate, "bob")) == "claimed"
    assert act(office, release, office.handle(gate, "adm"))
    assert not act(office, release, office.handle(gate, "ann"))


def test_only_those_who_may_decide_claim_and_only_what_is_open(office):
    gate = office.open()
    assert code(office, claim, by(office, gate, "out", Claim)) == "not_permitted"
    assert code(office, claim, by(office, gate, "bot", Claim)) == "not_permitted"
    office.decided(gate, "ann")
    assert code(office, claim, by(office, gate, "bob", Claim)) == "already_decided"


def test_deciding_ends_the_claim(office):
    gate = office.open()
    act(office, claim, by(office, gate, "ann", Claim))
    office.decided(gate, "ann", undo_window=timedelta(seconds=5))
    office.undo(gate, "ann")
    assert office.decided(gate, "bob").outcome is Outcome.APPROVED


def test_an_assignment_gives_the_right_to_decide_and_takes_it_from_nobody(office):
    gate, other = office.open(item="0"), office.open(item="1")
    for each in (gate, other):
        act(office, assign, by(office, each, "ann", Assign, to=office.people["out"].principal_id))
    assert office.decided(gate, "out").outcome is Outcome.APPROVED
    assert office.decided(other, "bob").outcome is Outcome.APPROVED
    (row,) = office.standing(gate.gate_id)
    assert row.snapshot["right"] == "assigned"


@pytest.mark.parametrize("to", ["bot", "viv", "req"])
def test_nobody_is_assigned_who_could_not_be_a_reviewer_here(office, to):
    """A service, a viewer, the requester: an assignment is no way round the rules."""
    gate = office.open(requester="req")
    assert code(office, assign, by(office, gate, "ann", Assign, to=office.people[to].principal_id)) == "not_permitted"
    assert code(office, assign, by(office, gate, "ann", Assign, to="nobody")) == "not_permitted"


def test_comments_are_kept_and_their_words_are_erasable(office):
    gate = office.open()
    made = act(office, comment, by(office, gate, "out", Comment, text="ask Mrs Jones"))
    (row,) = office.rows(sa.select(audit_event).where(audit_event.c.kind == "comment.added"))
    assert made in row.meta
    assert "Jones" not in row.meta


def test_a_view_is_recorded_once_for_each_person_revision_and_channel(office):
    """It says what was seen by its digest; somebody who was never shown a revision leaves no trace."""
    gate = office.open()
    slack = office.people["ann"].model_copy(update={"via": "slack"})
    first = Viewed(namespace=NS, gate_id=gate.gate_id, actor=office.people["ann"], revision=1)
    assert act(office, viewed, first)
    assert not act(office, viewed, first)
    assert act(office, viewed, first.model_copy(update={"actor": slack}))
    assert act(office, viewed, by(office, gate, "bob", Viewed, revision=1))
    assert not act(office, viewed, by(office, gate, "bob", Viewed, revision=9))
    rows = office.rows(sa.select(audit_event).where(audit_event.c.kind == "approval.viewed"))
    assert {row.action_digest for row in rows} == {gate.action_digest}
    assert sorted(row.via for row in rows) == ["api", "api", "slack"]


def test_withdrawing_an_execution_ends_its_open_gates_and_leaves_decisions(office):
    open_, decided = office.open(item="0"), office.open(item="1")
    office.decided(decided, "ann")
    assert office.withdraw() == [open_.gate_id]
    assert office.withdraw() == []
    ended = office.load(open_)
    assert (ended.outcome, ended.state, ended.permits) == (Outcome.WITHDRAWN, GateState.WITHDRAWN, False)
    assert ended.meta["reason"] == "cancelled"
    assert office.load(decided).outcome is Outcome.APPROVED
    assert office.kinds().count("gate.withdrawn") == 1


def test_a_gate_is_not_withdrawn_by_another_execution(office):
    gate = office.open()
    with pytest.raises(GateError, match="no gate"):
        office.withdraw("e2", gate)
    stored = office.database.read_sync(lambda tx: gates.get(tx, NS, gate.gate_id))
    assert stored.state == "open"
