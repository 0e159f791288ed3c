"""What people look at about flows: lines of a list, the last runs, decisions by their outcome, messages that came.

Read only. Every query keeps to one index; counts are over a window of time that the caller names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.contracts import TERMINAL
from workflows.store.db import Tx
from workflows.store.paging import Page, bounded, decode, page_of
from workflows.store.repositories.inbound import Inbound
from workflows.store.sql import columns, many
from workflows.store.tables import decisions, executions, flows, gates, inbound, revisions

ESCAPE = "\\"


@dataclass(frozen=True, slots=True)
class Line:
    """A flow with its current revision. ``plan`` is the stored plan, as data."""

    flow_id: str
    state: str
    revision: int
    managed_by: str | None
    saved_at: datetime
    author_id: str | None
    plan: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """An execution, as far as a list shows it."""

    id: str
    flow_id: str
    revision: int
    state: str
    reason: dict[str, Any] | None
    reference: str | None
    via: str
    requester_id: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


_LINES = (
    sa.select(
        flows.c.flow_id, flows.c.state, flows.c.revision, flows.c.managed_by,
        revisions.c.created_at, revisions.c.author_id, revisions.c.plan,
    )
    .join(
        revisions,
        sa.and_(
            revisions.c.namespace == flows.c.namespace,
            revisions.c.flow_id == flows.c.flow_id,
            revisions.c.number == flows.c.revision,
        ),
    )
    .where(flows.c.namespace == bindparam("ns"))
    .order_by(flows.c.flow_id)
)  # fmt: skip
_RUNS = sa.select(*columns(executions, Run)).where(executions.c.namespace == bindparam("ns"))
_NEWEST = (
    sa.select(executions.c.id)
    .where(executions.c.namespace == bindparam("ns"), executions.c.flow_id == flows.c.flow_id)
    .order_by(executions.c.created_at.desc())
    .limit(1)
    .scalar_subquery()
)
_NAMED = sa.and_(flows.c.namespace == bindparam("ns"), flows.c.flow_id.in_(bindparam("names", expanding=True)))
_LAST = _RUNS.where(executions.c.id.in_(sa.select(_NEWEST).select_from(flows).where(_NAMED)))
_SINCE = (
    sa.select(executions.c.flow_id, sa.func.count())
    .where(
        executions.c.namespace == bindparam("ns"),
        executions.c.flow_id.in_(bindparam("names", expanding=True)),
        executions.c.created_at >= bindparam("since", type_=executions.c.created_at.type),
    )
    .group_by(executions.c.flow_id)
)
_OPEN = (
    sa.select(gates.c.flow_id, sa.func.count())
    .where(
        gates.c.namespace == bindparam("ns"),
        gates.c.state == "open",
        gates.c.flow_id.in_(bindparam("names", expanding=True)),
    )
    .group_by(gates.c.flow_id)
)
_OF_FLOW = sa.and_(executions.c.namespace == bindparam("ns"), executions.c.flow_id == bindparam("flow"))
_RECENT = sa.and_(_OF_FLOW, executions.c.created_at >= bindparam("since", type_=executions.c.created_at.type))
_STATES = sa.select(executions.c.state, sa.func.count()).where(_RECENT).group_by(executions.c.state)
_TIMES = (
    sa.select(executions.c.started_at, executions.c.ended_at)
    .where(_RECENT, executions.c.state.in_(sorted(TERMINAL)), executions.c.started_at.is_not(None))
    .order_by(executions.c.created_at.desc())
    .limit(bindparam("most"))
)
_RUNS_OF_FLOW = (
    sa.select(*columns(executions, Run))
    .where(_OF_FLOW)
    .order_by(executions.c.created_at.desc())
    .limit(bindparam("most"))
)
_OUTCOMES = (
    sa.select(decisions.c.outcome, sa.func.count())
    .join(gates, sa.and_(gates.c.id == decisions.c.gate_id, gates.c.namespace == decisions.c.namespace))
    .where(
        decisions.c.namespace == bindparam("ns"),
        gates.c.flow_id == bindparam("flow"),
        decisions.c.decided_at >= bindparam("since", type_=decisions.c.decided_at.type),
        decisions.c.undone_at.is_(None),
    )
    .group_by(decisions.c.outcome)
)
_MESSAGES = (
    sa.select(*columns(inbound, Inbound))
    .where(inbound.c.namespace == bindparam("ns"), inbound.c.source == bindparam("origin"))
    .order_by(inbound.c.created_at.desc())
    .limit(bindparam("most"))
)


def lines(
    tx: Tx, namespace: str, *, state: str | None = None, query: str = "", cursor: str | None = None, limit: int = 50
) -> Page[Line]:
    """Flows by id. ``query`` is looked for in the id and in the whole text of the flow. Raises ``InvalidCursor``."""
    limit = bounded(limit)
    statement = _LINES
    if state is not None:
        statement = statement.where(flows.c.state == state)
    if query:
        statement = statement.where(
            sa.or_(_contains(flows.c.flow_id, query), _contains(revisions.c.source_text, query))
        )
    if cursor is not None:
        statement = statement.where(flows.c.flow_id > decode(cursor, 1)[0])
    rows = many(tx, Line, statement.limit(limit + 1), {"ns": namespace})
    return page_of(rows, limit, lambda line: (line.flow_id,))


def _contains(column: sa.ColumnElement[str], query: str) -> sa.ColumnElement[bool]:
    words = query.replace(ESCAPE, ESCAPE * 2).replace("%", ESCAPE + "%").replace("_", ESCAPE + "_")
    return column.ilike(f"%{words}%", escape=ESCAPE)


def last_runs(tx: Tx, namespace: str, flow_ids: Sequence[str]) -> dict[str, Run]:
    """The newest execution of each flow that has one."""
    return {run.flow_id: run for run in many(tx, Run, _LAST, {"ns": namespace, "names": list(flow_ids)})}


def run_counts(tx: Tx, namespace: str, flow_ids: Sequence[str], since: datetime) -> dict[str, int]:
    """How many executions of each flow began since then; flows without any are left out."""
    return _counts(tx, _SINCE, {"ns": namespace, "names": list(flow_ids), "since": since})


def open_gates(tx: Tx, namespace: str, flow_ids: Sequence[str]) -> dict[str, int]:
    """How many gates of each flow wait; flows without any are left out."""
    return _counts(tx, _OPEN, {"ns": namespace, "names": list(flow_ids)})


def runs(tx: Tx, namespace: str, flow_id: str, *, limit: int = 20) -> list[Run]:
    """The flow's executions, newest first."""
    return many(tx, Run, _RUNS_OF_FLOW, {"ns": namespace, "flow": flow_id, "most": bounded(limit)})


