"""The inbox: open gates by priority, due time and age, filtered by who may decide. Quick with 50,000 open.

Two columns carry it. ``sort_key`` is one ascending text, so one index serves the order and the cursor.
``audience`` lists who may decide at the current stage, as ``|g:fraud|p:<principal>|``; ``|*|`` is every reviewer, and
``|not:<principal>|`` somebody who may not, since they asked for it or wrote the flow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.paging import Page, bounded, decode, page_of
from workflows.store.prepared import Prepared
from workflows.store.sql import many
from workflows.store.tables import gates, votes

_TOP = 10**9
_NEVER = "9999"
EVERYBODY = "*"
NOT = "not:"
Eligible = tuple[str, Iterable[str]]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """What a person looks for among the lines. ``eligible`` is ``(principal id, their groups)``: what they may decide.

    ``claimed_by`` counts only claims that still hold; ``priority`` is the least; ``text`` is found in titles whatever the case of ASCII letters;
    ``ids`` keeps these gates alone.
    """

    eligible: Eligible | None = None
    execution_id: str | None = None
    flow_id: str | None = None
    batch_key: str | None = None
    assigned_to: str | None = None
    claimed_by: str | None = None
    due_before: datetime | None = None
    priority: int | None = None
    text: str | None = None
    ids: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class BatchCount:
    """``open`` gates that share a batch key (an execution's task)."""

    batch_key: str
    execution_id: str
    flow_id: str
    open: int


def audience_of(
    policy: dict[str, Any],
    stage: int,
    assigned_to: str | None,
    *,
    requester_id: str | None = None,
    author_id: str | None = None,
) -> str:
    """The names that may decide at ``stage`` of an approve policy, and those who may not, in the column's form."""
    stages = policy.get("stages") or ()
    current = stages[stage] if stage < len(stages) else {}
    names = [f"g:{group}" for group in current.get("groups") or ()]
    names += [f"p:{person}" for person in current.get("people") or ()]
    if not names:
        names = [EVERYBODY]
    if assigned_to is not None:
        names.append(f"p:{assigned_to}")
    parts = {"requester": requester_id, "author": author_id}
    names += [f"{NOT}{parts[part]}" for part in policy.get("exclude") or () if parts.get(part) is not None]
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
    eligible: Eligible | None = None,
    execution_id: str | None = None,
    flow_id: str | None = None,
    batch_key: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[InboxItem]:
    """One page. ``eligible`` is ``(principal id, their groups)``. Raises ``InvalidCursor``."""
    wanted = Narrowing(eligible=eligible, execution_id=execution_id, flow_id=flow_id, batch_key=batch_key)
    more = () if group is None else (_names(tx, f"g:{group}"),)
    return search(tx, namespace, wanted, state=state, cursor=cursor, limit=limit, more=more)


def search(
    tx: Tx,
    namespace: str,
    wanted: Narrowing,
    *,
    state: str = "open",
    cursor: str | None = None,
    limit: int = 50,
    more: Sequence[sa.ColumnElement[bool]] = (),
) -> Page[InboxItem]:
    """One page of the lines that a person looks for. Raises ``InvalidCursor``."""
    limit = bounded(limit)
    query = _narrowed(tx, sa.select(*(gates.c[name] for name in InboxItem.__slots__)), wanted).where(*more)
    if cursor is not None:
        query = query.where(gates.c.sort_key > decode(cursor, 1)[0])
    query = query.order_by(gates.c.sort_key).limit(limit + 1)
    rows = many(tx, InboxItem, query, {"ns": namespace, "state": state})
    return page_of(rows, limit, lambda item: (item.sort_key,))


def after(tx: Tx, namespace: str, gate_id: str, wanted: Narrowing, who: str) -> str | None:
    """The open gate that follows ``gate_id`` in the list, or else the list's first; never ``gate_id`` itself, nor one on
    which the vote of ``who`` stands while others must join.
    """
    place = tx.conn.execute(_PLACE, {"ns": namespace, "gate": gate_id}).scalar_one_or_none()
    query = _narrowed(tx, sa.select(gates.c.id), wanted).where(gates.c.id != gate_id, ~_HAS_VOTED)
    query = query.order_by(gates.c.sort_key).limit(1)
    params = {"ns": namespace, "state": "open", "who": who}
    found = None
    if place is not None:
        found = tx.conn.execute(query.where(gates.c.sort_key > place), params).scalar_one_or_none()
    return found or tx.conn.execute(query, params).scalar_one_or_none()


def counts_of_batches(tx: Tx, namespace: str, batch_keys: Iterable[str], eligible: Eligible | None) -> dict[str, int]:
    """How many gates are open in each of these batches."""
    query = _narrowed(tx, sa.select(gates.c.batch_key, sa.func.count()), Narrowing(eligible=eligible))
    query = query.where(gates.c.batch_key.in_(tuple(batch_keys))).group_by(gates.c.batch_key)
    return {row[0]: row[1] for row in tx.conn.execute(query, {"ns": namespace, "state": "open"})}


def counts_of_flows(tx: Tx, namespace: str, eligible: Eligible | None) -> dict[str, int]:
    """How many gates are open in each flow, by its id."""
    query = _narrowed(tx, sa.select(gates.c.flow_id, sa.func.count()), Narrowing(eligible=eligible))
    query = query.group_by(gates.c.flow_id).order_by(gates.c.flow_id)
    return {row[0]: row[1] for row in tx.conn.execute(query, {"ns": namespace, "state": "open"})}


def _narrowed(tx: Tx, query: sa.Select[Any], wanted: Narrowing) -> sa.Select[Any]:
    few = wanted.ids is not None or wanted.claimed_by is not None
    # SQLite would go through every open gate for the order's sake: for a few gates the namespace is in no index
    namespace = gates.c.namespace + "" if few else gates.c.namespace
    query = query.where(namespace == bindparam("ns"), gates.c.state == bindparam("state"))
    for column, value in (
        (gates.c.execution_id, wanted.execution_id),
        (gates.c.flow_id, wanted.flow_id),
        (gates.c.batch_key, wanted.batch_key),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.eligible is not None:
        person, groups = wanted.eligible
        names = (EVERYBODY, f"p:{person}", *(f"g:{name}" for name in groups))
        query = query.where(sa.or_(*(_names(tx, name) for name in names)), sa.not_(_names(tx, f"{NOT}{person}")))
    if wanted.assigned_to is not None:
        # whoever is assigned is also in the audience, which an index holds
        query = query.where(_names(tx, f"p:{wanted.assigned_to}"), gates.c.assigned_to == wanted.assigned_to)
    if wanted.claimed_by is not None:
        query = query.where(gates.c.id.in_(_claims_of(wanted.claimed_by, tx.now)))
    if wanted.due_before is not None:
        query = query.where(gates.c.due_at <= wanted.due_before)
    if wanted.priority is not None:
        # the list's order begins with the priority, so that its index ends where the wanted ones end
        query = query.where(gates.c.sort_key < f"{_TOP - wanted.priority + 1:010d}")
    if wanted.text is not None:
        query = query.where(_position(tx)(sa.func.lower(gates.c.title), sa.func.lower(wanted.text)) > 0)
    return query if wanted.ids is None else query.where(gates.c.id.in_(tuple(wanted.ids)))


def _claims_of(person: str, now: datetime) -> sa.Select[Any]:
    held = gates.alias("held")
    return sa.select(held.c.id).where(
        held.c.namespace == bindparam("ns"), held.c.claimed_by == person, held.c.claim_until > now
    )


def _position(tx: Tx) -> Any:
    # LIKE ignores case on SQLite, and group names do not
    return sa.func.strpos if tx.is_postgres else sa.func.instr


def _names(tx: Tx, name: str) -> sa.ColumnElement[bool]:
    found: sa.ColumnElement[bool] = _position(tx)(gates.c.audience, f"|{name}|") > 0
    return found


_PLACE = sa.select(gates.c.sort_key).where(gates.c.namespace == bindparam("ns"), gates.c.id == bindparam("gate"))
_HAS_VOTED = sa.exists().where(
    votes.c.namespace == gates.c.namespace,
    votes.c.gate_id == gates.c.id,
    votes.c.revision == gates.c.revision,
    votes.c.stage == gates.c.stage,
    votes.c.principal_id == bindparam("who"),
    votes.c.voided_at.is_(None),
)
_OPEN = sa.and_(gates.c.namespace == bindparam("ns"), gates.c.state == "open")
_BATCHES = (
    sa.select(gates.c.batch_key, gates.c.execution_id, gates.c.flow_id, sa.func.count())
    .where(_OPEN)
    .group_by(gates.c.batch_key, gates.c.execution_id, gates.c.flow_id)
    .order_by(gates.c.batch_key)
)
_COUNT_OPEN = sa.select(sa.func.count()).select_from(gates).where(_OPEN)
_COUNT_OPEN_OF = Prepared(_COUNT_OPEN.where(gates.c.execution_id == bindparam("execution")))


def counts_by_batch(tx: Tx, namespace: str) -> list[BatchCount]:
    """How many gates are open in each batch."""
    return many(tx, BatchCount, _BATCHES, {"ns": namespace})


def count_open(tx: Tx, namespace: str, execution_id: str | None = None) -> int:
    """How many gates are open, in one execution or in all."""
    if execution_id is None:
        return int(tx.conn.execute(_COUNT_OPEN, {"ns": namespace}).scalar_one())
    return int(_COUNT_OPEN_OF.value(tx, {"ns": namespace, "execution": execution_id}))
