"""Executions as lines of a list: filtered, searched and counted, without their inputs and outputs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.paging import Page, bounded, decode_time_and_id, page_of
from workflows.store.sql import columns, many
from workflows.store.tables import executions, gates

ID_PART = 6
"""From so many characters on, a searched text may also be the beginning or the end of an id."""


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """Enough to see how an execution stands, and why."""

    id: str
    flow_id: str
    revision: int
    state: str
    reason: dict[str, Any] | None
    reference: str | None
    labels: dict[str, Any]
    requester_id: str | None
    via: str
    generation: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    cancel_requested_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which executions. ``text`` is looked for in ids, references, labels and inputs, without regard to case."""

    states: tuple[str, ...] = ()
    flow_id: str | None = None
    via: str | None = None
    requester_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The open gates of one task of an execution; ``audience`` (``|g:fraud|``) is whom one of them asks."""

    execution_id: str
    path: str
    count: int
    gate_id: str
    audience: str = ""


_MINE = executions.c.namespace == bindparam("ns")
_ALL = sa.select(*columns(executions, ExecutionRow)).where(_MINE)
# SQLite would rather go through every execution of a namespace than look up ids: an expression is in no index
_SOME = sa.select(*columns(executions, ExecutionRow)).where(
    executions.c.namespace + "" == bindparam("ns"), executions.c.id.in_(bindparam("ids", expanding=True))
)
_COUNTS = sa.select(executions.c.state, sa.func.count()).where(_MINE).group_by(executions.c.state)
_COUNTS_OF_FLOW = _COUNTS.where(executions.c.flow_id == bindparam("flow"))
_FLOWS = sa.select(executions.c.flow_id).where(_MINE).distinct().order_by(executions.c.flow_id)
_OPEN = (
    sa.select(gates.c.execution_id, gates.c.path, sa.func.count(), sa.func.min(gates.c.id))
    .where(
        gates.c.namespace == bindparam("ns"),
        gates.c.execution_id.in_(bindparam("ids", expanding=True)),
        gates.c.state == "open",
    )
    .group_by(gates.c.execution_id, gates.c.path)
)
_AUDIENCES = sa.select(gates.c.id, gates.c.audience).where(
    gates.c.namespace + "" == bindparam("ns"), gates.c.id.in_(bindparam("ids", expanding=True))
)


def page(tx: Tx, namespace: str, wanted: Filter, *, cursor: str | None = None, limit: int = 50) -> Page[ExecutionRow]:
    """Newest first. Raises ``InvalidCursor``."""
    limit = bounded(limit)
    query = _ALL.where(*_conditions(tx, wanted))
    if cursor is not None:
        at, last = decode_time_and_id(cursor)
        query = query.where(executions.c.created_at <= at, sa.or_(executions.c.created_at < at, executions.c.id < last))
    query = query.order_by(executions.c.created_at.desc(), executions.c.id.desc()).limit(limit + 1)
    return page_of(many(tx, ExecutionRow, query, {"ns": namespace}), limit, lambda row: (row.created_at, row.id))


def some(tx: Tx, namespace: str, ids: Sequence[str]) -> dict[str, ExecutionRow]:
    """The rows of these executions by id; what is not there is left out."""
    return {row.id: row for row in many(tx, ExecutionRow, _SOME, {"ns": namespace, "ids": list(ids)})}


def counts(tx: Tx, namespace: str, flow_id: str | None = None) -> dict[str, int]:
    """How many executions there are in each state, of one flow or of all."""
    statement = _COUNTS if flow_id is None else _COUNTS_OF_FLOW
    rows = tx.conn.execute(statement, {"ns": namespace, "flow": flow_id})
    return {row[0]: row[1] for row in rows}


def flows_run(tx: Tx, namespace: str) -> list[str]:
    """The flows that were ever run, by name."""
    return list(tx.conn.execute(_FLOWS, {"ns": namespace}).scalars())


def waiting(tx: Tx, namespace: str, ids: Sequence[str]) -> list[Waiting]:
    """Whom these executions wait for, task by task."""
    if not ids:
        return []
    found = many(tx, Waiting, _OPEN, {"ns": namespace, "ids": list(ids)})
    asked = tx.conn.execute(_AUDIENCES, {"ns": namespace, "ids": [one.gate_id for one in found]})
    audiences = {row[0]: row[1] for row in asked}
    return [replace(one, audience=audiences[one.gate_id]) for one in found]


def _conditions(tx: Tx, wanted: Filter) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.states:
        found.append(executions.c.state.in_(wanted.states))
    for column, value in (
        (executions.c.flow_id, wanted.flow_id),
        (executions.c.via, wanted.via),
        (executions.c.requester_id, wanted.requester_id),
    ):
        if value is not None:
            found.append(column == value)
    if wanted.since is not None:
        found.append(executions.c.created_at >= wanted.since)
    if wanted.until is not None:
        found.append(executions.c.created_at < wanted.until)
    if wanted.text:
        found.append(_holds(tx, wanted.text))
    return found


def _holds(tx: Tx, text: str) -> sa.ColumnElement[bool]:
    plain = text.lower()
    # JSON is stored with everything beyond ASCII escaped, so it is looked for as it is written there
    written = json.dumps(text)[1:-1].lower()
    position = sa.func.strpos if tx.is_postgres else sa.func.instr
    places = [
        position(sa.func.lower(executions.c.reference), plain) > 0,
        position(sa.func.lower(sa.cast(executions.c.labels, sa.Text)), written) > 0,
        position(sa.func.lower(sa.cast(executions.c.inputs, sa.Text)), written) > 0,
    ]
    if len(plain) >= ID_PART:
        places.append(position(executions.c.id, plain) > 0)
    return sa.or_(*places)
