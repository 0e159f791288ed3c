"""Circuit breakers: after ``threshold`` failures in a row a dependency is left alone for ``cooldown``.

Then the breaker is half open: one caller at a time tries, and its success closes it, its failure opens it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.prepared import Prepared
from workflows.store.repositories.leases import lock_key
from workflows.store.sql import changed, upsert
from workflows.store.tables import leases

State = Literal["closed", "open", "half_open"]
_KIND = "breaker"
_OWNER = "breaker"


@dataclass(frozen=True, slots=True)
class Breaker:
    """``until`` is when an open one lets the next try through."""

    state: State
    failures: int
    until: datetime | None


_CLOSED = Breaker("closed", 0, None)
_MINE = sa.and_(leases.c.namespace == bindparam("ns"), leases.c.kind == _KIND, leases.c.key == bindparam("name"))
_GET = Prepared(sa.select(leases.c.amount, leases.c.until).where(_MINE))
_CLOSE = leases.delete().where(_MINE)
_TRY = leases.update().where(_MINE, leases.c.until <= bindparam("now"))


def state(tx: Tx, namespace: str, key: str) -> Breaker:
    """Read the breaker of a dependency (a connection, a model)."""
    row = _GET.row(tx, {"ns": namespace, "name": key})
    if row is None:
        return _CLOSED
    failures, until = row
    if until is None:
        return Breaker("closed", int(failures), None)
    return Breaker("open" if until > tx.now else "half_open", int(failures), until)


def admit(tx: Tx, namespace: str, key: str, *, trial: timedelta) -> Breaker:
    """Ask to call the dependency: proceed unless ``open``. The one trial of a half-open breaker holds it for ``trial``."""
    now = state(tx, namespace, key)
    if now.state != "half_open":
        return now
    params = {"ns": namespace, "name": key, "now": tx.now, "until": tx.now + trial}
    if changed(tx, _TRY, params):
        return now
    return Breaker("open", now.failures, tx.now + trial)


def succeeded(tx: Tx, namespace: str, key: str) -> bool:
    """Close the breaker. Returns whether there was anything to forget."""
    return bool(changed(tx, _CLOSE, {"ns": namespace, "name": key}))


def failed(tx: Tx, namespace: str, key: str, *, threshold: int, cooldown: timedelta) -> Breaker:
    """Count a failure; the ``threshold``-th in a row opens the breaker."""
    lock_key(tx, namespace, _KIND, key)
    failures = state(tx, namespace, key).failures + 1
    until = tx.now + cooldown if failures >= threshold else None
    new: dict[str, Any] = {"id": new_id(tx.now), "namespace": namespace, "kind": _KIND, "key": key, "owner": _OWNER}
    new |= {"amount": float(failures), "created_at": tx.now, "until": until}
    upsert(tx, leases, new, ("namespace", "kind", "key", "owner"), ("amount", "until"))
    return Breaker("closed" if until is None else "open", failures, until)
