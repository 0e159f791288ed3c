"""Opens gates. A place in an execution has one gate; what is asked there again with equal content is not asked again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from workflows.arbiter import outgoing, people
from workflows.arbiter.concluding import conclude
from workflows.arbiter.current import Current, find, read
from workflows.arbiter.model import GateOutcome, Opened, OpenGate
from workflows.arbiter.recording import record
from workflows.arbiter.settling import outcome_of, status
from workflows.arbiter.superseding import applied, supersede
from workflows.arbiter.who import POLICY, SYSTEM
from workflows.contracts import TERMINAL
from workflows.gates.digest import action_digest
from workflows.gates.ids import gate_id
from workflows.gates.model import GateState, Outcome, View
from workflows.gates.refusals import already_applied, digest_mismatch
from workflows.gates.transitions import Event, after
from workflows.journal.records import Journal
from workflows.store.db import Tx
from workflows.store.repositories import executions, gates, votes
from workflows.store.repositories.gates import Gate, GateChanges, GateRevision


def open_gate(tx: Tx, journal: Journal, request: OpenGate) -> Opened:
    """Ask people (or note policy's answer), unless the same was asked here before.

    Equal digest: the gate as it stands, with its decision if there is one. Another digest: a new revision that voids
    votes and takes back a decision without applied effects. Raises ``digest_mismatch`` when the view is not what the
    digest says, ``already_applied`` when effects of the earlier decision have run.
    """
    if action_digest(request.view) != request.action_digest:
        raise digest_mismatch(request.action_digest, action_digest(request.view))
    number = gate_id(request.execution_id, request.path, request.item_key)
    current = find(tx, request.namespace, number) or _insert(tx, request, number)
    if not current.revisions:
        first = _add_revision(tx, request, number, 1, "suggestion")
        return _asked(tx, journal, request, replace(current, revisions=(first,)))
    return _again(tx, journal, request, current)


def _again(tx: Tx, journal: Journal, request: OpenGate, current: Current) -> Opened:
    asked_round = min(request.round, len(current.changes))
    base = _base(current, asked_round)
    if base is None or base.action_digest != request.action_digest:
        return _revise(tx, journal, request, current, asked_round)
    if asked_round < len(current.changes):
        return _opened(outcome_of(current, current.changes[asked_round]), created=False)
    if _asks_afresh(tx, current, request):
        return _reopen(tx, journal, request, current)
    if current.state is GateState.OPEN and request.parked:
        outgoing.park(tx, current)
    return _opened(status(tx, journal, current), created=False)


def _base(current: Current, asked_round: int) -> GateRevision | None:
    """The newest revision that the workflow itself asked with in this round (people's edits derive from it)."""
    ends = [decision.revision for decision in current.changes]
    first = ends[asked_round - 1] + 1 if asked_round else 1
    last = ends[asked_round] if asked_round < len(ends) else current.revision.revision
    asked = (r for r in reversed(current.revisions) if r.kind != "edit" and first <= r.revision <= last)
    return next(asked, None)


def _asks_afresh(tx: Tx, current: Current, request: OpenGate) -> bool:
    """An expiry is nobody's answer, so a deliberate re-run asks again; so does a gate withdrawn from a live execution."""
    if current.state is GateState.WITHDRAWN:
        execution = executions.get(tx, current.namespace, current.gate.execution_id)
        live = execution is not None and execution.state not in TERMINAL
        return live and execution is not None and execution.cancel_requested_at is None
    expired = current.final is not None and current.final.outcome == Outcome.EXPIRED
    return expired and request.generation > current.gate.generation


def _revise(tx: Tx, journal: Journal, request: OpenGate, current: Current, asked_round: int) -> Opened:
    """Ask with other content: what was decided about the old one no longer counts, unless it has been done."""
    if current.final is not None and applied(tx, current):
        raise already_applied()
    stale = current.changes[asked_round:]
    supersede(tx, journal, current, stale)
    kind = "changes" if asked_round else "suggestion"
    revised = _add(tx, request, current.gate.id, current.revision.revision + 1, kind)
    _move(tx, request, current, revised, afresh=current.state is GateState.WITHDRAWN, rounds=len(revised.changes))
    return _asked(tx, journal, request, read(tx, request.namespace, current.gate.id))


def _reopen(tx: Tx, journal: Journal, request: OpenGate, current: Current) -> Opened:
    """Ask the same once more; the time to decide starts again."""
    supersede(tx, journal, current, ())
    _move(tx, request, current, current, afresh=True, rounds=len(current.changes))
    return _asked(tx, journal, request, read(tx, request.namespace, current.gate.id))


def _asked(tx: Tx, journal: Journal, request: OpenGate, current: Current) -> Opened:
    """Record the question, let policy answer it if it may, and tell those who are asked otherwise."""
    stage = current.policy.stages[current.gate.stage]
    outcome = _by_policy(request, current)
    if outcome is None and request.parked:
        outgoing.park(tx, current)
    record(
        tx,
        journal,
        current,
        "approval.requested",
        SYSTEM,
        action_digest=request.action_digest,
        content=request.view,
        meta={
            "kind": current.revision.kind,
            "groups": list(stage.groups),
            "asked": list(people.members(tx, request.namespace, stage)),
            "expires_at": current.gate.expires_at.isoformat() if current.gate.expires_at else None,
        },
        revision_sha256=request.revision_sha256,
    )
    if outcome is not None:
        reason = "rules" if outcome is Outcome.REJECTED else "auto_when"
        conclude(tx, journal, current, outcome, POLICY, reason_code=reason, ring=False)
        current = read(tx, request.namespace, current.gate.id)
    else:
        outgoing.notify(tx, current, "approval.requested")
    return _opened(status(tx, journal, current), created=True)


def _by_policy(request: OpenGate, current: Current) -> Outcome | None:
    """Policy's decision. A yes needs ``auto_when`` in the plan and a suggestion that no rule doubts."""
    if request.rejected_by_rules and current.plan.on_invalid == "reject":
        return Outcome.REJECTED
    if request.auto and current.policy.auto_when is not None and not current.view.failed_rules:
        return Outcome.AUTO
    return None


def _opened(outcome: GateOutcome, *, created: bool) -> Opened:
    return Opened.model_validate({**dict(outcome), "created": created})


def _expires_at(request: OpenGate, now: datetime) -> datetime | None:
    plan = request.gate_plan.approve.expire
    return now + timedelta(milliseconds=plan.after_ms) if plan else None


def _insert(tx: Tx, request: OpenGate, number: str) -> Current:
    view = View.model_validate_json(request.view)
    expires_at = _expires_at(request, tx.now)
    gate = Gate(
        id=number,
        execution_id=request.execution_id,
        workflow_id=request.workflow_id,
        flow_id=request.flow_id,
        flow_revision=request.flow_revision,
        path=request.path,
        item_key=request.item_key,
        batch_key=request.batch_key,
        title=view.title,
        policy=people.resolved(tx, request.namespace, request.gate_plan.approve).model_dump(mode="json"),
        gate_plan=request.gate_plan.model_dump(mode="json"),
        scope=request.scope,
        opened_at=tx.now,
        generation=request.generation,
        priority=_priority(request),
        due_at=expires_at,
        expires_at=expires_at,
        requester_id=request.requester_id,
        author_id=request.author_id,
    )
    if not gates.insert_new(tx, request.namespace, gate):
        return read(tx, request.namespace, number)  # another opener was faster; its commit is visible now
    return Current(request.namespace, gate, (), ())


def _priority(request: OpenGate) -> int:
    priority = request.gate_plan.approve.priority
    return priority if isinstance(priority, int) else 0


def _add(tx: Tx, request: OpenGate, number: str, revision: int, kind: str) -> Current:
    _add_revision(tx, request, number, revision, kind)
    return read(tx, request.namespace, number)


def _add_revision(tx: Tx, request: OpenGate, number: str, revision: int, kind: str) -> GateRevision:
    made = GateRevision(
        gate_id=number,
        revision=revision,
        kind=kind,
        view=request.view,
        action_digest=request.action_digest,
        fields=request.fields,
        meta=request.meta,
        created_at=tx.now,
    )
    gates.add_revision(tx, request.namespace, made)
    return made


def _move(tx: Tx, request: OpenGate, before: Current, now: Current, *, afresh: bool, rounds: int) -> None:
    votes.void(tx, request.namespace, before.gate.id, f"superseded by revision {now.revision.revision}")
    changes = GateChanges(
        state=after(before.state, Event.REVISE),
        workflow_id=request.workflow_id,
        revision=now.revision.revision,
        stage=0,
        rounds=rounds,
        generation=max(before.gate.generation, request.generation),
        title=View.model_validate_json(request.view).title,
        policy=people.resolved(tx, request.namespace, request.gate_plan.approve).model_dump(mode="json"),
        gate_plan=request.gate_plan.model_dump(mode="json"),
        scope=request.scope,
        claimed_by=None,
        claim_until=None,
        decided_at=None,
        withdrawn_reason=None,
    )
    if afresh:
        expires_at = _expires_at(request, tx.now)
        changes |= GateChanges(opened_at=tx.now, expires_at=expires_at, due_at=expires_at)
    gates.update(tx, request.namespace, before.gate.id, **changes)
