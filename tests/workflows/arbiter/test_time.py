"""Deadlines, undo windows and what a gate tells the workflow to wait for."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from workflows.arbiter.expiring import extend, remind
from workflows.arbiter.model import Extend
from workflows.flow.planned import ExpirePlan, RemindPlan
from workflows.gates.model import GateError, GateState, Outcome
from workflows.store.db import Database
from workflows.store.tables import outbox

NS = "sales"
WINDOW = timedelta(seconds=5)


def test_nothing_happens_before_a_decision_is_in_effect(office):
    """The doorbell waits for the undo window, and a workflow that looks earlier finds an open question."""
    gate = office.open()
    answer = office.decided(gate, "ann", undo_window=WINDOW)
    (bell,) = office.doorbells()
    assert bell.available_at == answer.effective_at == office.clock() + WINDOW
    early = office.load(gate)
    assert (early.outcome, early.next_due) == (None, answer.effective_at)
    assert "decision.effective" not in office.kinds()
    office.clock.forward(seconds=5)
    assert office.load(gate).outcome is Outcome.APPROVED


def test_undo_opens_the_gate_again_and_drops_the_doorbell(office):
    gate = office.open(parked=True)
    office.decided(gate, "ann", "reject", undo_window=WINDOW)
    assert office.undo(gate, "ann") == 1
    assert office.doorbells() == []
    assert office.execution_state() == ("waiting", "waiting_for_decision")
    assert office.load(gate).state is GateState.OPEN
    assert office.decided(gate, "ann").outcome is Outcome.APPROVED
    assert len(office.standing(gate.gate_id)) == 1


def test_undo_survives_the_death_of_the_process(office, store_url, clock):
    """Whoever starts next sees either the decision or its undo, whole; here the undo, by another process."""
    gate = office.open()
    office.decided(gate, "ann", undo_window=WINDOW)
    office.undo(gate, "ann")
    office.database.close()
    office.database = Database(store_url, clock=office.clock)
    try:
        office.clock.forward(minutes=1)
        assert office.load(gate).outcome is None
        assert office.standing(gate.gate_id) == []
    finally:
        office.database.close()


def test_undo_ends_with_the_window(office):
    gate = office.open()
    office.decided(gate, "ann", undo_window=WINDOW)
    office.clock.forward(seconds=5)
    with pytest.raises(GateError) as caught:
        office.undo(gate, "ann")
    assert caught.value.code == "not_undoable"


def test_without_a_window_there_is_nothing_to_undo(office):
    gate = office.open()
    with pytest.raises(GateError, match="no decision"):
        office.undo(gate, "ann")
    office.decided(gate, "ann")
    with pytest.raises(GateError, match="in effect"):
        office.undo(gate, "ann")


def test_only_the_decider_or_an_admin_takes_a_decision_back(office):
    gate = office.open()
    office.decided(gate, "ann", undo_window=WINDOW)
    with pytest.raises(GateError) as caught:
        office.undo(gate, "bob")
    assert caught.value.code == "not_permitted"
    assert office.undo(gate, "adm") == 1


def test_undoing_an_edit_brings_the_earlier_content_back(office):
    gate = office.open()
    office.decided(gate, "ann", "edit", fields={"risk": "high"}, undo_window=WINDOW)
    assert office.undo(gate, "ann") == 3
    now = office.load(gate)
    assert (now.revision, now.action_digest) == (3, gate.action_digest)
    assert office.open().created is False
    office.decided(now, "bob")
    assert office.load(gate).fields == {"risk": "low", "reason": "small order"}


def test_undoing_a_request_for_changes_gives_the_round_back(office):
    gate = office.open()
    office.decided(gate, "ann", "request_changes", comment="x", undo_window=WINDOW)
    office.undo(gate, "ann")
    assert office.load(gate).round == 0
    assert office.decided(gate, "ann").outcome is Outcome.APPROVED


@pytest.mark.parametrize(("then", "permits"), [("reject", False), ("fail", False), ("approve", True)])
def test_the_timer_asks_the_arbiter_and_the_flow_says_what_follows(office, plan, then, permits):
    """A timeout permits only where the YAML says so in so many words, and the actor shown is the timeout."""
    gate = office.open(plan(expire=ExpirePlan(after_ms=60_000, then=then)))
    assert gate.next_due == office.clock() + timedelta(minutes=1)
    assert office.load(gate, due=True).outcome is None
    office.clock.forward(minutes=1)
    outcome = office.load(gate, due=True)
    assert (outcome.outcome, outcome.expire_then, outcome.permits) == ("expired", then, permits)
    assert outcome.meta["by"] == "timeout"
    assert office.kinds()[-2:] == ["decision.expired", "decision.effective"]


def test_a_doorbell_alone_never_expires_a_gate_early(office):
    gate = office.open()
    assert not office.expire(gate)
    office.clock.forward(minutes=59, seconds=59)
    assert not office.expire(gate)
    office.clock.forward(seconds=1)
    assert office.expire(gate)
    assert not office.expire(gate)


def test_only_extend_moves_the_deadline(office):
    """A new revision does not: the time counts from the first opening."""
    gate = office.open()
    office.clock.forward(minutes=30)
    newer = office.open(amount=121)
    assert newer.next_due == gate.next_due
    request = Extend(namespace=NS, gate_id=gate.gate_id, actor=office.people["ann"], by=timedelta(hours=2))
    until = office.tx(lambda tx: extend(tx, office.journal, request))
    assert until == gate.next_due + timedelta(hours=2)
    office.clock.forward(hours=2)
    assert not office.expire(gate)
    assert office.decided(newer, "ann").outcome is Outcome.APPROVED


def test_time_that_is_over_cannot_be_extended(office):
    gate = office.open()
    office.clock.forward(hours=1)
    request = Extend(namespace=NS, gate_id=gate.gate_id, actor=office.people["ann"], by=timedelta(hours=2))
    with pytest.raises(GateError) as caught:
        office.tx(lambda tx: extend(tx, office.journal, request))
    assert caught.value.code == "expired"


def test_reminders_go_out_once_each_and_end(office, plan):
    """Asked twice it is one reminder; after a long outage one, not all that were missed; at most ``max``."""
    every = plan(remind=RemindPlan(every_ms=600_000, max=2), notify=({"type": "slack"},), expire=None)
    gate = office.open(every)

    def reminded() -> bool:
        return office.tx(lambda tx: remind(tx, office.journal, NS, gate.gate_id))

    assert gate.next_due == office.clock() + timedelta(minutes=10)
    assert not reminded()
    office.clock.forward(minutes=10)
    assert reminded()
    assert not reminded()
    assert office.load(gate, due=True).next_due == office.clock() + timedelta(minutes=10)
    office.clock.forward(hours=5)
    assert office.load(gate, due=True).next_due is None
    assert not reminded()
    assert office.kinds().count("approval.reminded") == 2
    rows = office.rows(sa.select(outbox).where(outbox.c.kind == "notification"))
    told = sorted((row.payload["event"], row.payload.get("number")) for row in rows)
    assert told == [("approval.reminded", 1), ("approval.reminded", 2), ("approval.requested", None)]


def test_a_gate_of_another_execution_is_not_read(office):
    """A doorbell's id is never trusted."""
    gate = office.open()
    with pytest.raises(GateError, match="no gate"):
        office.load(gate, execution_id="e2")


def test_settling_happens_once(office):
    gate = office.open()
    office.decided(gate, "ann")
    office.load(gate)
    office.load(gate)
    assert office.kinds().count("decision.effective") == 1
