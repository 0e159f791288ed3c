"""The inbox: open gates by priority, due time and age, filtered by who may decide. Quick with 50,000 open.

Two columns carry it. ``sort_key`` is one ascending text, so one index serves the order and the cursor.
``audience`` lists who may decide at the current stage, as ``|g:fraud|p:<principal>|``; ``|*|`` is every reviewer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.paging import Page, bounded, decode, page_of
from workflows.store.sql import many
from workflows.store.tables import gates

_TOP = 10**9
_NEVER = "9999"
EVERYBODY = "*"


@dataclass(frozen=True, slots=True)
class InboxItem:
    """A line of the inbox: enough to choose, not enough to decide."""

    id: str
    execution_id: str
    flow_id: str
    path: str
    item_key: str
    batch_key: str
    title: str
    state: str
    revision: int
    stage: int
    priority: int
    due_at: datetime | None
    expires_at: datetime | None
    opened_at: datetime
    assigned_to: str | None
    claimed_by: str | None
    claim_until: datetime | None
    decided_at: datetime | None
    sort_key: str


@dataclass(frozen=True, slots=True)
class BatchCount:
    """``open`` gates that share a batch key (an execution's task)."""

    batch_key: str
    execution_id: str
    flow_id: str
    open: int


def audience_of(policy: dict[str, Any], stage: int, assigned_to: str | None) -> str:
    """The names that may decide at ``stage`` of an approve policy, in the column's form."""
    stages = policy.get("stages") or ()
    current = stages[stage] if stage < len(stages) else {}
    names = [f"g:{group}" for group in current.get("groups") or ()]
    names += [f"p:{person}" for person in current.get("people") or ()]
    if not names:
        names = [EVERYBODY]
    if assigned_to is not None:
        names.append(f"p:{assigned_to}")
    return "|" + "|".join(dict.fromkeys(names)) + "|"


def sort_key_of(priority: int, due_at: datetime | None, opened_at: datetime, gate_id: str) -> str:
    """Highest priority, then soonest due (never is last), then oldest; unique by the gate's id."""
    due = _NEVER if due_at is None else _stamp(due_at)
    return f"{_TOP - priority:010d}|{due}|{_stamp(opened_at)}|{gate_id}"


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%f")


def list_inbox(
    tx: Tx,
    namespace: str,
    *,
    state: str = "open",
    group: str | None = None,
    eligible: tuple[str, Iterable[str]] | None = None,
    execution_id: str | None = None,
    flow_id: str | None = None,
    batch_key: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[InboxItem]:
    """One page. ``eligible`` is ``(principal id, their groups)``. Raises ``InvalidCursor``."""
    limit = bounded(limit)
    query = sa.select(*(gates.c[name] for name in InboxItem.__slots__)).where(
        gates.c.namespace == bindparam("ns"), gates.c.state == bindparam("state")
    )
    for column, value in (
        (gates.c.execution_id, execution_id),
        (gates.c.flow_id, flow_id),
        (gates.c.batch_key, batch_key),
    ):
        if value is not None:
            query = query.where(column == value)
    if group is not None:
        query = query.where(_names(tx, f"g:{group}"))
    if eligible is not None:
        person, groups = eligible
        names = (EVERYBODY, f"p:{person}", *(f"g:{name}" for name in groups))
        query = query.where(sa.or_(*(_names(tx, name) for name in names)))
    if cursor is not None:
        query = query.where(gates.c.sort_key > decode(cursor, 1)[0])
    query = query.order_by(gates.c.sort_key).limit(limit + 1)
    rows = many(tx, InboxItem, query, {"ns": namespace, "state": state})
    return page_of(rows, limit, lambda item: (item.sort_key,))


def _names(tx: Tx, name: str) -> sa.ColumnElement[bool]:
    # LIKE ignores case on SQLite, and group names do not
    position = sa.func.strpos if tx.is_postgres else sa.func.instr
    return position(gates.c.audience, f"|{name}|") > 0


_OPEN = sa.and_(gates.c.namespace == bindparam("ns"), gates.c.state == "open")
_BATCHES = (
    sa.select(gates.c.batch_key, gates.c.execution_id, gates.c.flow_id, sa.func.count())
    .where(_OPEN)
    .group_by(gates.c.batch_key, gates.c.execution_id, gates.c.flow_id)
    .order_by(gates.c.batch_key)
)
_COUNT_OPEN = sa.select(sa.func.count()).select_from(gates).where(_OPEN)
_COUNT_OPEN_OF = _COUNT_OPEN.where(gates.c.execution_id == bindparam("execution"))


def counts_by_batch(tx: Tx, namespace: str) -> list[BatchCount]:
    """How many gates are open in each batch."""
    return many(tx, BatchCount, _BATCHES, {"ns": namespace})


def count_open(tx: Tx, namespace: str, execution_id: str | None = None) -> int:
    """How many gates are open, in one execution or in all."""
    if execution_id is None:
        return int(tx.conn.execute(_COUNT_OPEN, {"ns": namespace}).scalar_one())
    return int(tx.conn.execute(_COUNT_OPEN_OF, {"ns": namespace, "execution": execution_id}).scalar_one())
