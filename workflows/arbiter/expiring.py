"""Deadlines of a gate by the arbiter's own clock: reminders, the expiry, and moving it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from workflows.arbiter import outgoing
from workflows.arbiter.concluding import conclude
from workflows.arbiter.current import Current, read
from workflows.arbiter.handling import entitled
from workflows.arbiter.model import Extend
from workflows.arbiter.recording import record
from workflows.arbiter.who import SYSTEM, TIMEOUT
from workflows.gates.model import GateState, Outcome
from workflows.gates.refusals import expired as expired_refusal
from workflows.journal.records import Journal
from workflows.store.db import Tx
from workflows.store.repositories import gates, once
from workflows.store.repositories.decisions import Decision


def is_expired(current: Current, now: datetime) -> bool:
    """Whether an open gate's time is over."""
    return current.state is GateState.OPEN and current.gate.expires_at is not None and current.gate.expires_at <= now


def write_expiry(tx: Tx, journal: Journal, current: Current, *, ring: bool = True) -> Decision:
    """Record that nobody decided in time. What follows (reject, approve, fail) is the flow's word."""
    then = expire_then(current)
    return conclude(tx, journal, current, Outcome.EXPIRED, TIMEOUT, reason_code=f"expired_{then}", ring=ring)


def expire_then(current: Current) -> Literal["reject", "approve", "fail"]:
    """What follows an expiry: rejection unless the flow says otherwise."""
    return current.policy.expire.then if current.policy.expire else "reject"


def meet_deadlines(tx: Tx, journal: Journal, current: Current) -> bool:
    """Act on what is due now: the expiry, else a reminder. Returns whether the gate was decided by it."""
    if is_expired(current, tx.now):
        write_expiry(tx, journal, current, ring=False)
        return True
    _remind_if_due(tx, journal, current)
    return False


def expire(tx: Tx, journal: Journal, namespace: str, gate_id: str) -> bool:
    """Expire the gate if its time is over. Returns whether that happened. Raises ``gate_not_found``."""
    current = read(tx, namespace, gate_id)
    if not is_expired(current, tx.now):
        return False
    write_expiry(tx, journal, current)
    return True


def remind(tx: Tx, journal: Journal, namespace: str, gate_id: str) -> bool:
    """Remind the reviewers if a reminder is due and was not sent. Raises ``gate_not_found``."""
    return _remind_if_due(tx, journal, read(tx, namespace, gate_id))


def extend(tx: Tx, journal: Journal, request: Extend) -> datetime:
    """Give more time before the gate expires. Returns the new deadline.

    Raises ``gate_not_found``, ``not_permitted``, ``expired`` (time that is over stays over), ``already_decided``.
    """
    current = read(tx, request.namespace, request.gate_id)
    who = entitled(tx, current, request.actor)
    if is_expired(current, tx.now):
        assert current.gate.expires_at is not None
        raise expired_refusal(current.gate.expires_at, expire_then(current))
    until = (current.gate.expires_at or tx.now) + request.by
    gates.update(tx, request.namespace, request.gate_id, expires_at=until, due_at=until)
    record(tx, journal, current, "approval.extended", who, meta={"until": until.isoformat()})
    outgoing.ring(tx, current, cause=f"extend:{current.gate.id}:{until.isoformat()}", at=tx.now)
    return until


def next_deadline(current: Current, now: datetime) -> datetime | None:
    """When the workflow should ask again although nobody rang."""
    times = [at for at in (_next_reminder(current, now), current.gate.expires_at) if at is not None]
    return min(times, default=None)


def _next_reminder(current: Current, now: datetime) -> datetime | None:
    plan = current.policy.remind
    if plan is None:
        return None
    number = _due_number(current, now) + 1
    return current.gate.opened_at + number * timedelta(milliseconds=plan.every_ms) if number <= plan.max else None


def _due_number(current: Current, now: datetime) -> int:
    """How many reminders should have gone out by now, counted from the first opening."""
    plan = current.policy.remind
    if plan is None:
        return 0
    return (now - current.gate.opened_at) // timedelta(milliseconds=plan.every_ms)


def _remind_if_due(tx: Tx, journal: Journal, current: Current) -> bool:
    plan, number = current.policy.remind, _due_number(current, tx.now)
    if plan is None or current.state is not GateState.OPEN or number < 1:
        return False
    number = min(number, plan.max)
    key = f"{current.gate.id}:{current.gate.opened_at.isoformat()}:{number}"
    if not once.first_time(tx, current.namespace, "reminder", key):
        return False
    record(tx, journal, current, "approval.reminded", SYSTEM, meta={"number": number})
    outgoing.notify(tx, current, "approval.reminded", number=number)
    return True
