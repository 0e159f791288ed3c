"""Opening: a place in an execution has one gate, and equal questions are asked once."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from workflows.flow.planned import StagePlan
from workflows.gates.model import GateError, GateState, Outcome
from workflows.store.repositories import executions, gates
from workflows.store.tables import audit_event, gate_revisions, outbox

NS = "sales"


def test_opening_again_with_equal_content_changes_nothing(office):
    """A retried activity finds the gate that the first attempt opened."""
    first = office.open()
    again = office.open()
    assert (first.created, again.created) == (True, False)
    assert (again.gate_id, again.revision) == (first.gate_id, 1)
    assert len(office.rows(sa.select(gate_revisions))) == 1


def test_the_request_records_the_very_bytes_that_were_shown(office):
    """What was hashed is what is stored, and people asked are resolved by id."""
    request = office.asking()
    gate = office.send(request)
    stored = office.database.read_sync(lambda tx: gates.revision(tx, NS, gate.gate_id, 1))
    assert stored.view == request.view
    (row,) = office.rows(sa.select(audit_event))
    assert row.action_digest == request.action_digest
    for name in ("ann", "bob", "req"):
        assert office.people[name].principal_id in row.meta


def test_a_view_that_is_not_what_its_digest_says_is_refused(office):
    request = office.asking().model_copy(update={"action_digest": "0" * 64})
    with pytest.raises(GateError) as caught:
        office.send(request)
    assert caught.value.code == "digest_mismatch"
    assert office.kinds() == []


def test_other_content_is_a_new_revision_and_voids_the_votes(office, plan):
    two = plan(stages=(StagePlan(groups=("fraud",), quorum=2),))
    gate = office.open(two)
    office.decided(gate, "ann")
    newer = office.open(two, fields={"risk": "high", "reason": "new facts"})
    assert (newer.revision, newer.state) == (2, GateState.OPEN)
    assert office.refused(gate, "bob").code == "stale_revision"
    assert office.decided(newer, "bob").missing == 1


def test_a_restart_reuses_the_decision_and_nobody_is_asked_twice(office):
    gate = office.open()
    office.decided(gate, "ann")
    office.load(gate)
    again = office.open(generation=1)
    assert (again.outcome, again.permits, again.created) == (Outcome.APPROVED, True, False)
    assert office.kinds().count("approval.requested") == 1


def test_a_restart_reuses_the_decision_on_an_edit(office):
    """The workflow asks with its own suggestion; the edit that people decided on derives from it."""
    gate = office.open()
    office.decided(gate, "ann", "edit", fields={"risk": "high"})
    again = office.open()
    assert (again.outcome, again.revision) == (Outcome.EDITED, 2)
    assert again.fields == {"risk": "high", "reason": "small order"}
    assert again.effects[0].properties["rows"] == [[17, "high"]]


def test_a_restart_goes_the_rounds_again_without_asking_anybody(office):
    """From round 0 on, each recorded request for changes and then the decision come back."""
    gate = office.open()
    office.decided(gate, "ann", "request_changes", comment="cite")
    office.load(gate)
    second = office.open(fields={"risk": "low", "reason": "§2"}, round=1)
    office.decided(second, "ann")

    replayed = office.open(round=0)
    assert (replayed.outcome, replayed.comment, replayed.round) == ("changes_requested", "cite", 1)
    final = office.open(fields={"risk": "low", "reason": "§2"}, round=1)
    assert (final.outcome, final.revision) == (Outcome.APPROVED, 2)


def test_a_restart_with_other_content_asks_anew_when_nothing_was_applied(office):
    gate = office.open()
    office.decided(gate, "ann")
    office.load(gate)
    other = office.open(amount=121)
    assert (other.state, other.revision) == (GateState.OPEN, 2)
    assert office.standing(gate.gate_id) == []
    assert "decision.superseded" in office.kinds()
    assert office.decided(other, "bob").outcome is Outcome.APPROVED


def test_a_decision_whose_effect_may_have_run_is_never_replaced(office):
    """Otherwise one place could pay twice."""
    gate = office.open()
    office.decided(gate, "ann")
    office.preflight(office.load(gate))
    with pytest.raises(GateError) as caught:
        office.open(amount=121)
    assert caught.value.code == "already_applied"
    assert len(office.standing(gate.gate_id)) == 1


def test_a_new_execution_never_inherits_a_yes(office):
    office.execution("e2")
    office.decided(office.open(), "ann")
    other = office.open(execution_id="e2")
    assert other.outcome is None
    assert other.state is GateState.OPEN


def test_elements_have_gates_of_their_own(office):
    one, two = office.open(item="0"), office.open(item="1")
    assert one.gate_id != two.gate_id
    assert one.action_digest != two.action_digest
    office.decided(one, "ann")
    assert office.load(two).outcome is None


def test_policy_decides_alone_and_says_so(office, plan):
    gate = office.open(plan(auto_when="suggestion.risk == 'low'"), auto=True)
    assert (gate.outcome, gate.permits, gate.state) == (Outcome.AUTO, True, GateState.DECIDED)
    assert office.kinds() == ["approval.requested", "decision.auto", "decision.effective"]
    (row,) = office.standing(gate.gate_id)
    assert (row.actor_kind, row.actor_id) == ("policy", None)
    assert office.doorbells() == []


def test_policy_never_decides_about_what_a_rule_doubts(office, plan):
    """Even when the caller says so: a doubted suggestion goes to people."""
    gate = office.open(plan(auto_when="true"), auto=True, amount=9_000)
    assert gate.outcome is None
    assert office.open(plan(), item="1", auto=True).outcome is None


def test_rules_may_reject_where_the_flow_says_so(office, plan):
    strict = plan().model_copy(update={"on_invalid": "reject"})
    gate = office.open(strict, amount=9_000, rejected_by_rules=True)
    assert (gate.outcome, gate.permits) == (Outcome.REJECTED, False)
    assert gate.meta["by"] == "policy"


def test_channels_are_told_when_people_are_asked(office, plan):
    office.open(plan(notify=({"type": "slack", "channel": "#risk"},)))
    (row,) = office.rows(sa.select(outbox).where(outbox.c.kind == "notification"))
    assert (row.target, row.payload["event"]) == ("slack", "approval.requested")


def test_withdrawn_gates_stay_so_until_the_execution_lives_again(office):
    """A straggling activity of a cancelled run cannot bring a gate back; a restart can."""
    gate = office.open()
    office.tx(lambda tx: executions.set_state(tx, NS, "e1", "cancelled", None))
    assert office.withdraw() == [gate.gate_id]
    assert office.refused(gate, "ann").code == "withdrawn"
    assert office.open().outcome is Outcome.WITHDRAWN

    office.tx(lambda tx: executions.reopen(tx, NS, "e1", workflow_id="e1:1", reruns={}))
    again = office.open(generation=1)
    assert (again.state, again.revision) == (GateState.OPEN, 1)
    assert office.decided(again, "ann").outcome is Outcome.APPROVED


def test_an_expiry_is_nobodys_answer_so_a_rerun_asks_again(office):
    gate = office.open()
    office.clock.forward(hours=1)
    assert office.expire(gate)
    assert office.open().outcome is Outcome.EXPIRED
    again = office.open(generation=1)
    assert again.state is GateState.OPEN
    assert again.next_due == office.clock() + timedelta(hours=1)
    assert office.decided(again, "ann").outcome is Outcome.APPROVED
