"""The plans that new executions run, all flows at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.tables import flows, revisions

_CURRENT = (
    sa.select(flows.c.flow_id, revisions.c.plan)
    .join(
        revisions,
        sa.and_(
            revisions.c.namespace == flows.c.namespace,
            revisions.c.flow_id == flows.c.flow_id,
            revisions.c.number == flows.c.revision,
        ),
    )
    .where(flows.c.namespace == bindparam("ns"), flows.c.state != "archived")
    .order_by(flows.c.flow_id)
)


def current(tx: Tx, namespace: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each flow that is not archived, by id, with the plan of its current revision."""
    for row in tx.conn.execute(_CURRENT, {"ns": namespace}):
        yield row.flow_id, row.plan
