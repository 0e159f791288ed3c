"""Passwords, as Argon2 hashes. What makes one good, and how it is checked, is not decided here."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.refusals import NotFound
from workflows.store.repositories.principals import get
from workflows.store.sql import changed, upsert
from workflows.store.tables import passwords

_MINE = sa.and_(passwords.c.namespace == bindparam("ns"), passwords.c.principal_id == bindparam("who"))
_HASH = sa.select(passwords.c.hash).where(_MINE)
_FORGET = passwords.delete().where(_MINE)
_REHASH = passwords.update().where(_MINE, passwords.c.hash == bindparam("old"))


def hash_of(tx: Tx, namespace: str, principal_id: str) -> str | None:
    found: str | None = tx.conn.execute(_HASH, {"ns": namespace, "who": principal_id}).scalar_one_or_none()
    return found


def put(tx: Tx, namespace: str, principal_id: str, hash_: str) -> None:
    """Set or replace the password. Raises ``NotFound`` without the person."""
    if get(tx, namespace, principal_id) is None:
        raise NotFound("principal", principal_id)
    new: dict[str, Any] = {"id": new_id(tx.now), "namespace": namespace, "principal_id": principal_id}
    new |= {"hash": hash_, "changed_at": tx.now}
    upsert(tx, passwords, new, ("namespace", "principal_id"), ("hash", "changed_at"))


def forget(tx: Tx, namespace: str, principal_id: str) -> bool:
    """They have no password any more. Returns whether they had one."""
    return bool(changed(tx, _FORGET, {"ns": namespace, "who": principal_id}))


def rehash(tx: Tx, namespace: str, principal_id: str, old: str, new: str) -> bool:
    """The same password under newer parameters. Returns False when it was changed meanwhile."""
    return bool(changed(tx, _REHASH, {"ns": namespace, "who": principal_id, "old": old, "hash": new}))
