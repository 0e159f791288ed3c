"""Messages that came in: one row per source and message id, so that a repeated delivery starts nothing twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.refusals import NotFound
from workflows.store.sql import changed, columns, insert_ignore, one
from workflows.store.tables import inbound


@dataclass(frozen=True, slots=True)
class Inbound:
    source: str
    message_id: str
    body_sha256: str
    execution_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """``first`` is False for a repeat; ``message`` is then what came first (its body may differ)."""

    message: Inbound
    first: bool


_THIS = sa.and_(
    inbound.c.namespace == bindparam("ns"),
    inbound.c.source == bindparam("origin"),
    inbound.c.message_id == bindparam("message"),
)
_GET = sa.select(*columns(inbound, Inbound)).where(_THIS)
_LINK = inbound.update().where(_THIS)


def receive(
    tx: Tx, namespace: str, source: str, message_id: str, body_sha256: str, execution_id: str | None = None
) -> Receipt:
    """Record a message before anything is done about it."""
    new = Inbound(source, message_id, body_sha256, execution_id, tx.now)
    values = {name: getattr(new, name) for name in Inbound.__slots__}
    row = {"id": new_id(tx.now), "namespace": namespace, **values}
    if insert_ignore(tx, inbound, row, ("namespace", "source", "message_id")):
        return Receipt(new, first=True)
    existing = get(tx, namespace, source, message_id)
    assert existing is not None
    return Receipt(existing, first=False)


def get(tx: Tx, namespace: str, source: str, message_id: str) -> Inbound | None:
    return one(tx, Inbound, _GET, {"ns": namespace, "origin": source, "message": message_id})


def link(tx: Tx, namespace: str, source: str, message_id: str, execution_id: str) -> None:
    """Note which execution the message started. Raises ``NotFound``."""
    params = {"ns": namespace, "origin": source, "message": message_id, "execution_id": execution_id}
    if not changed(tx, _LINK, params):
        raise NotFound("message", message_id)
