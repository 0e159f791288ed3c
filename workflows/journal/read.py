"""Reading the journal: timelines, searches, and what a reviewer was shown, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.journal import sealing
from workflows.journal.canonical import jcs
from workflows.journal.keyring import Keyring
from workflows.journal.kinds import KINDS
from workflows.journal.sealing import ERASED, Erased
from workflows.store.db import Tx
from workflows.store.ids import first_id
from workflows.store.paging import Page, bounded, decode, page_of
from workflows.store.refusals import NotFound
from workflows.store.repositories import gates
from workflows.store.repositories.gates import Gate
from workflows.store.tables import OF_GATE, audit_event

MILLISECONDS = len("01930000-0000")
"""How much of an id is its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A record. ``content`` is its value, ``ERASED``, or None when it has none (or was not asked for)."""

    event_id: str
    stream: str
    seq: int
    kind: str
    occurred_at: str
    actor_kind: str
    actor_id: str | None
    via: str | None
    flow_id: str | None
    revision_sha256: str | None
    execution_id: str | None
    path: str | None
    attempt: int | None
    outcome: str | None
    action_digest: str | None
    content_commitment: str | None
    prev_hash: str
    event_hash: str
    meta: dict[str, Any]
    content: Any | Erased = None

    @property
    def says(self) -> str:
        """The record in words, its kind's sentence."""
        return KINDS.get(self.kind, self.kind)


LATE = timedelta(days=1)
"""How much later than it occurred a record may be made and still be found by time."""

_COLUMNS = tuple(name for name in Entry.__slots__ if name != "content")
_ALL = sa.select(*(audit_event.c[name] for name in _COLUMNS)).where(audit_event.c.namespace == bindparam("ns"))
_OF_EXECUTION = _ALL.where(audit_event.c.execution_id == bindparam("execution")).order_by(
    audit_event.c.stream, audit_event.c.seq
)
_ONE = _ALL.where(audit_event.c.event_id == bindparam("event"))
_OF_GATE = {
    dialect: _ALL.where(sa.literal_column(expression) == bindparam("gate")).order_by(
        audit_event.c.stream, audit_event.c.seq
    )
    for dialect, expression in OF_GATE.items()
}
_AT_PLACES = _OF_EXECUTION.where(
    audit_event.c.path.in_(bindparam("paths", expanding=True)),
    audit_event.c.kind.in_(bindparam("kinds", expanding=True)),
)


def timeline(tx: Tx, keyring: Keyring, namespace: str, execution_id: str, *, contents: bool = True) -> list[Entry]:
    """Everything recorded about an execution, in order. Raises ``Unreadable`` and ``KeyringError``."""
    rows = tx.conn.execute(_OF_EXECUTION, {"ns": namespace, "execution": execution_id}).all()
    return [_entry(tx, keyring if contents else None, namespace, row) for row in rows]


def about_gate(
    tx: Tx, namespace: str, execution_id: str, path: str, gate_id: str, *, kinds: Sequence[str]
) -> list[Entry]:
    """What was recorded about one of the gates of an execution, in order, without contents."""
    rows = _about_gate(tx, namespace, execution_id, gate_id, kinds)
    return [_entry(tx, None, namespace, row) for row in rows if row.path == path]


def at_places(
    tx: Tx, keyring: Keyring | None, namespace: str, execution_id: str, paths: Sequence[str], *, kinds: Sequence[str]
) -> list[Entry]:
    """What was recorded at some places of an execution, in order; with a keyring its contents too.

    Raises ``Unreadable`` and ``KeyringError``.
    """
    given = {"ns": namespace, "execution": execution_id, "paths": list(paths), "kinds": list(kinds)}
    return [_entry(tx, keyring, namespace, row) for row in tx.conn.execute(_AT_PLACES, given).all()]


def get(tx: Tx, keyring: Keyring, namespace: str, event_id: str) -> Entry | None:
    row = tx.conn.execute(_ONE, {"ns": namespace, "event": event_id}).one_or_none()
    return None if row is None else _entry(tx, keyring, namespace, row)


def entry(tx: Tx, namespace: str, event_id: str) -> Entry | None:
    """A record without its content."""
    row = tx.conn.execute(_ONE, {"ns": namespace, "event": event_id}).one_or_none()
    return None if row is None else _entry(tx, None, namespace, row)


