"""What people decided before at the same place of a flow, newest first, with the view they decided on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.sql import many
from workflows.store.tables import decisions, gate_revisions, gates


@dataclass(frozen=True, slots=True)
class Precedent:
    """``view`` is the canonical text of the decided revision; ``snapshot`` is who decided, as they were then."""

    gate_id: str
    title: str
    outcome: str
    reason_code: str | None
    comment: str | None
    via: str
    snapshot: dict[str, Any]
    decided_at: datetime
    view: str


# The newest gates first, then what was decided on them: joined in one go, SQLite would read every decision there is.
_RECENT = (
    sa.select(gates.c.namespace, gates.c.id, gates.c.title)
    .where(
        gates.c.namespace == bindparam("ns"),
        gates.c.flow_id == bindparam("flow"),
        gates.c.path == bindparam("place"),
        gates.c.decided_at.is_not(None),
        gates.c.id != bindparam("but"),
    )
    .order_by(gates.c.decided_at.desc())
    .limit(bindparam("most"))
    .subquery("recent")
)
_DECISION = sa.and_(
    decisions.c.namespace == _RECENT.c.namespace,
    decisions.c.gate_id == _RECENT.c.id,
    decisions.c.undone_at.is_(None),
    decisions.c.actor_kind == "person",
    decisions.c.outcome.in_(("approved", "edited", "rejected")),
)
_REVISION = sa.and_(
    gate_revisions.c.namespace == decisions.c.namespace,
    gate_revisions.c.gate_id == decisions.c.gate_id,
    gate_revisions.c.revision == decisions.c.revision,
)
_AT = (
    sa.select(
        _RECENT.c.id,
        _RECENT.c.title,
        decisions.c.outcome,
        decisions.c.reason_code,
        decisions.c.comment,
        decisions.c.via,
        decisions.c.snapshot,
        decisions.c.decided_at,
        gate_revisions.c.view,
    )
    .join(decisions, _DECISION)
    .join(gate_revisions, _REVISION)
    .order_by(decisions.c.decided_at.desc())
)


def at_place(tx: Tx, namespace: str, flow_id: str, path: str, *, but: str, limit: int) -> list[Precedent]:
    """Decisions of people on the last ``limit`` gates decided there, except gate ``but``."""
    return many(tx, Precedent, _AT, {"ns": namespace, "flow": flow_id, "place": path, "but": but, "most": limit})
