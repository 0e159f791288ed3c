"""A verification under way: one per namespace, whoever runs it; it lapses when its process dies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.repositories.leases import lock_key
from workflows.store.sql import changed, insert_ignore
from workflows.store.tables import audit_event, leases

_KIND, _KEY, _OWNER = "verification", "namespace", "verifier"
LIFE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Running:
    """``done`` of about ``total`` records were read."""

    id: str
    by: str
    since: datetime
    done: int
    total: int


_MINE = sa.and_(leases.c.namespace == bindparam("ns"), leases.c.kind == _KIND, leases.c.key == _KEY)
_NOW = sa.select(leases.c.id, leases.c.created_at, leases.c.meta).where(_MINE, leases.c.until > bindparam("now"))
_LAPSED = leases.delete().where(_MINE, leases.c.until <= bindparam("now"))
_THIS = sa.and_(_MINE, leases.c.id == bindparam("run"))
_GO_ON = leases.update().where(_THIS)
_END = leases.delete().where(_THIS)
_COUNT = sa.select(sa.func.count()).select_from(audit_event).where(audit_event.c.namespace == bindparam("ns"))


def running(tx: Tx, namespace: str) -> Running | None:
    """The verification under way, if one is."""
    row = tx.conn.execute(_NOW, {"ns": namespace, "now": tx.now}).one_or_none()
    return None if row is None else Running(row.id, since=row.created_at, **row.meta)


def begin(tx: Tx, namespace: str, by: str) -> Running | None:
    """Begin one; None when one is under way."""
    lock_key(tx, namespace, _KIND, _KEY)
    changed(tx, _LAPSED, {"ns": namespace, "now": tx.now})
    total = int(tx.conn.execute(_COUNT, {"ns": namespace}).scalar_one())
    run = Running(new_id(tx.now), by, tx.now, 0, total)
    new: dict[str, Any] = {"id": run.id, "namespace": namespace, "kind": _KIND, "key": _KEY, "owner": _OWNER}
    new |= {"created_at": tx.now, "until": tx.now + LIFE, "meta": {"by": by, "done": 0, "total": total}}
    return run if insert_ignore(tx, leases, new, ("namespace", "kind", "key", "owner")) else None


def go_on(tx: Tx, namespace: str, run: Running, done: int) -> None:
    """Note how far it is, and that it is alive."""
    meta = {"by": run.by, "done": done, "total": max(run.total, done)}
    changed(tx, _GO_ON, {"ns": namespace, "run": run.id, "meta": meta, "until": tx.now + LIFE})


def end(tx: Tx, namespace: str, run: Running) -> None:
    """It is over."""
    changed(tx, _END, {"ns": namespace, "run": run.id})
