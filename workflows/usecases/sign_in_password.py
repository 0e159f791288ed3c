"""Signing in by password, and changing it. A wrong name and a wrong password are one refusal, after the same work."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from workflows.gates.model import Actor
from workflows.journal.records import Journal, Record
from workflows.store.db import Tx
from workflows.store.refusals import NotFound
from workflows.store.repositories import passwords as stored
from workflows.store.repositories import principals, sessions, sign_in_links
from workflows.store.repositories.principals import Principal
from workflows.usecases import passwords, sign_in_attempts
from workflows.usecases.recording import record
from workflows.usecases.refusals import Refused
from workflows.usecases.sign_in import Visitor, opened
from workflows.usecases.sign_in_attempts import Attempt, TooManyAttempts

if TYPE_CHECKING:  # the services bring Temporal with them, which commands need not import
    from workflows.usecases.services import Services

METHOD = "password"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Whom a name may mean, and the hash to compare with. Both None for nobody."""

    person: Principal | None
    hash: str | None


def wrong_sign_in() -> Refused:
    return Refused(
        "wrong_sign_in",
        "The name or the password is not right.",
        status=401,
        remedy="Check both and try again. If somebody else has your name, use your e-mail address. "
        "If you forgot your password, an admin can send you a link to set a new one.",
    )


async def by_password(services: Services, namespace: str, name: str, password: str, visitor: Visitor) -> str:
    """Open a session and return its token. Raises ``Refused`` 401 and ``TooManyAttempts``."""
    called = name.strip()
    attempt = await _begin(services, namespace, called.lower(), visitor, name=called)
    found = await services.db.read(lambda tx: _candidate(tx, namespace, called))
    right = await passwords.verify(found.hash, password)
    better = await passwords.hashed(password) if right and passwords.needs_rehash(found.hash or "") else None

    def unit(tx: Tx) -> str | None:
        # what was verified must still be so: the person may have been disabled or have a new password by now
        if not right or found.person is None or _candidate(tx, namespace, called) != found:
            who = found.person.id if found.person else None
            code = "wrong_sign_in"
            sign_in_attempts.failed(tx, services, namespace, METHOD, code, visitor, principal_id=who, name=called)
            return None
        if better is not None and found.hash is not None:
            stored.rehash(tx, namespace, found.person.id, found.hash, better)
        sign_in_attempts.succeeded(tx, namespace, attempt)
        return opened(tx, services, namespace, found.person.id, method=METHOD, visitor=visitor)

    token = await services.db.write(unit)
    if token is None:
        raise wrong_sign_in()
    return token


async def change(
    services: Services, namespace: str, actor: Actor, session_id: str, visitor: Visitor, *, current: str, new: str
) -> int:
    """Change one's own password; ends one's other sessions and returns how many. Raises ``Refused``."""
    person = await services.db.read(lambda tx: _person(tx, namespace, actor.principal_id))
    passwords.check_rules(new, actor.name, person.person.email if person.person else None)
    attempt = await _begin(services, namespace, actor.principal_id, visitor)
    if not await passwords.verify(person.hash, current):
        await services.db.write(
            lambda tx: sign_in_attempts.failed(
                tx, services, namespace, METHOD, "wrong_password", visitor, principal_id=actor.principal_id
            )
        )
        raise Refused(
            "wrong_password",
            "The present password is not right, so nothing was changed.",
            status=422,
            remedy="Type it again. If you have none yet or forgot it, ask an admin for a link to set a new one.",
            fields={"current": ["It is not right."]},
        )
    hash_ = await passwords.hashed(new)

    def unit(tx: Tx) -> int:
        sign_in_attempts.succeeded(tx, namespace, attempt)
        ended = put(tx, namespace, actor.principal_id, hash_, but=session_id)
        meta = {"what": "password.changed", "principal": actor.principal_id, "sessions_ended": ended}
        record(tx, services.journal, namespace, "config.changed", actor, meta=meta)
        return ended

    return await services.db.write(unit)


def reset(tx: Tx, journal: Journal, namespace: str, principal_id: str, hash_: str, *, via: str) -> int:
    """Set somebody's password on the operator's word; ends all their sessions and returns how many."""
    ended = put(tx, namespace, principal_id, hash_)
    meta = {"what": "password.set", "principal": principal_id, "sessions_ended": ended}
    journal.append(tx, Record(namespace=namespace, kind="config.changed", via=via, meta=meta))
    return ended


def put(tx: Tx, namespace: str, principal_id: str, hash_: str, *, but: str = "") -> int:
    """Store it, end the person's sessions except ``but`` and their links to set one; returns how many sessions."""
    stored.put(tx, namespace, principal_id, hash_)
    sign_in_links.revoke(tx, namespace, principal_id, "password")
    return sessions.end_all(tx, namespace, principal_id, but=but)


async def has_password(services: Services, namespace: str, principal_id: str) -> bool:
    return await services.db.read(lambda tx: stored.hash_of(tx, namespace, principal_id)) is not None


async def _begin(services: Services, namespace: str, account: str, visitor: Visitor, **content: str) -> Attempt:
    def unit(tx: Tx) -> tuple[Attempt | datetime, datetime]:
        begun = sign_in_attempts.begin(tx, namespace, account, visitor)
        if not isinstance(begun, Attempt):
            code = "too_many_attempts"
            sign_in_attempts.failed(tx, services, namespace, METHOD, code, visitor, **content)
        return begun, tx.now

    begun, now = await services.db.write(unit)
    if isinstance(begun, Attempt):
        return begun
    raise TooManyAttempts(max(1, math.ceil((begun - now).total_seconds())))


def _candidate(tx: Tx, namespace: str, name: str) -> Candidate:
    person = principals.find_by_identity(tx, namespace, "email", name.lower())
    if person is None:
        called = principals.named(tx, namespace, name)
        person = called[0] if len(called) == 1 else None
    if person is None or person.kind != "person" or person.disabled_at is not None:
        return Candidate(None, None)
    return Candidate(person, stored.hash_of(tx, namespace, person.id))


def _person(tx: Tx, namespace: str, principal_id: str) -> Candidate:
    person = principals.get(tx, namespace, principal_id)
    if person is None:
        raise NotFound("principal", principal_id)
    return Candidate(person, stored.hash_of(tx, namespace, principal_id))
