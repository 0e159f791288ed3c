"""Executions: one row from the accepted start to the end, whatever happens to Temporal's history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

import sqlalchemy as sa
from sqlalchemy import bindparam
from typing_extensions import Unpack

from workflows.contracts import TERMINAL
from workflows.store.db import Tx
from workflows.store.paging import Page, bounded, decode_time_and_id, page_of
from workflows.store.prepared import Prepared
from workflows.store.refusals import IdempotencyConflict, NotFound
from workflows.store.sql import Statement, changed, columns, insert_ignore, many, one
from workflows.store.tables import UtcDateTime, executions


@dataclass(frozen=True, slots=True)
class Execution:
    """``reason`` is the typed reason of ``state``; ``outputs``, ``decision`` and ``failed`` are set when it ended.

    ``failed`` names the tasks and elements that a restart runs again (``triage/review[57]``), ``reruns`` how often each
    has been run again already.
    """

    id: str
    namespace: str
    flow_id: str
    revision: int
    workflow_id: str
    state: str
    reason: dict[str, Any] | None
    reference: str | None
    idempotency_key: str | None
    request_sha256: str | None
    inputs: dict[str, Any]
    trigger: dict[str, Any] | None
    labels: dict[str, Any]
    requester_id: str | None
    author_id: str | None
    via: str
    callback_url: str | None
    outputs: dict[str, Any] | None
    failed: list[str] | None
    reruns: dict[str, int] | None
    decision: dict[str, Any] | None
    generation: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    cancel_requested_at: datetime | None


@dataclass(frozen=True, slots=True)
class Creation:
    """``created`` is False when an earlier request with the same idempotency key made the execution."""

    execution: Execution
    created: bool


class StateData(TypedDict, total=False):
    """What may change together with the state."""

    outputs: dict[str, Any] | None
    failed: list[str] | None
    decision: dict[str, Any] | None
    started_at: datetime | None
    ended_at: datetime | None


_MINE = executions.c.namespace == bindparam("ns")
_THIS = sa.and_(_MINE, executions.c.id == bindparam("execution"))
_ALL = sa.select(*columns(executions, Execution)).where(_MINE)
_GET = Prepared(_ALL.where(executions.c.id == bindparam("execution")))
_BY_KEY = Prepared(_ALL.where(executions.c.idempotency_key == bindparam("key")))
_BY_REFERENCE = _ALL.where(executions.c.reference == bindparam("reference")).order_by(executions.c.created_at.desc())
_SET = executions.update().where(_THIS)
_LIVE = _SET.where(executions.c.state.not_in(sorted(TERMINAL)))
_SET_LIVE = Prepared(_LIVE)
_STARTED = Prepared(
    _SET.where(executions.c.state == "created").values(
        state="running",
        reason=None,
        started_at=sa.func.coalesce(executions.c.started_at, bindparam("now", type_=UtcDateTime)),
    )
)
_CANCEL = _LIVE.where(executions.c.cancel_requested_at.is_(None)).values(cancel_requested_at=bindparam("now"))
_REOPEN = _SET.where(executions.c.state.in_(sorted(TERMINAL))).values(
    generation=executions.c.generation + 1, state="created", reason=None, outputs=None, decision=None, failed=None,
    ended_at=None, cancel_requested_at=None, workflow_id=bindparam("workflow"), reruns=bindparam("again"),
)  # fmt: skip


def create(
    tx: Tx,
    namespace: str,
    *,
    execution_id: str,
    flow_id: str,
    revision: int,
    workflow_id: str,
    inputs: dict[str, Any],
    via: str,
    state: str = "created",
    trigger: dict[str, Any] | None = None,
    labels: dict[str, Any] | None = None,
    reference: str | None = None,
    idempotency_key: str | None = None,
    request_sha256: str | None = None,
    requester_id: str | None = None,
    author_id: str | None = None,
    callback_url: str | None = None,
) -> Creation:
    """Insert the execution, or return the one that the same idempotency key made.

    Raises ``IdempotencyConflict`` when that one had another ``request_sha256``.
    """
    new = Execution(
        execution_id, namespace, flow_id, revision, workflow_id, state, None, reference, idempotency_key,
        request_sha256, inputs, trigger, labels or {}, requester_id, author_id, via, callback_url,
        None, None, None, None, 0, tx.now, None, None, None,
    )  # fmt: skip
    values = {name: getattr(new, name) for name in Execution.__slots__}
    if insert_ignore(tx, executions, values, ("namespace", "idempotency_key")):
        return Creation(new, created=True)
    existing = one(tx, Execution, _BY_KEY, {"ns": namespace, "key": idempotency_key})
    assert existing is not None
    if existing.request_sha256 != request_sha256:
        raise IdempotencyConflict(idempotency_key or "", existing.id)
    return Creation(existing, created=False)


def get(tx: Tx, namespace: str, execution_id: str) -> Execution | None:
    return one(tx, Execution, _GET, {"ns": namespace, "execution": execution_id})


def by_reference(tx: Tx, namespace: str, reference: str) -> list[Execution]:
    """Executions that were started with the caller's ``reference``, newest first."""
    return many(tx, Execution, _BY_REFERENCE, {"ns": namespace, "reference": reference})


