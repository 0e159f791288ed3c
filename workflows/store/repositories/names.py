"""Names for ids, many at once: who a principal is, and which revision an execution runs."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.tables import executions, principals

_PRINCIPALS = sa.select(principals.c.id, principals.c.name).where(
    principals.c.namespace == bindparam("ns"), principals.c.id.in_(bindparam("ids", expanding=True))
)
_REVISIONS = sa.select(executions.c.id, executions.c.revision).where(
    executions.c.namespace == bindparam("ns"), executions.c.id.in_(bindparam("ids", expanding=True))
)


def of_principals(tx: Tx, namespace: str, ids: Collection[str]) -> dict[str, str]:
    """Names by id; who is unknown here is missing."""
    if not ids:
        return {}
    return {row.id: row.name for row in tx.conn.execute(_PRINCIPALS, {"ns": namespace, "ids": sorted(ids)})}


def revisions_run(tx: Tx, namespace: str, ids: Collection[str]) -> dict[str, int]:
    """The number of the flow's revision by execution."""
    if not ids:
        return {}
    return {row.id: row.revision for row in tx.conn.execute(_REVISIONS, {"ns": namespace, "ids": sorted(ids)})}
