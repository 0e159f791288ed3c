"""Sessions of signed-in browsers. They end by idleness, by age, or because somebody ends them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store import tokens
from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.refusals import NotFound
from workflows.store.repositories.principals import get
from workflows.store.sql import changed, columns, many, one
from workflows.store.tables import principals, sessions

PREFIX = "vs_"
IDLE = timedelta(hours=12)
LIFE = timedelta(days=7)
USE_NOTED_EVERY = timedelta(minutes=1)
KEPT = timedelta(days=30)
"""How long a session that is over stays on record."""


@dataclass(frozen=True, slots=True)
class Session:
    """``method`` is how the person proved who they are; ``expires_at`` is the end that no use moves."""

    id: str
    principal_id: str
    method: str
    device: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None

    @property
    def ends_at(self) -> datetime:
        """When it ends if it is not used again."""
        return min(self.seen_at + IDLE, self.expires_at)

    def use_is_due(self, now: datetime) -> bool:
        """Whether this use should be noted with ``touch`` (at most once a minute)."""
        return self.seen_at < now - USE_NOTED_EVERY


_MINE = sessions.c.namespace == bindparam("ns")
_OPEN = sa.and_(
    _MINE,
    sessions.c.ended_at.is_(None),
    sessions.c.expires_at > bindparam("now"),
    sessions.c.seen_at > bindparam("idle_since"),
)
_ALL = sa.select(*columns(sessions, Session))
_OWNER = sa.and_(principals.c.id == sessions.c.principal_id, principals.c.namespace == sessions.c.namespace)
_BY_TOKEN = _ALL.join(principals, _OWNER).where(
    _OPEN, sessions.c.token_sha256 == bindparam("sha256"), principals.c.disabled_at.is_(None)
)
_OF = _ALL.where(_OPEN, sessions.c.principal_id == bindparam("who")).order_by(sessions.c.seen_at.desc(), sessions.c.id)
_TOUCH = sessions.update().where(_OPEN, sessions.c.id == bindparam("session"), sessions.c.seen_at < bindparam("before"))
_WHOSE = sa.and_(_OPEN, sessions.c.principal_id == bindparam("who"))
_END = sessions.update().where(_WHOSE, sessions.c.id == bindparam("session"))
_END_OTHERS = sessions.update().where(_WHOSE, sessions.c.id != bindparam("spared"))
_FORGET = sessions.delete().where(
    _MINE, sessions.c.principal_id == bindparam("who"), sessions.c.expires_at < bindparam("before")
)


def create(tx: Tx, namespace: str, principal_id: str, *, method: str, device: str) -> tuple[Session, str]:
    """Open a session; returns it with its token, which is not stored. Raises ``NotFound`` without the person."""
    if get(tx, namespace, principal_id) is None:
        raise NotFound("principal", principal_id)
    changed(tx, _FORGET, {"ns": namespace, "who": principal_id, "before": tx.now - KEPT})
    token = tokens.make(PREFIX, namespace)
    made = Session(new_id(tx.now), principal_id, method, device, tx.now, tx.now, tx.now + LIFE, None)
    values = {name: getattr(made, name) for name in Session.__slots__}
    tx.conn.execute(sessions.insert(), {"namespace": namespace, "token_sha256": tokens.digest(token), **values})
    return made, token


def authenticate(tx: Tx, namespace: str, token: str) -> Session | None:
    """The session of this token: None when unknown, over, or its person is disabled. Reads only."""
    return one(tx, Session, _BY_TOKEN, _at(tx, namespace) | {"sha256": tokens.digest(token)})


def touch(tx: Tx, namespace: str, session_id: str) -> bool:
    """Note a use, which moves the idle end. Returns False when one was noted within the last minute."""
    params = {"session": session_id, "before": tx.now - USE_NOTED_EVERY, "seen_at": tx.now}
    return bool(changed(tx, _TOUCH, _at(tx, namespace) | params))


def open_of(tx: Tx, namespace: str, principal_id: str) -> list[Session]:
    """A person's sessions that still open something, last used first."""
    return many(tx, Session, _OF, _at(tx, namespace) | {"who": principal_id})


def end(tx: Tx, namespace: str, principal_id: str, session_id: str) -> bool:
    """End one session of this person. Returns whether it was open."""
    params = {"who": principal_id, "session": session_id, "ended_at": tx.now}
    return bool(changed(tx, _END, _at(tx, namespace) | params))


def end_all(tx: Tx, namespace: str, principal_id: str, *, but: str = "") -> int:
    """End all sessions of this person except ``but``; returns how many."""
    params = {"who": principal_id, "spared": but, "ended_at": tx.now}
    return changed(tx, _END_OTHERS, _at(tx, namespace) | params)


def _at(tx: Tx, namespace: str) -> dict[str, Any]:
    return {"ns": namespace, "now": tx.now, "idle_since": tx.now - IDLE}
