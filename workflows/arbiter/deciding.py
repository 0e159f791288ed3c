"""One person's action on a gate, from any channel: checked, counted and concluded in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workflows.arbiter.concluding import conclude
from workflows.arbiter.current import Current, read
from workflows.arbiter.editing import add_edit, edited
from workflows.arbiter.expiring import expire_then, is_expired, write_expiry
from workflows.arbiter.handling import claim_of_another, still_open
from workflows.arbiter.model import Decide, Decided, Refused
from workflows.arbiter.people import members, verified
from workflows.arbiter.recording import record
from workflows.arbiter.who import Who, person, reviewer
from workflows.gates import policy, refusals
from workflows.gates.digest import canonical
from workflows.gates.model import Action, Actor, GateError, Outcome
from workflows.gates.policy import Standing
from workflows.journal.records import Journal
from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.repositories import gates, votes
from workflows.store.repositories.decisions import Decision
from workflows.store.repositories.votes import Vote

_OUTCOMES = {Standing.REJECTED: Outcome.REJECTED, Standing.CHANGES: Outcome.CHANGES_REQUESTED}
_JOURNALLED = frozenset({"not_permitted", "digest_mismatch"})


@dataclass(frozen=True, slots=True)
class _Count:
    """Where the votes stand: at which stage, and how many more people must agree there."""

    standing: Standing
    stage: int
    missing: int


def decide(tx: Tx, journal: Journal, request: Decide) -> Decided | Refused:
    """Count the action, and conclude the gate when it is enough.

    Every refusal is returned, not raised, so that what it leaves behind is committed: a denial's record, or the expiry
    that a late decision ran into. Repeating a request with its ``idempotency_key`` returns its first answer.
    """
    try:
        current = read(tx, request.namespace, request.gate_id)
        repeated = _repeated(tx, request)
        if repeated is not None:
            return repeated
        if is_expired(current, tx.now):
            return _too_late(tx, journal, current)
        actor = verified(tx, request.namespace, request.actor)
        _check(tx, current, actor, request)
        return _count(tx, journal, current, actor, request)
    except GateError as error:
        if error.code in _JOURNALLED:
            _journal_denial(tx, journal, read(tx, request.namespace, request.gate_id), request, error)
        return Refused.of(error)


def _repeated(tx: Tx, request: Decide) -> Decided | None:
    """The first answer to the same request. Raises ``idempotency_key_reused`` for another request with its key."""
    if request.idempotency_key is None:
        return None
    for vote in votes.of_gate(tx, request.namespace, request.gate_id):
        if vote.idempotency_key == request.idempotency_key and vote.principal_id == request.actor.principal_id:
            if vote.snapshot.get("request") != _fingerprint(request):
                raise refusals.key_reused()
            return Decided.model_validate(vote.snapshot["answer"])
    return None


def _fingerprint(request: Decide) -> str:
    return canonical(
        request.model_dump(
            mode="json", include={"action", "revision", "action_digest", "fields", "reason_code", "comment", "override"}
        )
    )


def _too_late(tx: Tx, journal: Journal, current: Current) -> Refused:
    assert current.gate.expires_at is not None
    write_expiry(tx, journal, current)
    return Refused.of(refusals.expired(current.gate.expires_at, expire_then(current)))


def _check(tx: Tx, current: Current, actor: Actor, request: Decide) -> None:
    """Everything that can be said against the request before its content is looked at. Raises the refusal."""
    denied = policy.may_decide(current.policy, current.gate.stage, actor, current.facts, request.action)
    for refusal in (still_open(current), denied, claim_of_another(tx, current, actor)):
        if refusal is not None:
            raise refusal
    newest = current.revision
    if request.revision != newest.revision:
        raise refusals.stale_revision(request.revision, newest.revision)
    if request.action_digest != newest.action_digest:
        raise refusals.digest_mismatch(request.action_digest, newest.action_digest)


def _count(tx: Tx, journal: Journal, current: Current, actor: Actor, request: Decide) -> Decided:
    who = reviewer(actor, current.policy, current.gate.stage, current.facts)
    stage = current.gate.stage
    match request.action:
        case Action.EDIT:
            current = _edit(tx, journal, current, who, request)
        case Action.REJECT:
            _needs_reason(current, request)
        case Action.REQUEST_CHANGES:
            _can_change(current, request)
        case Action.APPROVE:
            pass
    votes.void(tx, request.namespace, request.gate_id, "voted again", principal_id=actor.principal_id)
    count = _tally(tx, current, _as_vote(request, actor, stage))
    decision = _conclude(tx, journal, current, who, request, count)
    if decision is None and count.stage != current.gate.stage:
        gates.update(tx, request.namespace, request.gate_id, stage=count.stage)
    answer = _answer(tx, current, decision, count, vote_id=new_id(tx.now))
    _add_vote(tx, current, who, request, stage, answer)
    if decision is None:
        _journal_vote(tx, journal, current, who, request, count)
    return answer


def _edit(tx: Tx, journal: Journal, current: Current, who: Who, request: Decide) -> Current:
    assert who.id is not None
    edit = edited(current, request.fields or {}, override=request.override, comment=request.comment)
    if request.new_action_digest not in (None, edit.action_digest):
        raise refusals.digest_mismatch(str(request.new_action_digest), edit.action_digest)
    made = add_edit(tx, current, edit, who.id)
    meta: dict[str, Any] = {"kind": "edit", "override": request.override, "replaces": current.revision.action_digest}
    record(tx, journal, made, "approval.requested", who, action_digest=edit.action_digest, content=edit.view, meta=meta)
    return made


def _needs_reason(current: Current, request: Decide) -> None:
    reasons = current.policy.reasons
    if request.reason_code is not None and request.reason_code not in reasons:
        listed = ", ".join(reasons) or "this gate has none"
        raise refusals.invalid_reason(
            f"{request.reason_code!r} is not a reason here.", f"Use one of: {listed}; or say it in words.", reasons
        )
    if request.reason_code is None and not (request.comment or "").strip():
        listed = f" or one of: {', '.join(reasons)}" if reasons else ""
        raise refusals.invalid_reason("A rejection needs a reason.", f"Send a comment{listed}.", reasons)


def _can_change(current: Current, request: Decide) -> None:
    suggest = current.plan.suggest
    if suggest is None or suggest.kind != "agent":
        raise refusals.not_revisable("Nothing here can make another suggestion.")
    if len(current.changes) >= current.policy.max_rounds:
        raise refusals.not_revisable(f"Changes were requested {current.policy.max_rounds} times already.")
    if not (request.comment or "").strip():
        raise refusals.invalid_reason("A request for changes needs words.", "Say what should be different.")


def _as_vote(request: Decide, actor: Actor, stage: int) -> policy.Vote:
    return policy.Vote(principal_id=actor.principal_id, stage=stage, action=request.action)


def _tally(tx: Tx, current: Current, new: policy.Vote) -> _Count:
    """Count from the gate's stage upwards: a vote that was given at a later stage already counts when that comes."""
    rows = votes.standing(tx, current.namespace, current.gate.id, current.revision.revision)
    cast = [new, *(policy.Vote(principal_id=r.principal_id, stage=r.stage, action=Action(r.action)) for r in rows)]
    for stage in range(current.gate.stage, len(current.policy.stages)):
        asked = members(tx, current.namespace, current.policy.stages[stage])
        standing = policy.tally(current.policy, stage, current.facts, cast, asked)
        if standing is not Standing.STAGE_PASSED:
            break
    return _Count(standing, stage, policy.missing(current.policy, stage, current.facts, cast, asked))


