"""What a brake holds back: decisions that allow effects of which none has begun."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.contracts import TERMINAL
from workflows.store.db import Tx
from workflows.store.tables import decisions, executions, gate_revisions, gates, leases

YES = ("approved", "edited", "auto")
NO_EFFECTS = '%"effects":[]%'
"""In a canonical view quotes inside text are escaped, so no text can look like this."""

_BEGUN = sa.select(leases.c.owner).where(leases.c.namespace == bindparam("ns"), leases.c.kind == "permit")
_HELD = (
    sa.select(gates.c.flow_id, sa.func.count().label("number"))
    .select_from(decisions)
    .join(gates, sa.and_(gates.c.id == decisions.c.gate_id, gates.c.namespace == decisions.c.namespace))
    .join(
        executions,
        sa.and_(executions.c.id == decisions.c.execution_id, executions.c.namespace == decisions.c.namespace),
    )
    .join(
        gate_revisions,
        sa.and_(
            gate_revisions.c.namespace == decisions.c.namespace,
            gate_revisions.c.gate_id == decisions.c.gate_id,
            gate_revisions.c.revision == decisions.c.revision,
        ),
    )
    .where(
        decisions.c.namespace == bindparam("ns"),
        decisions.c.outcome.in_(YES),
        decisions.c.undone_at.is_(None),
        decisions.c.revoked_reason.is_(None),
        executions.c.state.not_in(sorted(TERMINAL)),
        decisions.c.id.not_in(_BEGUN),
        gate_revisions.c.view.not_like(NO_EFFECTS),
    )
    .group_by(gates.c.flow_id)
)
_LIVE = (
    sa.select(executions.c.flow_id, sa.func.count().label("number"))
    .where(executions.c.namespace == bindparam("ns"), executions.c.state.not_in(sorted(TERMINAL)))
    .group_by(executions.c.flow_id)
)


def approved_by_flow(tx: Tx, namespace: str) -> dict[str, int]:
    """How many decisions of each flow allow effects that have not begun, in executions that have not ended."""
    return {row.flow_id: row.number for row in tx.conn.execute(_HELD, {"ns": namespace})}


def live_by_flow(tx: Tx, namespace: str) -> dict[str, int]:
    """How many executions of each flow have not ended."""
    return {row.flow_id: row.number for row in tx.conn.execute(_LIVE, {"ns": namespace})}
