"""The last question before an effect: may exactly this run now? Nothing that the caller says is believed."""

from __future__ import annotations

from workflows.arbiter.current import Current, find
from workflows.arbiter.expiring import expire_then
from workflows.arbiter.model import Permit, Preflight, PreflightRefused
from workflows.arbiter.settling import permits as allows
from workflows.gates.digest import action_digest, canonical
from workflows.gates.model import Outcome, ResolvedEffect, View
from workflows.journal.records import Journal, Record
from workflows.store.db import Tx
from workflows.store.repositories import breakers, budgets, pauses, permits
from workflows.store.repositories.decisions import Decision

_ASK_AGAIN = "Restart the execution: the gate asks again with what would run now."


def preflight(tx: Tx, journal: Journal, request: Preflight) -> Permit:
    """Give leave for one operation, or raise ``PreflightRefused``.

    Asking again for the same operation with the same content returns the same permit, so a retry may go on; the
    operation journal keeps it from acting twice.
    """
    decision = _approved(tx, request) if request.gate_id is not None else None
    _not_paused(tx, request)
    _within_budget(tx, request)
    _breaker_closed(tx, request)
    if decision is None:
        return Permit(op_id=request.op_id, granted_at=tx.now)
    return _permit(tx, journal, request, decision)


def _approved(tx: Tx, request: Preflight) -> Decision:
    """The decision that allows this very effect. The gate stays locked: permits are given one at a time."""
    assert request.gate_id is not None
    current = find(tx, request.namespace, request.gate_id)
    if current is None or current.gate.execution_id != request.execution_id:
        raise PreflightRefused(
            "gate_not_found", f"There is no gate {request.gate_id} in this execution.", remedy=_ASK_AGAIN
        )
    decision = current.final
    if decision is None or decision.settled_at is None or decision.effective_at > tx.now:
        raise PreflightRefused(
            "not_decided", "No decision about this is in effect.", remedy="Decide on the gate first."
        )
    if request.decision_id not in (None, decision.id):
        raise PreflightRefused("not_decided", "Another decision than this one counts.", remedy=_ASK_AGAIN)
    if decision.revoked_reason is not None:
        raise PreflightRefused("revoked", f"The decision was revoked: {decision.revoked_reason}.", remedy=_ASK_AGAIN)
    if not allows(Outcome(decision.outcome), expire_then(current)):
        raise PreflightRefused(
            "not_approved", f"The gate was not approved: {decision.outcome}.", remedy="Nothing to do: a no means no."
        )
    _same_effect(current, decision, request)
    return decision


def _same_effect(current: Current, decision: Decision, request: Preflight) -> None:
    """The stored view still has the decided digest, and the effect in it equals the one asked for, byte for byte."""
    revision = next(r for r in current.revisions if r.revision == decision.revision)
    digests = {action_digest(revision.view), revision.action_digest, decision.action_digest}
    if digests != {request.action_digest}:
        raise PreflightRefused("digest_mismatch", "What was approved is not what is stored.", remedy=_ASK_AGAIN)
    effects = View.model_validate_json(revision.view).effects
    approved = next((effect for effect in effects if effect.path == request.effect_path), None)
    if approved is None or _text(approved) != _text(_asked(request)):
        raise PreflightRefused(
            "effect_mismatch",
            f"{request.effect_path} would not run as it was approved.",
            remedy="This must not happen; report it. " + _ASK_AGAIN,
        )


def _asked(request: Preflight) -> ResolvedEffect:
    return ResolvedEffect(path=request.effect_path or "", type=request.type, properties=request.properties)


def _text(effect: ResolvedEffect) -> str:
    return canonical(effect.model_dump(mode="json"))


def _not_paused(tx: Tx, request: Preflight) -> None:
    pause = pauses.applying(tx, request.namespace, request.flow_id)
    if pause is not None:
        raise PreflightRefused(
            "paused",
            f"Effects are paused ({pause.scope}) by {pause.by or 'an operator'}: {pause.reason}.",
            remedy="They run when the pause is lifted with `visto resume`.",
            transient=True,
        )


def _within_budget(tx: Tx, request: Preflight) -> None:
    if request.budget is None:
        return
    spent = budgets.spent(tx, request.namespace, request.execution_id)
    for unit, limit, used in (("usd", request.budget.usd, spent.usd), ("tokens", request.budget.tokens, spent.tokens)):
        if limit is not None and used > limit:
            raise PreflightRefused(
                "budget",
                f"The execution has used {used:g} of its {limit:g} {unit}.",
                remedy="Raise the flow's budget and restart the execution.",
            )


def _breaker_closed(tx: Tx, request: Preflight) -> None:
    connection = request.properties.get("connection")
    for key in (request.type, connection):
        if isinstance(key, str) and breakers.state(tx, request.namespace, key).state == "open":
            raise PreflightRefused(
                "breaker_open",
                f"{key} failed repeatedly and rests.",
                remedy="It is tried again by itself; look at what it connects to.",
                transient=True,
            )


def _permit(tx: Tx, journal: Journal, request: Preflight, decision: Decision) -> Permit:
    binding = f"{decision.action_digest}:{request.effect_path}"
    granted = permits.get(tx, request.namespace, request.op_id)
    if granted is None:
        granted = permits.grant(tx, request.namespace, request.op_id, decision.id, binding)
        _journal(tx, journal, request, decision)
    if (granted.decision_id, granted.binding) != (decision.id, binding):
        raise PreflightRefused(
            "permit_used",
            "This operation was permitted for something else before.",
            remedy="This must not happen; report it.",
        )
    return Permit(
        op_id=request.op_id,
        decision_id=decision.id,
        action_digest=decision.action_digest,
        granted_at=granted.granted_at,
    )


def _journal(tx: Tx, journal: Journal, request: Preflight, decision: Decision) -> None:
    journal.append(
        tx,
        Record(
            namespace=request.namespace,
            kind="permit.granted",
            flow_id=request.flow_id,
            execution_id=request.execution_id,
            path=request.effect_path,
            action_digest=decision.action_digest,
            meta={"op_id": request.op_id, "gate_id": request.gate_id, "decision_id": decision.id},
        ),
    )
