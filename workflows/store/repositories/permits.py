"""Permits: leave for one operation, given once to one decision. They are never taken back, so they also tell
whether anything of a decision may have been applied.
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
from workflows.store.sql import insert_ignore
from workflows.store.tables import leases

_KIND = "permit"


@dataclass(frozen=True, slots=True)
class PermitRow:
    """``binding`` is what the permit was given for; another binding for the same operation is refused."""

    op_id: str
    decision_id: str
    binding: str
    granted_at: datetime


_MINE = sa.and_(leases.c.namespace == bindparam("ns"), leases.c.kind == _KIND)
_ROW = sa.select(leases.c.key, leases.c.owner, leases.c.meta, leases.c.created_at).where(_MINE)
_GET = Prepared(_ROW.where(leases.c.key == bindparam("op")))
_ANY_OF = sa.select(leases.c.id).where(_MINE, leases.c.owner == bindparam("decision")).limit(1)


def grant(tx: Tx, namespace: str, op_id: str, decision_id: str, binding: str) -> PermitRow:
    """Give the permit. The caller holds the gate's lock and has seen with ``get`` that there is none."""
    new: dict[str, Any] = {"id": new_id(tx.now), "namespace": namespace, "kind": _KIND, "key": op_id}
    new |= {"owner": decision_id, "created_at": tx.now, "meta": {"binding": binding}}
    insert_ignore(tx, leases, new, ("namespace", "kind", "key", "owner"))
    return PermitRow(op_id, decision_id, binding, tx.now)


def get(tx: Tx, namespace: str, op_id: str) -> PermitRow | None:
    row = _GET.row(tx, {"ns": namespace, "op": op_id})
    return None if row is None else PermitRow(row[0], row[1], row[2]["binding"], row[3])


def any_for(tx: Tx, namespace: str, decision_id: str) -> bool:
    """Whether an effect of the decision may have run."""
    return tx.conn.execute(_ANY_OF, {"ns": namespace, "decision": decision_id}).first() is not None
