"""Personal links: looking at one changes nothing, using one signs in or sets a password. Most work once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from workflows.gates.model import Actor
from workflows.journal.records import Journal, Record
from workflows.store import tokens
from workflows.store.db import Tx
from workflows.store.repositories import principals, sign_in_links
from workflows.store.repositories.sign_in_links import PREFIX, REUSABLE, Link, Purpose
from workflows.usecases import passwords, sign_in_attempts
from workflows.usecases.refusals import Refused
from workflows.usecases.sign_in import Visitor, opened
from workflows.usecases.sign_in_password import reset

if TYPE_CHECKING:  # the services bring Temporal with them, which commands need not import
    from workflows.usecases.services import Services

LIFE = timedelta(hours=24)
DEV_LIFE = timedelta(days=30)
METHODS = {"sign-in": "link", REUSABLE: "dev-link"}


@dataclass(frozen=True, slots=True)
class Found:
    """A link that works, and for whom."""

    namespace: str
    link: Link
    name: str
    email: str | None

    @property
    def sets_password(self) -> bool:
        return self.link.purpose == "password"

    @property
    def reusable(self) -> bool:
        return self.link.purpose == REUSABLE


def link_not_valid() -> Refused:
    return Refused(
        "link_not_valid",
        "This link does not work: it was used, it expired, or a newer one took its place.",
        status=410,
        remedy="Ask for a new one; an admin makes it with `visto people link NAME`. "
        "On your own machine, `visto dev` prints one.",
    )


def make(
    tx: Tx,
    journal: Journal,
    namespace: str,
    principal_id: str,
    purpose: Purpose,
    *,
    life: timedelta,
    via: str,
    by: Actor | None = None,
) -> tuple[str, datetime]:
    """Make a link for somebody: its path below the console's address, and when it expires. Raises ``NotFound``.

    ``by`` made it; without them it was whoever can open the database.
    """
    link, token = sign_in_links.create(tx, namespace, principal_id, purpose, life=life)
    meta = {"what": "link.created", "purpose": purpose, "link": link.id, "principal": principal_id}
    actor_kind, actor_id = (by.kind, by.principal_id) if by else ("system", None)
    record = Record(
        namespace=namespace, kind="config.changed", actor_kind=actor_kind, actor_id=actor_id, via=via, meta=meta
    )
    journal.append(tx, record)
    return path_of(purpose, token), link.expires_at


def path_of(purpose: str, token: str) -> str:
    """Where the console takes this token."""
    return f"/sign-in/{'password' if purpose == 'password' else 'link'}/{token}"


async def look(services: Services, token: str, *, sets_password: bool) -> Found:
    """Whose link this is. Changes nothing. Raises ``Refused`` 410."""
    found = await services.db.read(lambda tx: _find(tx, token))
    if found is None or found.sets_password != sets_password:
        raise link_not_valid()
    return found


async def by_link(services: Services, token: str, visitor: Visitor) -> str:
    """Use a link: open a session and return its token. Raises ``Refused`` 410."""

    def unit(tx: Tx) -> str | None:
        found = _find(tx, token)
        if found is None or found.sets_password or not sign_in_links.use(tx, found.namespace, found.link.id):
            _journal_failure(tx, services, found.namespace if found else None, visitor)
            return None
        method = METHODS[found.link.purpose]
        return opened(tx, services, found.namespace, found.link.principal_id, method=method, visitor=visitor)

    opened_token = await services.db.write(unit)
    if opened_token is None:
        raise link_not_valid()
    return opened_token


async def set_password(services: Services, token: str, password: str, visitor: Visitor) -> Found:
    """Use a link: set the person's password and end their sessions. Raises ``Refused`` 410 and 422 (link unused)."""
    seen = await look(services, token, sets_password=True)
    passwords.check_rules(password, seen.name, seen.email)
    hash_ = await passwords.hashed(password)

    def unit(tx: Tx) -> bool:
        if not sign_in_links.use(tx, seen.namespace, seen.link.id):
            _journal_failure(tx, services, seen.namespace, visitor)
            return False
        reset(tx, services.journal, seen.namespace, seen.link.principal_id, hash_, via="link")
        return True

    if not await services.db.write(unit):
        raise link_not_valid()
    return seen


def _find(tx: Tx, token: str) -> Found | None:
    namespace = tokens.namespace_of(PREFIX, token)
    link = None if namespace is None else sign_in_links.find(tx, namespace, token)
    if namespace is None or link is None:
        return None
    person = principals.get(tx, namespace, link.principal_id)
    if person is None or person.kind != "person":
        return None
    return Found(namespace, link, person.name, person.email)


def _journal_failure(tx: Tx, services: Services, namespace: str | None, visitor: Visitor) -> None:
    where = namespace or services.settings.namespace
    sign_in_attempts.failed(tx, services, where, "link", "link_not_valid", visitor)
