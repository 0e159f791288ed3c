"""Slots: at most ``limit`` owners hold a key at once, first come first served; whoever dies loses theirs by expiry.

An owner that gets no slot is queued by its call and keeps its place as long as it asks again within ``ttl``.
With ``limit=1`` and kind ``leader`` it is leader election.
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
from workflows.store.sql import changed, upsert
from workflows.store.tables import leases

_HELD = 1.0
_QUEUED = 0.0


@dataclass(frozen=True, slots=True)
class Slot:
    """``held``, or queued with ``ahead`` owners to be served first. ``until`` is when it lapses unless renewed."""

    held: bool
    ahead: int
    until: datetime


_KEY = sa.and_(
    leases.c.namespace == bindparam("ns"), leases.c.kind == bindparam("of_kind"), leases.c.key == bindparam("of_key")
)
_MINE = sa.and_(_KEY, leases.c.owner == bindparam("who"))
_LAPSED = leases.delete().where(_KEY, leases.c.until <= bindparam("now"))
_LINE = sa.select(leases.c.owner, leases.c.amount).where(_KEY).order_by(leases.c.created_at, leases.c.id)
_FREES = sa.select(sa.func.min(leases.c.until)).where(_KEY, leases.c.amount == _HELD)
_RENEW = leases.update().where(_MINE, leases.c.amount == _HELD, leases.c.until > bindparam("now"))
_RELEASE = Prepared(leases.delete().where(_MINE))
_EXPIRE = leases.delete().where(leases.c.namespace == bindparam("ns"), leases.c.until <= bindparam("now"))
_ADVISORY = sa.text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")


def acquire(
    tx: Tx, namespace: str, key: str, owner: str, *, limit: int, ttl: timedelta, kind: str = "slot", queue: bool = True
) -> Slot:
    """Take a slot, keep the one held, or queue for one (``queue=False``: just say no)."""
    lock_key(tx, namespace, kind, key)
    params = {"ns": namespace, "of_kind": kind, "of_key": key}
    changed(tx, _LAPSED, {**params, "now": tx.now})
    line = tx.conn.execute(_LINE, params).all()
    held = [name for name, amount in line if amount == _HELD]
    waiting = [name for name, amount in line if amount == _QUEUED]
    ahead = waiting.index(owner) if owner in waiting else len(waiting)
    gets_it = owner in held or limit - len(held) > ahead
    until = tx.now + ttl
    if gets_it or queue:
        new: dict[str, Any] = {"id": new_id(tx.now), "created_at": tx.now, "owner": owner, "until": until}
        new |= {"namespace": namespace, "kind": kind, "key": key, "amount": _HELD if gets_it else _QUEUED}
        upsert(tx, leases, new, ("namespace", "kind", "key", "owner"), ("amount", "until"))
    return Slot(gets_it, 0 if gets_it else ahead, until)


def renew(tx: Tx, namespace: str, key: str, owner: str, *, ttl: timedelta, kind: str = "slot") -> bool:
    """Extend a held slot. Returns False when it lapsed: somebody else may hold it now, so stop."""
    params = {"ns": namespace, "of_kind": kind, "of_key": key, "who": owner, "now": tx.now, "until": tx.now + ttl}
    return bool(changed(tx, _RENEW, params))


def release(tx: Tx, namespace: str, key: str, owner: str, *, kind: str = "slot") -> bool:
    """Give the slot or the place in the queue back. Returns whether there was one."""
    return bool(changed(tx, _RELEASE, {"ns": namespace, "of_kind": kind, "of_key": key, "who": owner}))


def count(tx: Tx, namespace: str, key: str, *, kind: str = "slot") -> int:
    """How many owners hold a slot or queue for one."""
    return len(tx.conn.execute(_LINE, {"ns": namespace, "of_kind": kind, "of_key": key}).all())


def frees_at(tx: Tx, namespace: str, key: str, *, kind: str = "slot") -> datetime | None:
    """When the first held slot lapses unless it is renewed; None when none is held."""
    params = {"ns": namespace, "of_kind": kind, "of_key": key}
    found: datetime | None = tx.conn.execute(_FREES, params).scalar_one_or_none()
    return found


def next_in_line(tx: Tx, namespace: str, key: str, *, kind: str = "slot") -> str | None:
    """The owner that has queued longest for a slot."""
    line = tx.conn.execute(_LINE, {"ns": namespace, "of_kind": kind, "of_key": key}).all()
    return next((owner for owner, amount in line if amount == _QUEUED), None)


def expire(tx: Tx, namespace: str) -> int:
    """Remove what has lapsed in the namespace; returns how many rows."""
    return changed(tx, _EXPIRE, {"ns": namespace, "now": tx.now})


def lock_key(tx: Tx, namespace: str, kind: str, key: str) -> None:
    """Serialise the transactions that touch one key. SQLite has one writer anyway."""
    if tx.is_postgres:
        tx.conn.execute(_ADVISORY, {"name": f"{namespace}/{kind}/{key}"})
