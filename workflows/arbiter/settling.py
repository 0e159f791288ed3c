"""What the workflow reads: the gate's outcome, once it is in effect. Reading it is what puts it into effect."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from workflows.arbiter import expiring
from workflows.arbiter.current import Current, read
from workflows.arbiter.model import GateOutcome, LoadGate
from workflows.arbiter.outgoing import park
from workflows.arbiter.recording import record
from workflows.arbiter.who import SYSTEM
from workflows.gates.model import GateState, Outcome, View
from workflows.gates.refusals import gate_not_found
from workflows.journal.records import Journal
from workflows.store.db import Tx
from workflows.store.repositories import decisions
from workflows.store.repositories.decisions import Decision

_YES = frozenset({Outcome.APPROVED, Outcome.EDITED, Outcome.AUTO})


def load(tx: Tx, journal: Journal, request: LoadGate) -> GateOutcome:
    """Read the gate for its workflow. A decision whose time has come is settled: from then on it cannot be undone.

    With ``due`` a deadline that has passed is acted upon first. Raises ``gate_not_found``, also for a gate of another
    execution: a doorbell's id is never trusted.
    """
    current = read(tx, request.namespace, request.gate_id)
    if current.gate.execution_id != request.execution_id:
        raise gate_not_found(request.gate_id)
    if request.parked and current.state is GateState.OPEN and not expiring.is_expired(current, tx.now):
        park(tx, current)
    if request.due and expiring.meet_deadlines(tx, journal, current):
        current = read(tx, request.namespace, request.gate_id)
    return status(tx, journal, current)


def status(tx: Tx, journal: Journal, current: Current) -> GateOutcome:
    """The gate's outcome if it is in effect by now, else when to look again."""
    if current.state is GateState.WITHDRAWN:
        return _ended_without_decision(current)
    decision = current.decision
    if decision is None:
        return _waiting(current, expiring.next_deadline(current, tx.now))
    if decision.effective_at > tx.now:
        return _waiting(current, decision.effective_at)
    settle(tx, journal, current, decision)
    return outcome_of(current, decision)


def settle(tx: Tx, journal: Journal, current: Current, decision: Decision) -> None:
    """Put a decision into effect, once."""
    if decision.settled_at is not None or not decisions.settle(tx, current.namespace, decision.id):
        return
    record(
        tx,
        journal,
        current,
        "decision.effective",
        SYSTEM,
        outcome=decision.outcome,
        action_digest=decision.action_digest,
        meta={"decision_id": decision.id, "revision": decision.revision},
    )


def permits(outcome: Outcome, expire_then: str | None) -> bool:
    """Whether effects may run after this outcome. An expiry permits only where the flow says ``then: approve``."""
    return outcome in _YES or (outcome is Outcome.EXPIRED and expire_then == "approve")


def outcome_of(current: Current, decision: Decision) -> GateOutcome:
    """A decision in effect, as the workflow and the flow's author see it."""
    outcome = Outcome(decision.outcome)
    then = expiring.expire_then(current) if outcome is Outcome.EXPIRED else None
    allowed = permits(outcome, then)
    revision = next(r for r in current.revisions if r.revision == decision.revision)
    view = View.model_validate_json(revision.view)
    return GateOutcome.model_validate(
        {
            "gate_id": current.gate.id,
            "state": current.state,
            "revision": decision.revision,
            "round": current.changes.index(decision) + 1 if decision in current.changes else len(current.changes),
            "outcome": outcome,
            "permits": allowed,
            "action_digest": decision.action_digest,
            "fields": revision.fields if allowed else None,
            "effects": view.effects if allowed else (),
            "meta": _meta(decision, view),
            "comment": decision.comment,
            "expire_then": then,
        }
    )


def _meta(decision: Decision, view: View) -> dict[str, Any]:
    return {
        "decision": decision.outcome,
        "by": decision.snapshot.get("name"),
        "at": decision.decided_at.isoformat(),
        "reason": decision.reason_code or decision.comment,
        "revision": decision.revision,
        "confidence": view.meta.get("confidence"),
        "citations": view.meta.get("citations", []),
    }


def _waiting(current: Current, next_due: datetime | None) -> GateOutcome:
    return GateOutcome(
        gate_id=current.gate.id,
        state=current.state,
        revision=current.revision.revision,
        round=len(current.changes),
        action_digest=current.revision.action_digest,
        next_due=next_due,
    )


def _ended_without_decision(current: Current) -> GateOutcome:
    meta = {
        "decision": Outcome.WITHDRAWN,
        "by": None,
        "at": None,
        "reason": current.gate.withdrawn_reason,
        "revision": current.revision.revision,
    }
    return _waiting(current, None).model_copy(update={"outcome": Outcome.WITHDRAWN, "meta": meta})
