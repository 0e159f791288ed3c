"""Operations: one row per outside call, written before it is made. ``answer`` points to the journal record that holds it.

``fence`` only grows: a writer with a lower one is a zombie, and its write touches no row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.prepared import Prepared
from workflows.store.sql import changed, columns, insert_ignore, many, one
from workflows.store.tables import operations


@dataclass(frozen=True, slots=True)
class OperationRow:
    """``state`` is requested, answered or failed; ``attempt`` counts the times the call went out."""

    key: str
    op_id: str
    kind: str
    execution_id: str
    request_hash: str
    state: str
    attempt: int
    fence: int
    answer: dict[str, Any] | None
    meta: dict[str, Any] | None
    usd: float | None
    tokens: int | None
    requested_at: datetime
    answered_at: datetime | None


_MINE = operations.c.namespace == bindparam("ns")
_THIS = sa.and_(_MINE, operations.c.key == bindparam("op"))
_ALL = sa.select(*columns(operations, OperationRow)).where(_MINE)
_ONE = _ALL.where(operations.c.key == bindparam("op"))
_GET, _LOCK = Prepared(_ONE), Prepared(_ONE.with_for_update())
_OF_OP = Prepared(
    _ALL.where(operations.c.op_id == bindparam("op")).order_by(operations.c.requested_at, operations.c.key)
)
_OF_EXECUTION = _ALL.where(operations.c.execution_id == bindparam("execution")).order_by(operations.c.requested_at)
_NOT_FENCED = Prepared(operations.update().where(_THIS, operations.c.fence <= bindparam("limit")))


def insert(
    tx: Tx,
    namespace: str,
    *,
    key: str,
    op_id: str,
    kind: str,
    execution_id: str,
    request_hash: str,
    attempt: int,
    fence: int,
    meta: dict[str, Any] | None = None,
) -> bool:
    """Write the request. Returns False when the key is known: then look with ``get_for_update``."""
    new: dict[str, Any] = {"id": new_id(tx.now), "namespace": namespace, "key": key, "op_id": op_id, "kind": kind}
    new |= {"execution_id": execution_id, "request_hash": request_hash, "state": "requested", "attempt": attempt}
    new |= {"fence": fence, "meta": meta, "requested_at": tx.now}
    return insert_ignore(tx, operations, new, ("namespace", "key"))


def get(tx: Tx, namespace: str, key: str) -> OperationRow | None:
    return one(tx, OperationRow, _GET, {"ns": namespace, "op": key})


def get_for_update(tx: Tx, namespace: str, key: str) -> OperationRow | None:
    """Like ``get``, and nobody else changes the row until this transaction ends."""
    return one(tx, OperationRow, _LOCK, {"ns": namespace, "op": key})


def again(tx: Tx, namespace: str, key: str, *, attempt: int, fence: int, request_hash: str) -> bool:
    """The call goes out once more. Returns False when ``fence`` is lower than the row's."""
    params: dict[str, Any] = {"state": "requested", "attempt": attempt, "fence": fence, "requested_at": tx.now}
    params |= {"request_hash": request_hash}
    return bool(changed(tx, _NOT_FENCED, {"ns": namespace, "op": key, "limit": fence, **params}))


def answered(
    tx: Tx, namespace: str, key: str, *, fence: int, answer: dict[str, Any], usd: float | None, tokens: int | None
) -> bool:
    """Record where the answer is. Returns False when ``fence`` is lower than the row's."""
    params = {"state": "answered", "answer": answer, "usd": usd, "tokens": tokens, "answered_at": tx.now}
    return bool(changed(tx, _NOT_FENCED, {"ns": namespace, "op": key, "limit": fence, **params}))


def failed(tx: Tx, namespace: str, key: str, *, fence: int) -> bool:
    """The call failed with a known outcome. Returns False when ``fence`` is lower than the row's."""
    return bool(changed(tx, _NOT_FENCED, {"ns": namespace, "op": key, "limit": fence, "state": "failed"}))


def of_op(tx: Tx, namespace: str, op_id: str) -> list[OperationRow]:
    """Every call of one step, in the order of their requests."""
    return many(tx, OperationRow, _OF_OP, {"ns": namespace, "op": op_id})


def of_execution(tx: Tx, namespace: str, execution_id: str) -> list[OperationRow]:
    return many(tx, OperationRow, _OF_EXECUTION, {"ns": namespace, "execution": execution_id})
