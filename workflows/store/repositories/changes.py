"""What changed lately, for pages that are open: the newest records about gates, executions and brakes, without content."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.ids import first_id
from workflows.store.tables import audit_event

GATE_KINDS = (
    "approval.requested", "approval.viewed", "approval.assigned", "approval.extended", "approval.stage", "gate.withdrawn",
    "gate.superseded", "claim.taken", "claim.released", "claim.lapsed", "comment.added", "decision.vote",
    "decision.submitted", "decision.effective", "decision.auto", "decision.expired", "decision.undone",
    "decision.superseded", "decision.revoked",
)  # fmt: skip
EXECUTION_KINDS = (
    "execution.created", "execution.started", "execution.state", "execution.restarted", "execution.cancel_requested",
    "execution.ended", "llm.request", "llm.response", "action.applied", "action.failed", "action.intent",
)  # fmt: skip
BRAKE_KINDS = ("config.paused", "config.resumed")


@dataclass(frozen=True, slots=True)
class Change:
    """``gate_id`` for a gate's, ``execution_id`` for an execution's, neither for a brake."""

    event_id: str
    kind: str
    execution_id: str | None
    actor_id: str | None
    gate_id: str | None


_SINCE = (
    sa.select(
        audit_event.c.event_id,
        audit_event.c.kind,
        audit_event.c.execution_id,
        audit_event.c.actor_id,
        audit_event.c.meta,
    )
    .where(
        audit_event.c.namespace == bindparam("ns"),
        audit_event.c.event_id >= bindparam("first"),
        audit_event.c.kind.in_((*GATE_KINDS, *EXECUTION_KINDS, *BRAKE_KINDS)),
    )
    .order_by(audit_event.c.event_id.desc())
    .limit(bindparam("most"))
)


def since(tx: Tx, namespace: str, at: datetime, *, limit: int) -> list[Change]:
    """Records made at ``at`` or later, oldest first; of more than ``limit`` the newest."""
    rows = tx.conn.execute(_SINCE, {"ns": namespace, "first": first_id(at), "most": limit}).all()
    return [
        Change(row.event_id, row.kind, row.execution_id, row.actor_id, _gate(row.kind, row.meta))
        for row in reversed(rows)
    ]


def _gate(kind: str, meta: str) -> str | None:
    if kind not in GATE_KINDS:
        return None
    found = json.loads(meta).get("gate_id")
    return found if isinstance(found, str) else None
