"""Sessions: opened for whoever has proved who they are, recognised by their token, ended. All of it is journalled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workflows.gates.model import Actor
from workflows.journal.records import Record
from workflows.store import tokens
from workflows.store.db import Tx
from workflows.store.repositories import principals, sessions
from workflows.store.repositories.principals import Profile
from workflows.store.repositories.sessions import Session
from workflows.usecases.recording import record

if TYPE_CHECKING:  # the services bring Temporal with them, which commands need not import
    from workflows.usecases.services import Services

VIA = "console"


@dataclass(frozen=True, slots=True)
class Known:
    """A session that is open, and who its person is now."""

    namespace: str
    session: Session
    profile: Profile


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where an attempt to sign in comes from: the browser in words, and its network address."""

    device: str
    address: str


async def namespace_of(services: Services, asked: str | None) -> str:
    """Where somebody wants to sign in: what they ask for if anybody is there, else the installation's own namespace."""
    known = bool(asked) and await services.db.read(lambda tx: principals.anybody(tx, asked or ""))
    return asked if asked and known else services.settings.namespace


async def recognise(services: Services, token: str) -> Known | None:
    """Who holds this token now, with their present groups and roles; notes the use at most once a minute."""
    namespace = tokens.namespace_of(sessions.PREFIX, token)
    if namespace is None:
        return None
    known = await services.db.read(lambda tx: _recognise(tx, namespace, token))
    if known is not None and known.session.use_is_due(services.db.clock()):
        await services.db.write(lambda tx: sessions.touch(tx, namespace, known.session.id))
    return known


def _recognise(tx: Tx, namespace: str, token: str) -> Known | None:
    session = sessions.authenticate(tx, namespace, token)
    profile = None if session is None else principals.profile(tx, namespace, session.principal_id)
    return None if session is None or profile is None else Known(namespace, session, profile)


async def open_session(services: Services, namespace: str, principal_id: str, *, method: str, visitor: Visitor) -> str:
    """Open a session and return its token. Raises ``NotFound`` without the person."""
    return await services.db.write(
        lambda tx: opened(tx, services, namespace, principal_id, method=method, visitor=visitor)
    )


def opened(tx: Tx, services: Services, namespace: str, principal_id: str, *, method: str, visitor: Visitor) -> str:
    """The same inside a transaction that proves who they are."""
    session, token = sessions.create(tx, namespace, principal_id, method=method, device=visitor.device)
    services.journal.append(
        tx,
        Record(
            namespace=namespace,
            kind="auth.signed_in",
            actor_kind="person",
            actor_id=principal_id,
            via=VIA,
            meta={"sign_in": method, "session": session.id},
            content={"device": visitor.device, "address": visitor.address},
        ),
    )
    return token


async def close_session(services: Services, namespace: str, actor: Actor, session_id: str) -> bool:
    """End one of the actor's own sessions. Returns whether it was open."""

    def unit(tx: Tx) -> bool:
        ended = sessions.end(tx, namespace, actor.principal_id, session_id)
        if ended:
            record(tx, services.journal, namespace, "auth.signed_out", actor, meta={"session": session_id})
        return ended

    return await services.db.write(unit)


async def close_others(services: Services, namespace: str, actor: Actor, session_id: str) -> int:
    """End all of the actor's sessions but this one; returns how many."""

    def unit(tx: Tx) -> int:
        ended = sessions.end_all(tx, namespace, actor.principal_id, but=session_id)
        if ended:
            record(tx, services.journal, namespace, "auth.signed_out", actor, meta={"others": ended})
        return ended

    return await services.db.write(unit)


async def sessions_of(services: Services, namespace: str, principal_id: str) -> list[Session]:
    """A person's open sessions, last used first."""
    return await services.db.read(lambda tx: sessions.open_of(tx, namespace, principal_id))
