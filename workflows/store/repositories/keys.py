"""API keys: ``vk_<namespace>_<43 letters and digits>``. The secret is shown once; the store keeps its SHA-256."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store import tokens
from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.refusals import NotFound
from workflows.store.repositories.principals import Principal, get
from workflows.store.sql import changed, columns, many
from workflows.store.tables import api_keys, principals

PREFIX = "vk_"
USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Key:
    id: str
    principal_id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "scopes", tuple(self.scopes))

    def is_valid(self, now: datetime) -> bool:
        """Whether it opens anything, if its principal may."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


@dataclass(frozen=True, slots=True)
class NewKey:
    """``secret`` is not stored and cannot be shown again."""

    key: Key
    secret: str


@dataclass(frozen=True, slots=True)
class Authenticated:
    """``use_is_due`` asks the caller to note the use with ``touch`` (at most once a minute)."""

    key: Key
    principal: Principal
    use_is_due: bool


_MINE = api_keys.c.namespace == bindparam("ns")
_LIST = sa.select(*columns(api_keys, Key)).where(_MINE).order_by(api_keys.c.created_at, api_keys.c.id)
_BY_SECRET = (
    sa.select(*columns(api_keys, Key), *columns(principals, Principal))
    .join(
        principals, sa.and_(principals.c.id == api_keys.c.principal_id, principals.c.namespace == api_keys.c.namespace)
    )
    .where(
        _MINE,
        api_keys.c.secret_sha256 == bindparam("sha256"),
        api_keys.c.revoked_at.is_(None),
        principals.c.disabled_at.is_(None),
        sa.or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > bindparam("now")),
    )
)
_THIS = api_keys.update().where(_MINE, api_keys.c.id == bindparam("key"))
_REVOKE = _THIS.where(api_keys.c.revoked_at.is_(None))
_KNOWN = sa.select(api_keys.c.id).where(_MINE, api_keys.c.id == bindparam("key"))
_TOUCH = _THIS.where(sa.or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < bindparam("before")))


def namespace_of(secret: str) -> str | None:
    """The namespace that a key's text names, or None when it has not the form of a key."""
    return tokens.namespace_of(PREFIX, secret)


def create(
    tx: Tx, namespace: str, principal_id: str, name: str, scopes: Sequence[str], *, expires_at: datetime | None = None
) -> NewKey:
    """Make a key for a principal of this namespace. Raises ``NotFound`` without them."""
    if get(tx, namespace, principal_id) is None:
        raise NotFound("principal", principal_id)
    secret = tokens.make(PREFIX, namespace)
    key = Key(new_id(tx.now), principal_id, name, tuple(scopes), tx.now, expires_at, None, None)
    values = {column: getattr(key, column) for column in Key.__slots__} | {"scopes": list(scopes)}
    tx.conn.execute(api_keys.insert(), {"namespace": namespace, "secret_sha256": tokens.digest(secret), **values})
    return NewKey(key, secret)


def authenticate(tx: Tx, namespace: str, secret: str) -> Authenticated | None:
    """Who holds this secret: None when unknown, expired, revoked, or its principal is disabled. Reads only."""
    params = {"ns": namespace, "sha256": tokens.digest(secret), "now": tx.now}
    row = tx.conn.execute(_BY_SECRET, params).one_or_none()
    if row is None:
        return None
    width = len(Key.__slots__)
    key = Key(*row[:width])
    due = key.last_used_at is None or key.last_used_at < tx.now - USE_NOTED_EVERY
    return Authenticated(key, Principal(*row[width:]), due)


def touch(tx: Tx, namespace: str, key_id: str) -> bool:
    """Note that the key was used. Returns False when that was noted within the last minute."""
    params = {"ns": namespace, "key": key_id, "before": tx.now - USE_NOTED_EVERY, "last_used_at": tx.now}
    return bool(changed(tx, _TOUCH, params))


def revoke(tx: Tx, namespace: str, key_id: str) -> bool:
    """Returns False, changing nothing, when it was revoked before. Raises ``NotFound``."""
    if changed(tx, _REVOKE, {"ns": namespace, "key": key_id, "revoked_at": tx.now}):
        return True
    if tx.conn.execute(_KNOWN, {"ns": namespace, "key": key_id}).one_or_none() is None:
        raise NotFound("key", key_id)
    return False


def list_keys(tx: Tx, namespace: str) -> list[Key]:
    """All keys, revoked ones included, oldest first."""
    return many(tx, Key, _LIST, {"ns": namespace})
