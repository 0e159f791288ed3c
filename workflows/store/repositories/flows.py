"""Flows and their revisions. A revision is immutable; saving equal content again makes none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.contracts import UNDER_WAY
from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.paging import Page, bounded, decode, page_of
from workflows.store.prepared import Prepared
from workflows.store.refusals import NotFound
from workflows.store.sql import changed, columns, insert_ignore, many, one
from workflows.store.tables import executions, flows, revisions


@dataclass(frozen=True, slots=True)
class Flow:
    """``state`` is draft, active, paused or archived; ``revision`` the number that new executions run."""

    namespace: str
    flow_id: str
    state: str
    revision: int
    managed_by: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class RevisionInfo:
    """A revision without its texts."""

    flow_id: str
    number: int
    sha256: str
    author_id: str | None
    source: str
    message: str | None
    parent: int | None
    managed_by: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Revision:
    """``bundle`` holds every file the flow names, ``plan`` what runs, ``source_text`` what its author wrote."""

    flow_id: str
    number: int
    sha256: str
    author_id: str | None
    source: str
    message: str | None
    parent: int | None
    managed_by: str | None
    created_at: datetime
    source_text: str
    bundle: dict[str, Any]
    plan: dict[str, Any]
    schema_v: int


_MINE = flows.c.namespace == bindparam("ns")
_THIS = sa.and_(_MINE, flows.c.flow_id == bindparam("flow"))
_REVISIONS = sa.and_(revisions.c.namespace == bindparam("ns"), revisions.c.flow_id == bindparam("flow"))
_ONE = sa.select(*columns(flows, Flow)).where(_THIS)
_GET, _LOCK = Prepared(_ONE), _ONE.with_for_update()
_GET_REVISION = sa.select(*columns(revisions, Revision)).where(_REVISIONS, revisions.c.number == bindparam("n"))
_CURRENT = sa.select(*columns(revisions, Revision)).where(
    _REVISIONS, revisions.c.number == sa.select(flows.c.revision).where(_THIS).scalar_subquery()
)
_UNDER_WAY = sa.exists().where(
    executions.c.namespace == revisions.c.namespace,
    executions.c.flow_id == revisions.c.flow_id,
    executions.c.revision == revisions.c.number,
    executions.c.state.in_(sorted(UNDER_WAY)),
)
_IN_USE = (
    sa.select(revisions.c.flow_id, revisions.c.number, revisions.c.plan)
    .join(flows, sa.and_(flows.c.namespace == revisions.c.namespace, flows.c.flow_id == revisions.c.flow_id))
    .where(
        revisions.c.namespace == bindparam("ns"),
        sa.or_(sa.and_(revisions.c.number == flows.c.revision, flows.c.state != "archived"), _UNDER_WAY),
    )
    .order_by(revisions.c.flow_id, revisions.c.number)
)
_HISTORY = sa.select(*columns(revisions, RevisionInfo)).where(_REVISIONS).order_by(revisions.c.number.desc())
_UPDATE = flows.update().where(_THIS)


def save_revision(
    tx: Tx,
    namespace: str,
    flow_id: str,
    *,
    sha256: str,
    source_text: str,
    bundle: dict[str, Any],
    plan: dict[str, Any],
    author_id: str | None,
    source: str,
    message: str | None = None,
    managed_by: str | None = None,
    state: str = "active",
    keep_text: bool = False,
) -> Revision:
    """Make the next revision current and return it; equal content returns the current one unchanged.

    ``state`` counts only for a flow that did not exist. With ``keep_text`` a text that differs in comments or layout
    alone makes a revision too, so that nothing of what its author wrote is lost.
    """
    flow = locked(tx, namespace, flow_id, state, managed_by)
    current = get_revision(tx, namespace, flow_id, flow.revision) if flow.revision else None
    if current is not None and current.sha256 == sha256 and not (keep_text and current.source_text != source_text):
        return current
    parent = flow.revision or None
    revision = Revision(
        flow_id, flow.revision + 1, sha256, author_id, source, message, parent, managed_by, tx.now,
        source_text, bundle, plan, 1,
    )  # fmt: skip
    values = {name: getattr(revision, name) for name in Revision.__slots__}
    tx.conn.execute(revisions.insert(), {"id": new_id(tx.now), "namespace": namespace, **values})
    new = {"revision": revision.number, "managed_by": managed_by, "updated_at": tx.now}
    tx.conn.execute(_UPDATE, {"ns": namespace, "flow": flow_id, **new})
    return revision


def locked(tx: Tx, namespace: str, flow_id: str, state: str, managed_by: str | None) -> Flow:
    """The flow, for this transaction alone; one that did not exist is made with revision 0."""
    new: dict[str, Any] = {
        "id": new_id(tx.now), "namespace": namespace, "flow_id": flow_id, "state": state, "revision": 0,
        "managed_by": managed_by, "created_at": tx.now, "updated_at": tx.now,
    }  # fmt: skip
    insert_ignore(tx, flows, new, ("namespace", "flow_id"))
    flow = one(tx, Flow, _LOCK, {"ns": namespace, "flow": flow_id})
    assert flow is not None
    return flow


def get(tx: Tx, namespace: str, flow_id: str) -> Flow | None:
    return one(tx, Flow, _GET, {"ns": namespace, "flow": flow_id})


def get_revision(tx: Tx, namespace: str, flow_id: str, number: int | None = None) -> Revision | None:
    """The revision ``number``, by default the current one."""
    if number is None:
        return one(tx, Revision, _CURRENT, {"ns": namespace, "flow": flow_id})
    return one(tx, Revision, _GET_REVISION, {"ns": namespace, "flow": flow_id, "n": number})


def list_flows(
    tx: Tx, namespace: str, *, state: str | None = None, cursor: str | None = None, limit: int = 50
) -> Page[Flow]:
    """Flows by id. Raises ``InvalidCursor``."""
    limit = bounded(limit)
    query = sa.select(*columns(flows, Flow)).where(_MINE)
    if state is not None:
        query = query.where(flows.c.state == state)
    if cursor is not None:
        query = query.where(flows.c.flow_id > decode(cursor, 1)[0])
    rows = many(tx, Flow, query.order_by(flows.c.flow_id).limit(limit + 1), {"ns": namespace})
    return page_of(rows, limit, lambda flow: (flow.flow_id,))


def in_use(tx: Tx, namespace: str) -> list[tuple[str, int, dict[str, Any]]]:
    """Id, number and plan of the current revisions of flows that are not archived, and of those with executions under way."""
    return [(row[0], row[1], row[2]) for row in tx.conn.execute(_IN_USE, {"ns": namespace})]


def set_state(tx: Tx, namespace: str, flow_id: str, state: str) -> None:
    """Set draft, active, paused or archived. Raises ``NotFound``."""
    values = {"state": state, "updated_at": tx.now}
    if not changed(tx, _UPDATE, {"ns": namespace, "flow": flow_id, **values}):
        raise NotFound("flow", flow_id)


def history(tx: Tx, namespace: str, flow_id: str) -> list[RevisionInfo]:
    """All revisions, newest first, without their texts."""
    return many(tx, RevisionInfo, _HISTORY, {"ns": namespace, "flow": flow_id})
