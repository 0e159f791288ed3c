"""Erasing what is known about a subject: its keys are destroyed, the chain stays whole, and the erasure is recorded.

Whether destroying the key is erasure in law is for a lawyer to say; backups made before hold the wrapped key still.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.journal.records import Journal, Record
from workflows.store.db import Tx
from workflows.store.refusals import NotFound
from workflows.store.tables import audit_blob, audit_key


@dataclass(frozen=True, slots=True)
class Erasure:
    """``contents`` records lost their content; ``event_id`` is the record of the erasure."""

    subject: str
    keys: tuple[str, ...]
    contents: int
    event_id: str


_LIVE = (
    sa.select(audit_key.c.key_id)
    .where(
        audit_key.c.namespace == bindparam("ns"),
        audit_key.c.subject == bindparam("about"),
        audit_key.c.destroyed_at.is_(None),
    )
    .order_by(audit_key.c.key_id)
)
_KEYS = _LIVE.with_for_update()
_COUNT = (
    sa.select(sa.func.count())
    .select_from(audit_blob)
    .where(audit_blob.c.namespace == bindparam("ns"), audit_blob.c.key_id.in_(bindparam("keys", expanding=True)))
)
_DESTROY = audit_key.update().where(
    audit_key.c.namespace == bindparam("ns"), audit_key.c.key_id.in_(bindparam("keys", expanding=True))
)


def kept(tx: Tx, namespace: str, subject: str) -> int:
    """How many contents ``erase`` would destroy."""
    keys = list(tx.conn.execute(_LIVE, {"ns": namespace, "about": subject}).scalars())
    if not keys:
        return 0
    return int(tx.conn.execute(_COUNT, {"ns": namespace, "keys": keys}).scalar_one())


def erase(
    tx: Tx, journal: Journal, namespace: str, subject: str, *, by: str | None, via: str | None, legal_basis: str
) -> Erasure:
    """Erase every content about ``subject`` (``execution:<id>``, ``person:<id>``). It cannot be undone.

    What is recorded about the subject later is sealed under a new key. Raises ``NotFound`` when nothing is kept.
    """
    keys = list(tx.conn.execute(_KEYS, {"ns": namespace, "about": subject}).scalars())
    if not keys:
        raise NotFound("recorded content of", subject)
    count = int(tx.conn.execute(_COUNT, {"ns": namespace, "keys": keys}).scalar_one())
    tx.conn.execute(_DESTROY, {"ns": namespace, "keys": keys, "wrapped": None, "destroyed_at": tx.now})
    for key_id in keys:
        journal.keyring.forget(key_id)
    record = Record(
        namespace=namespace,
        kind="erasure",
        actor_kind="person" if by else "system",
        actor_id=by,
        via=via,
        meta={"subject": subject, "keys": keys, "contents": count, "legal_basis": legal_basis},
    )
    return Erasure(subject, tuple(keys), count, journal.append(tx, record))
