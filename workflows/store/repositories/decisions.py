"""Decisions: at most one effective decision per gate, which the database itself enforces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.prepared import Prepared
from workflows.store.refusals import AlreadyDecided, NotFound
from workflows.store.sql import changed, columns, insert_ignore
from workflows.store.tables import decisions, gates


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """``fields`` are the decided ones; nothing may happen before ``effective_at``; ``snapshot`` is the actor then."""

    id: str
    gate_id: str
    revision: int
    execution_id: str
    outcome: str
    action_digest: str
    actor_kind: str
    via: str
    snapshot: dict[str, Any]
    decided_at: datetime
    effective_at: datetime
    fields: dict[str, Any] | None = None
    actor_id: str | None = None
    reason_code: str | None = None
    comment: str | None = None
    settled_at: datetime | None = None
    undone_at: datetime | None = None
    undone_by: str | None = None
    revoked_reason: str | None = None


_NAMES = tuple(field.name for field in fields(Decision))
_MINE = decisions.c.namespace == bindparam("ns")
_THIS = sa.and_(_MINE, decisions.c.id == bindparam("decision"))
_ALL = sa.select(*columns(decisions, Decision)).where(_MINE)
_GET = Prepared(_ALL.where(decisions.c.id == bindparam("decision")))
_OF_GATE = Prepared(
    _ALL.where(decisions.c.gate_id == bindparam("gate")).order_by(decisions.c.decided_at, decisions.c.id)
)
_EFFECTIVE = Prepared(
    _ALL.where(
        decisions.c.gate_id == bindparam("gate"),
        decisions.c.undone_at.is_(None),
        decisions.c.outcome != "changes_requested",
    )
)
_OF_EXECUTION = _ALL.where(decisions.c.execution_id == bindparam("execution")).order_by(decisions.c.decided_at)
_EARLIER = (
    _ALL.join(gates, sa.and_(gates.c.id == decisions.c.gate_id, gates.c.namespace == decisions.c.namespace))
    .where(
        gates.c.flow_id == bindparam("flow"),
        gates.c.path == bindparam("path"),
        gates.c.item_key == bindparam("item"),
        decisions.c.undone_at.is_(None),
        decisions.c.outcome.in_(("approved", "edited", "rejected")),
    )
    .order_by(decisions.c.decided_at.desc())
    .limit(bindparam("limit"))
)
_OWNED = Prepared(sa.select(gates.c.id).where(gates.c.namespace == bindparam("ns"), gates.c.id == bindparam("gate")))
_UPDATE = decisions.update().where(_THIS)
_UNSETTLED = _UPDATE.where(decisions.c.undone_at.is_(None), decisions.c.settled_at.is_(None))
_SETTLE = Prepared(_UNSETTLED)
_TAKE_BACK = _UPDATE.where(decisions.c.undone_at.is_(None))
_UNDO = _UNSETTLED.where(decisions.c.effective_at > bindparam("now"))


def _decision(row: Sequence[Any]) -> Decision:
    return Decision(**dict(zip(_NAMES, row, strict=True)))


def add(tx: Tx, namespace: str, decision: Decision) -> None:
    """Write a decision. Raises ``AlreadyDecided`` when the gate has an effective one, ``NotFound`` without the gate."""
    if _OWNED.row(tx, {"ns": namespace, "gate": decision.gate_id}) is None:
        raise NotFound("gate", decision.gate_id)
    values = {name: getattr(decision, name) for name in _NAMES}
    if not insert_ignore(tx, decisions, {"namespace": namespace, **values}):
        existing = effective(tx, namespace, decision.gate_id)
        raise AlreadyDecided(decision.gate_id, existing.id if existing else decision.id)


def get(tx: Tx, namespace: str, decision_id: str) -> Decision | None:
    row = _GET.row(tx, {"ns": namespace, "decision": decision_id})
    return None if row is None else _decision(row)


def effective(tx: Tx, namespace: str, gate_id: str) -> Decision | None:
    """The decision that counts: not undone, and not a request for changes."""
    row = _EFFECTIVE.row(tx, {"ns": namespace, "gate": gate_id})
    return None if row is None else _decision(row)


def of_gate(tx: Tx, namespace: str, gate_id: str) -> list[Decision]:
    """Every decision of the gate, undone ones and requests for changes included, oldest first."""
    return [_decision(row) for row in _OF_GATE.rows(tx, {"ns": namespace, "gate": gate_id})]


def of_execution(tx: Tx, namespace: str, execution_id: str) -> list[Decision]:
    return [_decision(row) for row in tx.conn.execute(_OF_EXECUTION, {"ns": namespace, "execution": execution_id})]


def earlier(tx: Tx, namespace: str, flow_id: str, path: str, item_key: str, *, limit: int = 3) -> list[Decision]:
    """People's decisions at the same place of the same flow in any execution, newest first: shown, never reused."""
    params = {"ns": namespace, "flow": flow_id, "path": path, "item": item_key, "limit": limit}
    return [_decision(row) for row in tx.conn.execute(_EARLIER, params)]


def settle(tx: Tx, namespace: str, decision_id: str) -> bool:
    """Mark that the flow took the decision up; it cannot be undone any more. Returns False if it was undone or settled."""
    return bool(changed(tx, _SETTLE, {"ns": namespace, "decision": decision_id, "settled_at": tx.now}))


def undo(tx: Tx, namespace: str, decision_id: str, by: str) -> bool:
    """Take back a decision before its ``effective_at``. Returns False, changing nothing, when it is too late."""
    params = {"ns": namespace, "decision": decision_id, "now": tx.now, "undone_at": tx.now, "undone_by": by}
    return bool(changed(tx, _UNDO, params))


def supersede(tx: Tx, namespace: str, decision_id: str, by: str) -> bool:
    """Take back a decision because other content replaced what it was about, settled or not.

    Returns False when it was taken back before. The caller has made sure that no effect of it has run.
    """
    params = {"ns": namespace, "decision": decision_id, "undone_at": tx.now, "undone_by": by}
    return bool(changed(tx, _TAKE_BACK, params))


def revoke(tx: Tx, namespace: str, decision_id: str, reason: str) -> None:
    """Forbid effects that have not happened yet; the decision stands in the record. Raises ``NotFound``."""
    if not changed(tx, _UPDATE, {"ns": namespace, "decision": decision_id, "revoked_reason": reason}):
        raise NotFound("decision", decision_id)
