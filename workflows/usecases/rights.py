"""All roles or all groups of somebody at once, finding people, and links with which they set a password."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from workflows.gates.model import Actor
from workflows.store.db import Tx
from workflows.store.paging import Page, decode, page_of
from workflows.store.refusals import NotFound
from workflows.store.repositories import principals
from workflows.store.repositories.principals import ROLES, Principal
from workflows.usecases import sign_in_links
from workflows.usecases.asked import naming
from workflows.usecases.people import Person, end_of_address, keep_an_admin, person_of
from workflows.usecases.recording import record
from workflows.usecases.refusals import Refused
from workflows.usecases.services import Services

Kind = Literal["person", "service"]
PAGE = 50


@dataclass(frozen=True, slots=True)
class PasswordLink:
    """``path`` is below the console's address; it works once, until ``expires_at``."""

    path: str
    expires_at: datetime


async def find(
    services: Services,
    namespace: str,
    *,
    text: str = "",
    kind: Kind | None = None,
    group: str | None = None,
    cursor: str | None = None,
) -> Page[Person]:
    """People and programs by name: those whose name or e-mail contains ``text``. Raises ``InvalidCursor``."""
    wanted = text.strip().casefold()

    def look(tx: Tx) -> Page[Person]:
        everybody = principals.list_principals(tx, namespace)
        members = None if group is None else {one.id for one in principals.members(tx, namespace, group)}
        found = [
            one
            for one in everybody
            if wanted in f"{one.name}\n{one.email or ''}".casefold()
            and kind in (None, one.kind)
            and (members is None or one.id in members)
        ]
        found.sort(key=lambda one: (one.name, one.id))  # as the cursor compares, whatever the database's collation
        if cursor is not None:
            name, last = decode(cursor, 2)
            found = [one for one in found if (one.name, one.id) > (name, last)]
        people = [person_of(tx, namespace, one.id) for one in found[: PAGE + 1]]
        return page_of(people, PAGE, lambda one: (one.principal.name, one.principal.id))

    return await services.db.read(look)


async def correct(
    services: Services,
    namespace: str,
    actor: Actor,
    principal_id: str,
    *,
    name: str | None = None,
    email: str | None = None,
    keep_session: str = "",
) -> Person:
    """Correct somebody's name or address; None leaves it, an empty address takes it away.

    They stay who they are: what they decided, their roles and keys. With the address goes how they sign in and where
    letters go, and what ``end_of_address`` says. Raises ``NotFound``, ``AlreadyExists`` for an address that is somebody else's, ``Refused`` for a
    program's address and while flows name the old one.
    """

    def unit(tx: Tx) -> Person:
        before = principals.locked(tx, namespace, principal_id)
        called = before.name if name is None else name
        address = before.email if email is None else email.strip().lower() or None
        if (called, address) == (before.name, before.email):
            return person_of(tx, namespace, principal_id)
        if address != before.email:
            _readdress(tx, namespace, before, address, actor, keep_session)
        principals.describe(tx, namespace, principal_id, called, address)
        meta = {"what": "principal.corrected", "principal": principal_id}
        content = {"before": [before.name, before.email], "after": [called, address]}
        about = f"person:{principal_id}"
        record(tx, services.journal, namespace, "config.changed", actor, meta=meta, content=content, subject=about)
        return person_of(tx, namespace, principal_id)

    return await services.db.write(unit)


def _readdress(tx: Tx, namespace: str, before: Principal, address: str | None, actor: Actor, keep_session: str) -> None:
    if before.kind != "person":
        raise Refused("no_address", f"{before.name} is a program.", status=422, remedy="Only a person has an address.")
    if before.email:
        if flows := naming(tx, namespace, before.email):
            raise Refused(
                "address_in_use",
                f"The address {before.email} is named by {flows}, which would ask nobody then.",
                status=409,
                remedy="Recognise them by the new address too, name that in the flows, let what is under way end, "
                "then correct it here.",
            )
        end_of_address(tx, namespace, before, before.email, actor, keep_session)
    if address:
        principals.add_identity(tx, namespace, before.id, "email", address)


async def set_roles(
    services: Services, namespace: str, actor: Actor, principal_id: str, wanted: Collection[str]
) -> Person:
    """Give somebody exactly these roles. Raises ``NotFound``, and ``Refused`` for the last admin and unknown roles."""
    unknown = set(wanted) - ROLES
    if unknown:
        raise Refused("unknown_role", f"There is no role {min(unknown)!r}.", status=422, remedy="Choose from the list.")

    def unit(tx: Tx) -> Person:
        before = set(person_of(tx, namespace, principal_id).roles)
        for role in sorted(set(wanted) - before):
            principals.grant_role(tx, namespace, principal_id, role)
            _note(tx, services, namespace, actor, what="role.granted", principal=principal_id, role=role)
        for role in sorted(before - set(wanted)):
            if role == "admin":
                keep_an_admin(tx, namespace, principal_id)
            principals.revoke_role(tx, namespace, principal_id, role)
            _note(tx, services, namespace, actor, what="role.revoked", principal=principal_id, role=role)
        return person_of(tx, namespace, principal_id)

    return await services.db.write(unit)


async def set_groups(
    services: Services, namespace: str, actor: Actor, principal_id: str, wanted: Collection[str]
) -> Person:
    """Make somebody a member of exactly these groups. Raises ``NotFound`` for them and for a group."""

    def unit(tx: Tx) -> Person:
        before = set(person_of(tx, namespace, principal_id).groups)
        for group in sorted(set(wanted) - before):
            principals.add_member(tx, namespace, group, principal_id)
            _note(tx, services, namespace, actor, what="member.added", principal=principal_id, group=group)
        for group in sorted(before - set(wanted)):
            principals.remove_member(tx, namespace, group, principal_id)
            _note(tx, services, namespace, actor, what="member.removed", principal=principal_id, group=group)
        return person_of(tx, namespace, principal_id)

    return await services.db.write(unit)


async def password_link(services: Services, namespace: str, actor: Actor, principal_id: str) -> PasswordLink:
    """A link with which somebody sets their password: an invitation, or a reset; an earlier one stops working.

    Raises ``NotFound``, and ``Refused`` for a program and for somebody who is disabled.
    """

    def unit(tx: Tx) -> PasswordLink:
        found = principals.get(tx, namespace, principal_id)
        if found is None:
            raise NotFound("principal", principal_id)
        if found.kind != "person" or found.disabled_at is not None:
            raise Refused(
                "cannot_sign_in",
                f"{found.name} cannot sign in.",
                status=409,
                remedy="Give a program a key." if found.kind != "person" else "Let them in again first.",
            )
        path, until = sign_in_links.make(
            tx,
            services.journal,
            namespace,
            principal_id,
            "password",
            life=sign_in_links.LIFE,
            via=actor.via,
            by=actor,
        )
        return PasswordLink(path, until)

    return await services.db.write(unit)


def _note(tx: Tx, services: Services, namespace: str, actor: Actor, **meta: str) -> None:
    record(tx, services.journal, namespace, "config.changed", actor, meta=meta)