def states(tx: Tx, namespace: str, flow_id: str, since: datetime) -> dict[str, int]:
    """The flow's executions that began since then, by their present state."""
    return _counts(tx, _STATES, {"ns": namespace, "flow": flow_id, "since": since})


def durations(tx: Tx, namespace: str, flow_id: str, since: datetime, *, limit: int = 500) -> list[float]:
    """Seconds from start to end of the newest executions that ended, waiting for people included."""
    params = {"ns": namespace, "flow": flow_id, "since": since, "most": bounded(limit)}
    return [(ended - started).total_seconds() for started, ended in tx.conn.execute(_TIMES, params) if ended]


def outcomes(tx: Tx, namespace: str, flow_id: str, since: datetime) -> dict[str, int]:
    """Decisions about the flow's gates since then that were not taken back, by outcome."""
    return _counts(tx, _OUTCOMES, {"ns": namespace, "flow": flow_id, "since": since})


def messages(tx: Tx, namespace: str, source: str, *, limit: int = 10) -> list[Inbound]:
    """What arrived from a source, newest first."""
    return many(tx, Inbound, _MESSAGES, {"ns": namespace, "origin": source, "most": bounded(limit)})


def _counts(tx: Tx, statement: sa.Select[Any], params: dict[str, Any]) -> dict[str, int]:
    return {str(name): int(count) for name, count in tx.conn.execute(statement, params)}