def _conclude(tx: Tx, journal: Journal, current: Current, who: Who, request: Decide, count: _Count) -> Decision | None:
    if count.standing is Standing.OPEN:
        return None
    yes = Outcome.EDITED if current.revision.kind == "edit" else Outcome.APPROVED
    return conclude(
        tx,
        journal,
        current,
        _OUTCOMES.get(count.standing, yes),
        who,
        undo_window=request.undo_window,
        reason_code=request.reason_code,
        comment=request.comment,
        in_line=True,
    )


def _answer(tx: Tx, current: Current, decision: Decision | None, count: _Count, *, vote_id: str) -> Decided:
    return Decided(
        gate_id=current.gate.id,
        execution_id=current.gate.execution_id,
        workflow_id=current.gate.workflow_id,
        state=read(tx, current.namespace, current.gate.id).state,
        revision=current.revision.revision,
        stage=count.stage,
        action_digest=current.revision.action_digest,
        vote_id=vote_id,
        decision_id=decision.id if decision else None,
        outcome=Outcome(decision.outcome) if decision else None,
        missing=0 if decision else count.missing,
        decided_at=decision.decided_at if decision else None,
        effective_at=decision.effective_at if decision else None,
    )


def _add_vote(tx: Tx, current: Current, who: Who, request: Decide, stage: int, answer: Decided) -> None:
    assert who.id is not None
    assert answer.vote_id is not None
    kept = (
        {"request": _fingerprint(request), "answer": answer.model_dump(mode="json")} if request.idempotency_key else {}
    )
    votes.add(
        tx,
        request.namespace,
        Vote(
            id=answer.vote_id,
            gate_id=request.gate_id,
            revision=current.revision.revision,
            stage=stage,
            principal_id=who.id,
            action=request.action,
            via=who.via,
            snapshot={**who.snapshot(), **kept},
            created_at=tx.now,
            reason_code=request.reason_code,
            comment=request.comment,
            idempotency_key=request.idempotency_key,
        ),
    )


def _journal_vote(tx: Tx, journal: Journal, current: Current, who: Who, request: Decide, count: _Count) -> None:
    record(
        tx,
        journal,
        current,
        "decision.vote",
        who,
        outcome=request.action,
        action_digest=current.revision.action_digest,
        content={"by": who.name, "comment": request.comment},
        meta={"stage": count.stage, "missing": count.missing},
    )


def _journal_denial(tx: Tx, journal: Journal, current: Current, request: Decide, error: GateError) -> None:
    record(
        tx,
        journal,
        current,
        "decision.denied",
        person(request.actor),
        outcome=error.code,
        action_digest=request.action_digest,
        content={"by": request.actor.name, "message": str(error)},
        meta={"action": request.action, "why": error.detail.get("why"), "seen_revision": request.revision},
    )