def search(
    tx: Tx,
    namespace: str,
    *,
    kinds: Sequence[str] = (),
    execution_id: str | None = None,
    flow_id: str | None = None,
    actor_id: str | None = None,
    outcome: str | None = None,
    model: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Entry]:
    """Records without their contents, newest first; ``model`` finds the calls of it. Raises ``InvalidCursor``."""
    limit = bounded(limit)
    query = _ALL
    wanted = (
        (audit_event.c.execution_id, execution_id),
        (audit_event.c.flow_id, flow_id),
        (audit_event.c.actor_id, actor_id),
        (audit_event.c.outcome, outcome),
    )
    for column, value in wanted:
        if value is not None:
            query = query.where(column == value)
    if model is not None:
        kinds = [kind for kind in kinds or KINDS if kind.startswith("llm.")]
        if not kinds:
            return Page((), None)
        # meta is canonical, so a model is written in one way only
        query = query.where(audit_event.c.meta.contains(jcs({"model": model}).decode()[1:-1], autoescape=True))
    if since is not None:
        query = query.where(audit_event.c.occurred_at >= instant(since), audit_event.c.event_id >= first_id(since))
    if until is not None:
        query = query.where(audit_event.c.occurred_at < instant(until), audit_event.c.event_id < first_id(until + LATE))
    if cursor is not None:
        query = query.where(audit_event.c.event_id < decode(cursor, 1)[0])
    query = _newest(query, kinds, limit + 1, execution_id is not None)
    rows = tx.conn.execute(query, {"ns": namespace}).all()
    page = page_of([_entry(tx, None, namespace, row) for row in rows], limit, lambda entry: (entry.event_id,))
    # ids of one millisecond are in no order; within a stream the sequence is
    return Page(tuple(sorted(page.items, key=_place, reverse=True)), page.next_cursor)


def _newest(query: sa.Select[Any], kinds: Sequence[str], limit: int, of_one: bool) -> sa.Select[Any]:
    """Newest first. Each kind is read in its index's order, so that rare ones cost no more than common ones."""
    # ids are made in the order of time, so their index serves the order too; but SQLite would go through all there are
    # for the order's sake, where those of one execution are quickly sorted: an expression is in no index
    newest = (audit_event.c.event_id + "").desc() if of_one and not kinds else audit_event.c.event_id.desc()
    if not kinds:
        return query.order_by(newest).limit(limit)
    of_kinds = [query.where(audit_event.c.kind == kind).order_by(newest).limit(limit).subquery() for kind in kinds]
    every = sa.union_all(*(sa.select(one) for one in of_kinds)).subquery()
    return sa.select(every).order_by(every.c.event_id.desc()).limit(limit)


def _place(entry: Entry) -> tuple[str, str, int]:
    return entry.event_id[:MILLISECONDS], entry.stream, entry.seq


def as_seen(tx: Tx, keyring: Keyring, namespace: str, gate_id: str, revision: int) -> str | Erased:
    """The view document of a gate's revision, the very text that was shown and hashed.

    Raises ``NotFound``, ``Unreadable`` and ``KeyringError``.
    """
    gate = gates.get(tx, namespace, gate_id)
    if gate is None:
        raise NotFound("gate", gate_id)
    record = shown(tx, namespace, gate, revision)
    content = None if record is None else _content(tx, keyring, namespace, record.event_id)
    if content is ERASED or isinstance(content, str):
        return content
    raise NotFound("recorded view of gate", f"{gate_id} revision {revision}")


def shown(tx: Tx, namespace: str, gate: Gate, revision: int) -> Entry | None:
    """The record, without its content, that says what people were asked about a revision of a gate."""
    for row in _about_gate(tx, namespace, gate.execution_id, gate.id, ("approval.requested",)):
        if json.loads(row.meta).get("revision") == revision:
            return _entry(tx, None, namespace, row)
    return None


def _about_gate(tx: Tx, namespace: str, execution_id: str, gate_id: str, kinds: Sequence[str]) -> Sequence[sa.Row[Any]]:
    # a gate has some dozen records; what else is asked of them would lead the database to another index
    rows = tx.conn.execute(_OF_GATE[tx.conn.dialect.name], {"ns": namespace, "gate": gate_id})
    return [row for row in rows if row.execution_id == execution_id and row.kind in kinds]


def instant(at: datetime) -> str:
    """An instant as the journal writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _entry(tx: Tx, keyring: Keyring | None, namespace: str, row: sa.Row[Any]) -> Entry:
    values = dict(zip(_COLUMNS, row, strict=True))
    content = None if keyring is None else _content(tx, keyring, namespace, values["event_id"])
    return Entry(**{**values, "meta": json.loads(values["meta"]), "content": content})


def _content(tx: Tx, keyring: Keyring, namespace: str, event_id: str) -> Any:
    opened = sealing.read(tx, keyring, namespace, event_id)
    return opened.value if isinstance(opened, sealing.Opened) else opened
