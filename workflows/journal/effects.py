"""Effects, written ahead: ``action.intent`` commits before the effect, ``action.applied`` or ``action.failed`` after it.

An intent without an outcome means that the effect may have happened. It is repeated only where the receiver
recognises the repeat (``idempotent``); else it is ``unknown``, and a person decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from workflows.journal import sealed_answers
from workflows.journal.fencing import Fenced, pass_fence
from workflows.journal.records import AuditConflict, Journal, Record
from workflows.store.db import Tx
from workflows.store.repositories import operations
from workflows.store.repositories.operations import OperationRow

Json = Any
_KIND = "effect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One effect of one attempt. ``op_id`` is equal on every attempt and is the receiver's idempotency key.

    ``action_digest`` is the digest of what was approved; ``request`` what is about to be done (sealed, no secrets);
    ``request_hash`` its digest; ``meta`` holds nothing personal (the connector, the connection's name). Without a ``fence``
    the intent takes the next number; go on with ``IntentState.fence`` then.
    """

    namespace: str
    execution_id: str
    flow_id: str | None
    path: str
    op_id: str
    request: Json
    request_hash: str
    action_digest: str | None = None
    attempt: int = 1
    fence: int | None = 1
    meta: dict[str, Json] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return effect_key(self.op_id)


def effect_key(op_id: str) -> str:
    """The key of an operation's effect among the operations."""
    return f"{op_id}:{_KIND}"


@dataclass(frozen=True, slots=True)
class IntentState:
    """``new``: do it now. ``applied``: it was done, here is the ``answer``. ``unknown``: it may have been done; ask.

    ``fence`` is the number with which this attempt goes on.
    """

    state: Literal["new", "applied", "unknown"]
    answer: Json = None
    fence: int = field(default=1, compare=False)


def intent(tx: Tx, journal: Journal, effect: Effect, *, idempotent: bool) -> IntentState:
    """Write the intent and say whether to go on. Commit before acting.

    What was applied stays applied, even if a restart computes another request (from the time of day, say): the answer
    is the one recorded. Raises ``Fenced``, ``AnswerErased``, and ``AuditConflict`` when the outcome of another request
    under this ``op_id`` is unknown.
    """
    fence = pass_fence(tx, effect.namespace, effect.op_id, effect.fence)
    if _insert(tx, effect, fence):
        _record(tx, journal, effect, "action.intent", 1, content={"request": effect.request})
        return IntentState("new", fence=fence)
    row = operations.get_for_update(tx, effect.namespace, effect.key)
    assert row is not None
    if row.state == "answered":
        answer = sealed_answers.read(tx, journal.keyring, effect.namespace, row.key, row.answer)
        return IntentState("applied", answer, fence)
    if row.state == "requested":
        if row.request_hash != effect.request_hash:
            raise AuditConflict(effect.key, None)
        _record(tx, journal, effect, "action.unknown_outcome", row.attempt)
        if not idempotent:
            return IntentState("unknown", fence=fence)
    times = row.attempt + 1
    operations.again(tx, effect.namespace, effect.key, attempt=times, fence=fence, request_hash=effect.request_hash)
    _record(tx, journal, effect, "action.intent", times, content={"request": effect.request})
    return IntentState("new", fence=fence)


def applied(tx: Tx, journal: Journal, effect: Effect, answer: Json) -> str:
    """Write that the effect happened, with the receiver's answer; returns the event id.

    Raises ``Fenced`` when a later attempt has begun.
    """
    row, fence = _held(tx, effect)
    event_id = _record(tx, journal, effect, "action.applied", row.attempt, content={"answer": answer}, outcome="ok")
    operations.answered(
        tx,
        effect.namespace,
        effect.key,
        fence=fence,
        answer=sealed_answers.pointer(event_id),
        usd=None,
        tokens=None,
    )
    return event_id


def failed(tx: Tx, journal: Journal, effect: Effect, *, error: str, code: str) -> str:
    """Write that the effect is known not to have happened; a later intent starts afresh. Raises ``Fenced``."""
    row, fence = _held(tx, effect)
    operations.failed(tx, effect.namespace, effect.key, fence=fence)
    return _record(tx, journal, effect, "action.failed", row.attempt, content={"error": error}, outcome=code)


def _insert(tx: Tx, effect: Effect, fence: int) -> bool:
    return operations.insert(
        tx,
        effect.namespace,
        key=effect.key,
        op_id=effect.op_id,
        kind=_KIND,
        execution_id=effect.execution_id,
        request_hash=effect.request_hash,
        attempt=1,
        fence=fence,
        meta=effect.meta,
    )


def _held(tx: Tx, effect: Effect) -> tuple[OperationRow, int]:
    row = operations.get_for_update(tx, effect.namespace, effect.key)
    if row is None or effect.fence is None:
        raise LookupError(f"effect {effect.op_id!r} has no intent")
    if row.fence > effect.fence:
        raise Fenced(effect.op_id, effect.fence, row.fence)
    return row, effect.fence


def _record(
    tx: Tx, journal: Journal, effect: Effect, kind: str, times: int, *, content: Json = None, outcome: str | None = None
) -> str:
    record = Record(
        namespace=effect.namespace,
        kind=kind,
        actor_kind="worker",
        flow_id=effect.flow_id,
        execution_id=effect.execution_id,
        path=effect.path,
        attempt=effect.attempt,
        outcome=outcome,
        action_digest=effect.action_digest,
        meta={**effect.meta, "op_id": effect.op_id, "request_hash": effect.request_hash},
        content=content,
        op_key=f"{kind}:{effect.key}:{times}",
    )
    return journal.append(tx, record)
