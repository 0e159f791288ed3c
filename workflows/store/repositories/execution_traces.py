"""What one execution left behind, summed up by task and element: steps, gates, outside calls.

An execution of 10,000 elements has some 70,000 records, so the database sums them up, from an index alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.sql import many
from workflows.store.tables import audit_event, decisions, gates, operations, outbox


class Trace(NamedTuple):
    """The last that is known of one step of one element (``triage/review/write[57]``): succeeded, failed, running, or
    unknown when its answer was lost."""

    path: str
    state: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many records of one kind one task, all its elements together, has in a span of time.

    ``at`` is the beginning of the records' times that they share.
    """

    path: str
    kind: str
    at: str
    count: int


class GateState(NamedTuple):
    """A gate in short; ``outcome`` is None while nothing is decided."""

    id: str
    path: str
    item_key: str
    state: str
    outcome: str | None


@dataclass(frozen=True, slots=True)
class GateRow:
    """A gate as a line; ``by`` is the name of who decided as it was then."""

    id: str
    path: str
    item_key: str
    title: str
    state: str
    outcome: str | None
    audience: str
    opened_at: datetime
    decided_at: datetime | None
    expires_at: datetime | None
    snapshot: dict[str, Any] | None

    @property
    def by(self) -> str | None:
        return (self.snapshot or {}).get("name")


@dataclass(frozen=True, slots=True)
class Usage:
    """The outside calls of one kind."""

    kind: str
    calls: int
    usd: float | None
    tokens: int | None


@dataclass(frozen=True, slots=True)
class Callback:
    """How telling the caller of the end went; ``last_error`` is what the receiver did last."""

    created_at: datetime
    attempts: int
    delivered_at: datetime | None
    dropped_at: datetime | None
    last_error: str | None


_EXECUTION = sa.and_(
    audit_event.c.namespace == bindparam("ns"),
    audit_event.c.execution_id == bindparam("execution"),
    audit_event.c.path.is_not(None),
)
BEGINS = ("llm.request", "tool.request", "action.intent", "agent.started", "task.started")
SUCCEEDS = (
    "llm.response",
    "tool.response",
    "action.applied",
    "retrieval",
    "embedding",
    "knowledge.ingested",
    "agent.ended",
    "task.ended",
)
FAILS = (
    "llm.failed",
    "tool.failed",
    "action.failed",
    "action.blocked",
    "retrieval.failed",
    "embedding.failed",
    "permit.refused",
)
LOSES = ("llm.unknown_outcome", "tool.unknown_outcome", "action.unknown_outcome")


# what one transaction wrote has one time: an end comes after its beginning, a new attempt after a lost one
_SORTED = (("4", SUCCEEDS), ("3", FAILS), ("2", BEGINS), ("1", LOSES))
_STATES_OF = {"4": "succeeded", "3": "failed", "2": "running", "1": "unknown"}
_LAST = sa.func.max(
    audit_event.c.occurred_at + sa.case(*((audit_event.c.kind.in_(kinds), mark) for mark, kinds in _SORTED), else_="0")
)
_TRACES = sa.select(audit_event.c.path, _LAST).where(_EXECUTION).group_by(audit_event.c.path)
_DECIDED = sa.and_(
    decisions.c.namespace == gates.c.namespace,
    decisions.c.gate_id == gates.c.id,
    decisions.c.undone_at.is_(None),
    decisions.c.outcome != "changes_requested",
)
_GATE_STATES = (
    sa.select(gates.c.id, gates.c.path, gates.c.item_key, gates.c.state, decisions.c.outcome)
    .outerjoin(decisions, _DECIDED)
    .where(gates.c.namespace == bindparam("ns"), gates.c.execution_id == bindparam("execution"))
)
_ROWS = (
    sa.select(
        *(gates.c[name] for name in ("id", "path", "item_key", "title", "state")),
        decisions.c.outcome,
        *(gates.c[name] for name in ("audience", "opened_at", "decided_at", "expires_at")),
        decisions.c.snapshot,
    )
    .outerjoin(decisions, _DECIDED)
    # SQLite would rather go through every gate of a namespace than look up ids: an expression is in no index
    .where(gates.c.namespace + "" == bindparam("ns"), gates.c.id.in_(bindparam("ids", expanding=True)))
)
_USAGE = (
    sa.select(operations.c.kind, sa.func.count(), sa.func.sum(operations.c.usd), sa.func.sum(operations.c.tokens))
    .where(operations.c.namespace == bindparam("ns"), operations.c.execution_id == bindparam("execution"))
    .group_by(operations.c.kind)
)
_CALLBACK = (
    sa.select(*(outbox.c[name] for name in Callback.__slots__))
    .where(
        outbox.c.namespace == bindparam("ns"),
        outbox.c.id == bindparam("item"),
    )
)  # fmt: skip


def traces(tx: Tx, namespace: str, execution_id: str) -> list[Trace]:
    """One line for each place that called something outside."""
    rows = tx.conn.execute(_TRACES, {"ns": namespace, "execution": execution_id})
    # what the journal holds at a gate's own place are records about the gate, which are none of these
    return [Trace(path, _STATES_OF[last[-1]]) for path, last in rows if last[-1] != "0"]


def buckets(tx: Tx, namespace: str, execution_id: str, width: int) -> list[Bucket]:
    """Records counted by task, kind and the first ``width`` characters of their times (16: minutes)."""
    position = sa.func.strpos if tx.is_postgres else sa.func.instr
    bracket = position(audit_event.c.path, "[")
    task = sa.case((bracket > 0, sa.func.substr(audit_event.c.path, 1, bracket - 1)), else_=audit_event.c.path)
    at = sa.func.substr(audit_event.c.occurred_at, 1, width)
    parts = (task.label("task"), audit_event.c.kind, at.label("at"))
    query = sa.select(*parts, sa.func.count()).where(_EXECUTION).group_by("task", audit_event.c.kind, "at")
    return many(tx, Bucket, query, {"ns": namespace, "execution": execution_id})


def gate_states(tx: Tx, namespace: str, execution_id: str) -> list[GateState]:
    """Every gate of the execution in short, in no particular order."""
    rows = tx.conn.execute(_GATE_STATES, {"ns": namespace, "execution": execution_id})
    return [GateState(*row) for row in rows]


def gate_rows(tx: Tx, namespace: str, ids: Sequence[str]) -> dict[str, GateRow]:
    """These gates as lines, by id."""
    if not ids:
        return {}
    return {row.id: row for row in many(tx, GateRow, _ROWS, {"ns": namespace, "ids": list(ids)})}


def usage(tx: Tx, namespace: str, execution_id: str) -> list[Usage]:
    """What its outside calls came to, by kind."""
    return many(tx, Usage, _USAGE, {"ns": namespace, "execution": execution_id})


def callback(tx: Tx, namespace: str, execution_id: str, generation: int) -> Callback | None:
    """How telling the caller of this generation's end went; None before the end."""
    row = tx.conn.execute(_CALLBACK, {"ns": namespace, "item": f"callback:{execution_id}:{generation}"}).one_or_none()
    return None if row is None else Callback(*row)
