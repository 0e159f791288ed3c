"""The brake: a pause stops new effects everywhere, in a namespace or of a flow; decisions stay open.

The pause of everything lives under the reserved namespace ``*``, which no tenant can have.
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
from workflows.store.sql import changed, upsert
from workflows.store.tables import leases

EVERYWHERE = "*"
_KIND = "pause"
_NAMESPACE_KEY = "namespace"
_OWNER = "operator"


@dataclass(frozen=True, slots=True)
class Pause:
    """``scope`` is all, namespace or flow; ``flow_id`` is set for a flow's."""

    scope: str
    flow_id: str | None
    by: str | None
    reason: str
    since: datetime


_PAUSES = sa.select(leases.c.namespace, leases.c.key, leases.c.meta, leases.c.created_at).where(leases.c.kind == _KIND)
_APPLIES = Prepared(
    _PAUSES.where(
        sa.or_(
            leases.c.namespace == EVERYWHERE,
            sa.and_(leases.c.namespace == bindparam("ns"), leases.c.key.in_((_NAMESPACE_KEY, bindparam("flow")))),
        )
    )
)
_ALL = _PAUSES.where(leases.c.namespace.in_((EVERYWHERE, bindparam("ns")))).order_by(leases.c.created_at)
_CLEAR = leases.delete().where(
    leases.c.namespace == bindparam("ns"), leases.c.kind == _KIND, leases.c.key == bindparam("key")
)


def pause(tx: Tx, namespace: str, *, flow_id: str | None = None, by: str | None, reason: str) -> None:
    """Pause the namespace, or one flow of it. A second pause replaces who and why."""
    key = _NAMESPACE_KEY if flow_id is None else _flow_key(flow_id)
    new: dict[str, Any] = {"id": new_id(tx.now), "namespace": namespace, "kind": _KIND, "key": key, "owner": _OWNER}
    new |= {"created_at": tx.now, "meta": {"by": by, "reason": reason}}
    upsert(tx, leases, new, ("namespace", "kind", "key", "owner"), ("meta", "created_at"))


def resume(tx: Tx, namespace: str, *, flow_id: str | None = None) -> bool:
    """Returns whether there was a pause."""
    key = _NAMESPACE_KEY if flow_id is None else _flow_key(flow_id)
    return bool(changed(tx, _CLEAR, {"ns": namespace, "key": key}))


def pause_everything(tx: Tx, *, by: str | None, reason: str) -> None:
    """Pause all namespaces."""
    pause(tx, EVERYWHERE, by=by, reason=reason)


def resume_everything(tx: Tx) -> bool:
    """Lift the pause of everything; those of namespaces and flows stay. Returns whether there was one."""
    return resume(tx, EVERYWHERE)


def applying(tx: Tx, namespace: str, flow_id: str) -> Pause | None:
    """The widest pause that stops effects of this flow now, in one statement."""
    rows = _APPLIES.rows(tx, {"ns": namespace, "flow": _flow_key(flow_id)})
    pauses = [_pause(*row) for row in rows]
    return min(pauses, key=lambda each: ("all", "namespace", "flow").index(each.scope), default=None)


def list_pauses(tx: Tx, namespace: str) -> list[Pause]:
    """Every pause of the namespace, and the one of everything."""
    return [_pause(*row) for row in tx.conn.execute(_ALL, {"ns": namespace})]


def _flow_key(flow_id: str) -> str:
    return f"flow:{flow_id}"


def _pause(namespace: str, key: str, meta: dict[str, Any] | None, since: datetime) -> Pause:
    scope = "all" if namespace == EVERYWHERE else "namespace" if key == _NAMESPACE_KEY else "flow"
    flow = key.removeprefix("flow:") if scope == "flow" else None
    return Pause(scope, flow, (meta or {}).get("by"), (meta or {}).get("reason", ""), since)
