"""The outbox: what must be told to somebody after the commit, written in the transaction that made it true.

Delivery is at least once; receivers tolerate repeats. A row is taken for a while (``due``), then delivered, put off
with a growing pause (``failed``), or given up (``drop``). A taker that dies loses nothing: the row falls due again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.prepared import Prepared
from workflows.store.refusals import NotFound
from workflows.store.sql import changed, columns, insert_ignore, many, one
from workflows.store.tables import outbox

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=5)
TAKEN_FOR = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Item:
    """``kind`` is start, doorbell, cancel, notification or callback; ``attempts`` counts this one."""

    id: str
    namespace: str
    kind: str
    target: str
    payload: dict[str, Any]
    created_at: datetime
    available_at: datetime
    attempts: int
    delivered_at: datetime | None
    dropped_at: datetime | None
    last_error: str | None


_PENDING = sa.and_(outbox.c.delivered_at.is_(None), outbox.c.dropped_at.is_(None))
_THIS = sa.and_(outbox.c.namespace == bindparam("ns"), outbox.c.id == bindparam("item"))
_GET = sa.select(*columns(outbox, Item)).where(_THIS)
_READY = (
    sa.select(outbox.c.id)
    .where(_PENDING, outbox.c.available_at <= bindparam("now"))
    .order_by(outbox.c.available_at, outbox.c.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
    # planned as the inner side of a nested loop it would run again for every row: over the limit, and locking for nobody
    .cte("ready")
    .prefix_with("MATERIALIZED", dialect="postgresql")
)
_TAKE = (
    outbox.update()
    .where(outbox.c.id.in_(sa.select(_READY.c.id)))
    .values(available_at=bindparam("until"), attempts=outbox.c.attempts + 1)
    .returning(*columns(outbox, Item))
)
_UPDATE_PENDING = Prepared(outbox.update().where(_THIS, _PENDING))
_NEXT = Prepared(sa.select(sa.func.min(outbox.c.available_at)).where(_PENDING))
_PENDING_OF = sa.select(sa.func.count()).select_from(outbox).where(outbox.c.namespace == bindparam("ns"), _PENDING)


def add(
    tx: Tx,
    namespace: str,
    *,
    kind: str,
    target: str,
    payload: dict[str, Any],
    available_at: datetime | None = None,
    item_id: str | None = None,
) -> str:
    """Write a row and return its id. A second ``add`` with the same ``item_id`` changes nothing.

    Who delivers in line after the commit sets ``available_at`` a few seconds ahead, so that the relay does not race it.
    """
    item = item_id or new_id(tx.now)
    new: dict[str, Any] = {"id": item, "namespace": namespace, "kind": kind, "target": target, "payload": payload}
    new |= {"created_at": tx.now, "available_at": available_at or tx.now}
    insert_ignore(tx, outbox, new, ("id",))
    return item


def get(tx: Tx, namespace: str, item_id: str) -> Item | None:
    return one(tx, Item, _GET, {"ns": namespace, "item": item_id})


def due(tx: Tx, *, limit: int = 50, taken_for: timedelta = TAKEN_FOR) -> list[Item]:
    """Take up to ``limit`` rows that are due, of **all** namespaces: one relay serves them all.

    Nobody else gets them for ``taken_for``; concurrent takers get different rows.
    """
    params = {"now": tx.now, "limit": limit, "until": tx.now + taken_for}
    return sorted(many(tx, Item, _TAKE, params), key=lambda item: (item.created_at, item.id))


def next_due(tx: Tx) -> datetime | None:
    """When the next row of any namespace falls due (None: nothing waits), so that a relay can sleep until then."""
    earliest: datetime | None = _NEXT.value(tx, {})
    return earliest


def delivered(tx: Tx, namespace: str, item_id: str) -> bool:
    """Returns False when it was delivered or dropped before."""
    return bool(changed(tx, _UPDATE_PENDING, {"ns": namespace, "item": item_id, "delivered_at": tx.now}))


def failed(tx: Tx, namespace: str, item_id: str, error: str) -> datetime:
    """Put the row off: 1, 2, 4 ... seconds, at most 5 minutes. Returns when it is due. Raises ``NotFound``."""
    item = get(tx, namespace, item_id)
    if item is None:
        raise NotFound("outbox row", item_id)
    doublings = min(max(item.attempts - 1, 0), 16)
    again: datetime = tx.now + min(FIRST_PAUSE * 2**doublings, LONGEST_PAUSE)
    changed(tx, _UPDATE_PENDING, {"ns": namespace, "item": item_id, "available_at": again, "last_error": error})
    return again


def put_off(tx: Tx, namespace: str, item_id: str, pause: timedelta, why: str) -> bool:
    """Put the row off by so much: it is not its turn. Returns False when it was delivered or dropped before."""
    params = {"ns": namespace, "item": item_id, "available_at": tx.now + pause, "last_error": why}
    return bool(changed(tx, _UPDATE_PENDING, params))


def drop(tx: Tx, namespace: str, item_id: str, reason: str) -> bool:
    """Give the row up (an undone decision's doorbell, a receiver that is gone). Returns False when it was done before."""
    params = {"ns": namespace, "item": item_id, "dropped_at": tx.now, "last_error": reason}
    return bool(changed(tx, _UPDATE_PENDING, params))


def count_pending(tx: Tx, namespace: str) -> int:
    return int(tx.conn.execute(_PENDING_OF, {"ns": namespace}).scalar_one())
