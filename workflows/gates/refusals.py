"""Every refusal in its one wording: what happened, and what to do instead. Channels print these as they are."""

from __future__ import annotations

from datetime import datetime

from workflows.gates.model import GateError, Json


def gate_not_found(gate_id: str) -> GateError:
    return GateError(
        "gate_not_found",
        f"There is no gate {gate_id} here.",
        status=404,
        remedy="Check the id and the namespace, or list what is open with `visto inbox`.",
    )


def not_permitted(message: str, remedy: str, *, why: str) -> GateError:
    """``why`` is a short code for the journal: ``service``, ``no_right``, ``self_approval``, ``unknown`` ..."""
    return GateError("not_permitted", message, status=403, remedy=remedy, detail={"why": why})


def stale_revision(seen: int, current: int) -> GateError:
    return GateError(
        "stale_revision",
        f"You looked at revision {seen}; this gate is at revision {current} now.",
        status=409,
        remedy="Open the gate again, look at what changed, and decide on that.",
        detail={"seen": seen, "current": current},
    )


def digest_mismatch(seen: str, current: str) -> GateError:
    return GateError(
        "digest_mismatch",
        "What you were shown is not what would run.",
        status=409,
        remedy="Open the gate again and decide on what it shows now.",
        detail={"seen": seen, "current": current},
    )


def already_decided(outcome: str, by: str, at: datetime, revision: int) -> GateError:
    return GateError(
        "already_decided",
        f"This gate is decided: {outcome.replace('_', ' ')} by {by} at {_instant(at)}.",
        status=409,
        remedy="Nothing more is needed. To change it, undo the decision while that is possible.",
        detail={"outcome": outcome, "by": by, "at": at.isoformat(), "revision": revision},
    )


def already_applied() -> GateError:
    return GateError(
        "already_applied",
        "Effects of this gate's decision have run, so the gate cannot be asked anew with other content.",
        status=409,
        remedy="Replay the flow as a new execution: it opens its own gate and shows the earlier decision beside it.",
    )


def expired(at: datetime, then: str) -> GateError:
    return GateError(
        "expired",
        f"The time to decide ended at {_instant(at)}; the expiry was recorded instead ({then}).",
        status=409,
        remedy="Restart the execution to ask again; `extend` gives more time before it ends.",
        detail={"expired_at": at.isoformat(), "then": then},
    )


def withdrawn(reason: str | None) -> GateError:
    return GateError(
        "withdrawn",
        f"This gate was withdrawn: {reason or 'its execution ended'}.",
        status=409,
        remedy="Nothing is waiting for this decision any more.",
    )


def claimed(by: str, until: datetime) -> GateError:
    return GateError(
        "claimed",
        f"{by} is working on this gate until {_instant(until)}.",
        status=409,
        remedy="Wait, or ask them to release it; an admin may decide anyway.",
        detail={"by": by, "until": until.isoformat()},
    )


def invalid_edit(fields: dict[str, list[str]]) -> GateError:
    return GateError(
        "invalid_edit",
        "These values cannot be accepted: "
        + "; ".join(f"{name}: {', '.join(messages)}" for name, messages in fields.items()),
        status=422,
        remedy="Correct the fields named here and send the edit again.",
        detail={"fields": fields},
    )


def invalid_reason(message: str, remedy: str, reasons: tuple[str, ...] = ()) -> GateError:
    detail: dict[str, Json] = {"reasons": list(reasons)}
    return GateError("invalid_reason", message, status=422, remedy=remedy, detail=detail)


def not_undoable(message: str) -> GateError:
    return GateError(
        "not_undoable",
        message,
        status=409,
        remedy="Cancel the execution, or correct the result in a new one.",
    )


def not_revisable(message: str) -> GateError:
    return GateError("not_revisable", message, status=409, remedy="Approve, edit or reject instead.")


def key_reused() -> GateError:
    return GateError(
        "idempotency_key_reused",
        "This idempotency key was used for another decision.",
        status=422,
        remedy="Send a new key with a new decision; repeat a key only to repeat the same request.",
    )


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")
