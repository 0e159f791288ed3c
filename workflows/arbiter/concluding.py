"""Writes the decision of a gate: the one row, its record, its doorbell and the execution's state."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from workflows.arbiter import outgoing
from workflows.arbiter.current import Current
from workflows.arbiter.recording import record
from workflows.arbiter.who import Who
from workflows.gates.model import Outcome
from workflows.gates.transitions import Event, after
from workflows.journal.records import Journal
from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.repositories import decisions, executions, gates
from workflows.store.repositories.decisions import Decision

IN_LINE_FIRST = timedelta(seconds=2)
"""How long the relay leaves a doorbell to whoever decided: rung twice, the workflow would do its work over again."""

_EVENTS = {Outcome.CHANGES_REQUESTED: Event.CHANGE, Outcome.EXPIRED: Event.EXPIRE}
_KINDS = {Outcome.EXPIRED: "decision.expired", Outcome.AUTO: "decision.auto"}


def conclude(
    tx: Tx,
    journal: Journal,
    current: Current,
    outcome: Outcome,
    who: Who,
    *,
    undo_window: timedelta = timedelta(0),
    reason_code: str | None = None,
    comment: str | None = None,
    ring: bool = True,
    in_line: bool = False,
) -> Decision:
    """Decide the gate on its newest revision. The caller holds the lock and has found it open.

    ``in_line``: the caller rings right after the commit if the decision is in effect then; the relay waits a moment.
    """
    decision = Decision(
        id=new_id(tx.now),
        gate_id=current.gate.id,
        revision=current.revision.revision,
        execution_id=current.gate.execution_id,
        outcome=outcome,
        action_digest=current.revision.action_digest,
        actor_kind=who.kind,
        actor_id=who.id,
        via=who.via,
        snapshot=who.snapshot(),
        decided_at=tx.now,
        effective_at=tx.now + max(undo_window, timedelta(0)),
        fields=current.revision.fields,
        reason_code=reason_code,
        comment=comment,
    )
    _move(tx, current, outcome)
    decisions.add(tx, current.namespace, decision)
    if ring:
        leeway = IN_LINE_FIRST if in_line and decision.effective_at <= tx.now else timedelta(0)
        outgoing.ring(tx, current, cause=decision.id, at=decision.effective_at + leeway)
        _resume(tx, current)
    _journal(tx, journal, current, decision, who)
    return decision


def _move(tx: Tx, current: Current, outcome: Outcome) -> None:
    changes = outcome is Outcome.CHANGES_REQUESTED
    gates.update(
        tx,
        current.namespace,
        current.gate.id,
        state=after(current.state, _EVENTS.get(outcome, Event.CONCLUDE)),
        decided_at=tx.now,
        rounds=current.gate.rounds + (1 if changes else 0),
        claimed_by=None,
        claim_until=None,
    )


def _journal(tx: Tx, journal: Journal, current: Current, decision: Decision, who: Who) -> None:
    content: dict[str, Any] = {"by": who.name, "comment": decision.comment, "fields": decision.fields}
    record(
        tx,
        journal,
        current,
        _KINDS.get(Outcome(decision.outcome), "decision.submitted"),
        who,
        outcome=decision.outcome,
        action_digest=decision.action_digest,
        content=content,
        meta={
            "decision_id": decision.id,
            "revision": decision.revision,
            "reason_code": decision.reason_code,
            "effective_at": decision.effective_at.isoformat(),
        },
    )


def _resume(tx: Tx, current: Current) -> None:
    """The execution has something to do again. Only a wait for decisions ends; any other wait goes on."""
    execution = executions.get(tx, current.namespace, current.gate.execution_id)
    if execution is None or execution.state != "waiting":
        return
    if (execution.reason or {}).get("code") == outgoing.WAITING_CODE:
        executions.set_state(tx, current.namespace, execution.id, "running", None)