def by_key(tx: Tx, namespace: str, idempotency_key: str) -> Execution | None:
    return one(tx, Execution, _BY_KEY, {"ns": namespace, "key": idempotency_key})


def list_executions(
    tx: Tx,
    namespace: str,
    *,
    flow_id: str | None = None,
    states: tuple[str, ...] = (),
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Execution]:
    """Newest first. Raises ``InvalidCursor``."""
    limit = bounded(limit)
    query = _ALL
    if flow_id is not None:
        query = query.where(executions.c.flow_id == flow_id)
    if states:
        query = query.where(executions.c.state.in_(states))
    if cursor is not None:
        at, last = decode_time_and_id(cursor)
        query = query.where(
            sa.or_(executions.c.created_at < at, sa.and_(executions.c.created_at == at, executions.c.id < last))
        )
    query = query.order_by(executions.c.created_at.desc(), executions.c.id.desc()).limit(limit + 1)
    return page_of(many(tx, Execution, query, {"ns": namespace}), limit, lambda row: (row.created_at, row.id))


def set_state(
    tx: Tx, namespace: str, execution_id: str, state: str, reason: dict[str, Any] | None, **data: Unpack[StateData]
) -> bool:
    """Move a live execution to ``state``. Returns False, changing nothing, when it has ended. Raises ``NotFound``.

    A terminal ``state`` sets ``ended_at`` unless given; ``running`` sets ``started_at`` only when given.
    """
    values: dict[str, Any] = {"state": state, "reason": reason, **data}
    if state in TERMINAL:
        values.setdefault("ended_at", tx.now)
    return _guarded(tx, namespace, execution_id, _SET_LIVE, values)


def started(tx: Tx, namespace: str, execution_id: str) -> bool:
    """Temporal has taken the execution. Returns False, changing nothing, when it has gone on already."""
    return bool(changed(tx, _STARTED, {"ns": namespace, "execution": execution_id, "now": tx.now}))


def request_cancel(tx: Tx, namespace: str, execution_id: str) -> bool:
    """Note that cancelling was asked for. Returns False if it was before, or the end came. Raises ``NotFound``."""
    return _guarded(tx, namespace, execution_id, _CANCEL, {"now": tx.now})


def reopen(tx: Tx, namespace: str, execution_id: str, *, workflow_id: str, reruns: dict[str, int]) -> bool:
    """Make an ended execution run again in its next generation. Returns False if it is live. Raises ``NotFound``."""
    return _guarded(tx, namespace, execution_id, _REOPEN, {"workflow": workflow_id, "again": reruns})


def _guarded(tx: Tx, namespace: str, execution_id: str, update: Statement, values: dict[str, Any]) -> bool:
    if changed(tx, update, {"ns": namespace, "execution": execution_id, **values}):
        return True
    if get(tx, namespace, execution_id) is None:
        raise NotFound("execution", execution_id)
    return False
