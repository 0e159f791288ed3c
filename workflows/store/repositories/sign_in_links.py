"""Personal links: to sign in once, to sign in while a local stack runs, or to set a password. Only hashes are stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store import tokens
from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.refusals import NotFound
from workflows.store.repositories.principals import get
from workflows.store.sql import changed, columns, one
from workflows.store.tables import principals, sign_in_links

Purpose = Literal["sign-in", "dev", "password"]

PREFIX = "vl_"
REUSABLE = "dev"


@dataclass(frozen=True, slots=True)
class Link:
    """A link of purpose ``dev`` works until it expires, the others work once."""

    id: str
    principal_id: str
    purpose: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


_MINE = sign_in_links.c.namespace == bindparam("ns")
_VALID = sa.and_(
    _MINE,
    sign_in_links.c.expires_at > bindparam("now"),
    sa.or_(sign_in_links.c.used_at.is_(None), sign_in_links.c.purpose == REUSABLE),
)
_OWNER = sa.and_(principals.c.id == sign_in_links.c.principal_id, principals.c.namespace == sign_in_links.c.namespace)
_BY_TOKEN = (
    sa.select(*columns(sign_in_links, Link))
    .join(principals, _OWNER)
    .where(_VALID, sign_in_links.c.token_sha256 == bindparam("sha256"), principals.c.disabled_at.is_(None))
)
_USE = sign_in_links.update().where(_VALID, sign_in_links.c.id == bindparam("link"))
_ALL_OF = sign_in_links.delete().where(_MINE, sign_in_links.c.principal_id == bindparam("who"))
_SAME = _ALL_OF.where(sign_in_links.c.purpose == bindparam("for_purpose"))


def create(tx: Tx, namespace: str, principal_id: str, purpose: Purpose, *, life: timedelta) -> tuple[Link, str]:
    """Make a link's token; an earlier one of the same purpose ends. Raises ``NotFound`` without the person."""
    if get(tx, namespace, principal_id) is None:
        raise NotFound("principal", principal_id)
    revoke(tx, namespace, principal_id, purpose)
    token = tokens.make(PREFIX, namespace)
    made = Link(new_id(tx.now), principal_id, purpose, tx.now, tx.now + life, None)
    values = {name: getattr(made, name) for name in Link.__slots__}
    tx.conn.execute(sign_in_links.insert(), {"namespace": namespace, "token_sha256": tokens.digest(token), **values})
    return made, token


def find(tx: Tx, namespace: str, token: str) -> Link | None:
    """The link of this token if it would work now. Changes nothing."""
    return one(tx, Link, _BY_TOKEN, {"ns": namespace, "now": tx.now, "sha256": tokens.digest(token)})


def use(tx: Tx, namespace: str, link_id: str) -> bool:
    """Use it up. Returns False when somebody else was first, or it expired."""
    return bool(changed(tx, _USE, {"ns": namespace, "now": tx.now, "link": link_id, "used_at": tx.now}))


def revoke(tx: Tx, namespace: str, principal_id: str, purpose: Purpose) -> int:
    """The person's links of this purpose open nothing any more; returns how many there were."""
    return changed(tx, _SAME, {"ns": namespace, "who": principal_id, "for_purpose": purpose})


def revoke_all(tx: Tx, namespace: str, principal_id: str) -> int:
    """None of the person's links opens anything any more; returns how many there were."""
    return changed(tx, _ALL_OF, {"ns": namespace, "who": principal_id})
