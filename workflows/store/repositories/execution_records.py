"""The records of one execution, page by page, without their contents."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.tables import audit_event, audit_head


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record of the journal without its content; ``occurred_at`` as the journal writes it."""

    event_id: str
    seq: int
    kind: str
    occurred_at: str
    actor_kind: str
    actor_id: str | None
    via: str | None
    path: str | None
    attempt: int | None
    outcome: str | None
    action_digest: str | None
    meta: dict[str, Any]


_FIELDS = tuple(audit_event.c[name] for name in RecordRow.__slots__)
_STREAM = sa.and_(audit_event.c.namespace == bindparam("ns"), audit_event.c.stream == bindparam("stream"))
_HEAD = sa.select(audit_head.c.seq).where(
    audit_head.c.namespace == bindparam("ns"), audit_head.c.stream == bindparam("stream")
)


def stream_of(namespace: str, execution_id: str) -> str:
    """The stream of the journal that holds the execution's records."""
    return f"{namespace}/{execution_id}"


def head(tx: Tx, namespace: str, execution_id: str) -> int:
    """How many records there are; it grows with each."""
    found = tx.conn.execute(_HEAD, _place(namespace, execution_id)).scalar_one_or_none()
    return int(found or 0)


def records(
    tx: Tx,
    namespace: str,
    execution_id: str,
    *,
    after: int = 0,
    limit: int = 100,
    only: Sequence[str] = (),
    path: str | None = None,
    element: str | None = None,
) -> list[RecordRow]:
    """Records in their order from behind ``after`` on. ``only`` are kinds or, ending in a dot, groups of kinds;
    ``path`` a task and what is inside it; ``element`` an element's key (``57``)."""
    query = sa.select(*_FIELDS).where(_STREAM, audit_event.c.seq > after)
    if only:
        query = query.where(sa.or_(*(_of_kind(kind) for kind in only)))
    if path is not None:
        query = query.where(
            sa.or_(*(_begins(audit_event.c.path, path + more) for more in ("/", "[")), audit_event.c.path == path)
        )
    if element is not None:
        query = query.where(sa.or_(_ends(audit_event.c.path, f"[{element}]"), _says(tx, "item_key", element)))
    rows = tx.conn.execute(query.order_by(audit_event.c.seq).limit(limit), _place(namespace, execution_id))
    return [_record(row) for row in rows]


def _begins(column: sa.ColumnElement[Any], text: str) -> sa.ColumnElement[bool]:
    return sa.func.substr(column, 1, len(text)) == text


_RUNS = (
    sa.select(*_FIELDS)
    .where(
        audit_event.c.namespace == bindparam("ns"),
        audit_event.c.execution_id == bindparam("execution"),
        audit_event.c.path.is_(None),
        _begins(audit_event.c.kind, "execution."),
    )
    .order_by(audit_event.c.seq)
)
_FIRST_TIME = sa.select(audit_event.c.occurred_at).where(_STREAM).order_by(audit_event.c.seq).limit(1)
_LAST_TIME = sa.select(audit_event.c.occurred_at).where(_STREAM).order_by(audit_event.c.seq.desc()).limit(1)


def runs(tx: Tx, namespace: str, execution_id: str) -> list[RecordRow]:
    """What is recorded about the execution itself, which are few records of any number."""
    return [_record(row) for row in tx.conn.execute(_RUNS, {"ns": namespace, "execution": execution_id})]


def times(tx: Tx, namespace: str, execution_id: str) -> tuple[datetime, datetime] | None:
    """When its first record and its last were made; None when there is none."""
    place = _place(namespace, execution_id)
    first, last = (tx.conn.execute(query, place).scalar_one_or_none() for query in (_FIRST_TIME, _LAST_TIME))
    return (datetime.fromisoformat(first), datetime.fromisoformat(last)) if first and last else None


def _record(row: sa.Row[Any]) -> RecordRow:
    values = dict(zip(RecordRow.__slots__, row, strict=True))
    return RecordRow(**{**values, "meta": json.loads(values["meta"])})


def _place(namespace: str, execution_id: str) -> dict[str, str]:
    return {"ns": namespace, "stream": stream_of(namespace, execution_id)}


def _of_kind(kind: str) -> sa.ColumnElement[bool]:
    return _begins(audit_event.c.kind, kind) if kind.endswith(".") else audit_event.c.kind == kind


def _ends(column: sa.ColumnElement[Any], text: str) -> sa.ColumnElement[bool]:
    return sa.func.substr(column, sa.func.length(column) - len(text) + 1) == text


def _says(tx: Tx, name: str, value: str) -> sa.ColumnElement[bool]:
    """Whether ``meta``, which is canonical JSON, holds this text under this name."""
    position = sa.func.strpos if tx.is_postgres else sa.func.instr
    written = json.dumps({name: value}, separators=(",", ":"), ensure_ascii=False)[1:-1]
    return position(audit_event.c.meta, written) > 0
