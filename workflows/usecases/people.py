"""Principals, groups, roles and keys: every change is journalled with who made it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from workflows.gates.model import Actor
from workflows.store.db import Tx
from workflows.store.refusals import NotFound
from workflows.store.repositories import keys, passwords, principals, sessions, sign_in_links
from workflows.store.repositories.keys import Key, NewKey
from workflows.store.repositories.leases import lock_key
from workflows.store.repositories.principals import Identity, Principal
from workflows.usecases.recording import record
from workflows.usecases.refusals import Refused
from workflows.usecases.services import Services

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Person:
    """A principal with what they belong to."""

    principal: Principal
    groups: tuple[str, ...]
    roles: tuple[str, ...]
    identities: tuple[Identity, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """``members`` are asked; those who are ``locked_out`` would be again when they are let in."""

    name: str
    members: tuple[Principal, ...]
    locked_out: tuple[Principal, ...] = ()


async def everybody(services: Services, namespace: str) -> list[Person]:
    """All principals, by name."""
    return await services.db.read(
        lambda tx: [
            Person(found.principal, found.groups, found.roles, known)
            for found, known in principals.everybody(tx, namespace)
        ]
    )


async def person(services: Services, namespace: str, principal_id: str) -> Person:
    """One of them. Raises ``NotFound``."""
    return await services.db.read(lambda tx: person_of(tx, namespace, principal_id))


async def create(
    services: Services, namespace: str, actor: Actor, *, kind: str, name: str, email: str | None
) -> Person:
    """A new person or service. Raises ``AlreadyExists`` for an e-mail that is somebody's."""

    def make(tx: Tx) -> Person:
        if kind == "person":
            made = principals.create_person(tx, namespace, name, email)
        else:
            made = principals.create_service(tx, namespace, name)
        return person_of(tx, namespace, made.id)

    return await _change(
        services, namespace, actor, make, lambda made: {"what": "principal.created", "principal": made.principal.id}
    )


async def disable(services: Services, namespace: str, actor: Actor, principal_id: str) -> Person:
    """From now on they may do nothing; their sessions and links end and do not come back with them.

    Raises ``NotFound``; refuses one's own account and the last admin's.
    """
    if principal_id == actor.principal_id:
        raise Refused(
            "own_account", "You cannot disable your own account.", status=409, remedy="Ask another admin to do it."
        )

    def make(tx: Tx) -> Person:
        keep_an_admin(tx, namespace, principal_id)
        principals.disable(tx, namespace, principal_id)
        sessions.end_all(tx, namespace, principal_id)
        sign_in_links.revoke_all(tx, namespace, principal_id)
        return person_of(tx, namespace, principal_id)

    return await _change(
        services, namespace, actor, make, lambda _: {"what": "principal.disabled", "principal": principal_id}
    )


async def enable(services: Services, namespace: str, actor: Actor, principal_id: str) -> Person:
    """They may do again what their roles and groups allow. Raises ``NotFound``."""

    def make(tx: Tx) -> Person:
        principals.enable(tx, namespace, principal_id)
        return person_of(tx, namespace, principal_id)

    return await _change(
        services, namespace, actor, make, lambda _: {"what": "principal.enabled", "principal": principal_id}
    )


async def set_role(
    services: Services, namespace: str, actor: Actor, principal_id: str, role: str, *, granted: bool
) -> Person:
    """Grant or revoke a role. Raises ``NotFound``; the last admin keeps theirs."""

    def make(tx: Tx) -> Person:
        if granted:
            principals.grant_role(tx, namespace, principal_id, role)
        else:
            if role == "admin":
                keep_an_admin(tx, namespace, principal_id)
            principals.revoke_role(tx, namespace, principal_id, role)
        return person_of(tx, namespace, principal_id)

    what = "role.granted" if granted else "role.revoked"
    return await _change(
        services, namespace, actor, make, lambda _: {"what": what, "principal": principal_id, "role": role}
    )


def end_of_address(tx: Tx, namespace: str, before: Principal, address: str, actor: Actor, keep_session: str) -> None:
    """Somebody else may have this mailbox: what was handed over there, and what was made with it, opens nothing now.

    That is links, sessions but ``keep_session``, and behind the address that is shown the password too, since a link to set
    one goes there; one's own stays. Keys and other identities stay.
    """
    principals.remove_identity(tx, namespace, before.id, "email", address)
    sign_in_links.revoke(tx, namespace, before.id, "password")
    sign_in_links.revoke(tx, namespace, before.id, "sign-in")
    sessions.end_all(tx, namespace, before.id, but=keep_session)
    if address == before.email and before.id != actor.principal_id:
        passwords.forget(tx, namespace, before.id)


def keep_an_admin(tx: Tx, namespace: str, principal_id: str) -> None:
    """Refuse when nobody else could administer the namespace: a person with the role who is not disabled."""
    lock_key(tx, namespace, "admins", "")  # two admins who remove each other at once: one of them stays
    admins = {one.id for one in principals.people_with_role(tx, namespace, "admin")}
    if admins == {principal_id}:
        raise Refused(
            "last_admin",
            "This is the last admin of the namespace.",
            status=409,
            remedy="Make somebody else admin first.",
        )


async def add_identity(
    services: Services, namespace: str, actor: Actor, principal_id: str, *, kind: str, subject: str
) -> Person:
    """Recognise a person by one more identity. Raises ``AlreadyExists``, ``NotFound``."""
    known = subject.strip().lower() if kind == "email" else subject

    def make(tx: Tx) -> Person:
        before = principals.locked(tx, namespace, principal_id)
        principals.add_identity(tx, namespace, principal_id, kind, known)
        if kind == "email" and before.email is None and before.kind == "person":
            principals.describe(tx, namespace, principal_id, before.name, known)
        return person_of(tx, namespace, principal_id)

    return await _change(
        services,
        namespace,
        actor,
        make,
        lambda _: {"what": "identity.added", "principal": principal_id, "identity_kind": kind},
    )


async def remove_identity(
    services: Services,
    namespace: str,
    actor: Actor,
    principal_id: str,
    *,
    kind: str,
    subject: str,
    keep_session: str = "",
) -> Person:
    """Recognise a person by this no more; one that they do not have is no error. Raises ``NotFound``.

    Never refused, unlike a correction: it must be possible at once. With an address goes what was made with it.
    """

    def make(tx: Tx) -> Person:
        before = principals.locked(tx, namespace, principal_id)
        known = [one.subject for one in principals.identities_of(tx, namespace, principal_id) if one.kind == kind]
        if kind != "email":
            principals.remove_identity(tx, namespace, principal_id, kind, subject)
        elif subject in known:
            end_of_address(tx, namespace, before, subject, actor, keep_session)
            if before.email == subject:
                left = next((one for one in known if one != subject), None)
                principals.describe(tx, namespace, principal_id, before.name, left)
        return person_of(tx, namespace, principal_id)

    return await _change(
        services,
        namespace,
        actor,
        make,
        lambda _: {"what": "identity.removed", "principal": principal_id, "identity_kind": kind},
    )


async def groups(services: Services, namespace: str) -> list[Group]:
    """All groups with their members."""
    return await services.db.read(
        lambda tx: [_group(tx, namespace, name) for name in principals.list_groups(tx, namespace)]
    )


async def create_group(services: Services, namespace: str, actor: Actor, name: str) -> Group:
    """Create the group unless it exists."""

    def make(tx: Tx) -> Group:
        principals.create_group(tx, namespace, name)
        return _group(tx, namespace, name)

    return await _change(services, namespace, actor, make, lambda _: {"what": "group.created", "group": name})


async def set_member(
    services: Services, namespace: str, actor: Actor, name: str, principal_id: str, *, member: bool
) -> Group:
    """Add to or remove from a group. Raises ``NotFound``."""

    def make(tx: Tx) -> Group:
        if member:
            principals.add_member(tx, namespace, name, principal_id)
        else:
            principals.remove_member(tx, namespace, name, principal_id)
        return _group(tx, namespace, name)

    what = "member.added" if member else "member.removed"
    return await _change(
        services, namespace, actor, make, lambda _: {"what": what, "group": name, "principal": principal_id}
    )


async def create_key(
    services: Services,
    namespace: str,
    actor: Actor,
    *,
    principal_id: str,
    name: str,
    scopes: tuple[str, ...],
    expires_at: datetime | None,
) -> NewKey:
    """A new key; its secret is in the answer and nowhere else. Raises ``NotFound`` without the principal."""

    def make(tx: Tx) -> NewKey:
        return keys.create(tx, namespace, principal_id, name, scopes, expires_at=expires_at)

    return await _change(
        services,
        namespace,
        actor,
        make,
        lambda made: {"what": "key.created", "key": made.key.id, "principal": principal_id, "scopes": list(scopes)},
    )


async def revoke_key(services: Services, namespace: str, actor: Actor, key_id: str) -> bool:
    """The key opens nothing any more. Returns False when it was revoked before. Raises ``NotFound``."""

    def unit(tx: Tx) -> bool:
        revoked = keys.revoke(tx, namespace, key_id)
        if revoked:
            meta = {"what": "key.revoked", "key": key_id}
            record(tx, services.journal, namespace, "config.changed", actor, meta=meta)
        return revoked

    return await services.db.write(unit)


async def all_keys(services: Services, namespace: str) -> list[Key]:
    """All keys, revoked ones included, without their secrets."""
    return await services.db.read(lambda tx: keys.list_keys(tx, namespace))


async def _change(
    services: Services,
    namespace: str,
    actor: Actor,
    make: Callable[[Tx], T],
    meta: Callable[[T], dict[str, Any]],
) -> T:
    """Run ``make`` and record it in the same transaction."""

    def unit(tx: Tx) -> T:
        made = make(tx)
        record(tx, services.journal, namespace, "config.changed", actor, meta=meta(made))
        return made

    return await services.db.write(unit)


def person_of(tx: Tx, namespace: str, principal_id: str) -> Person:
    """A principal with what they belong to. Raises ``NotFound``."""
    profile = principals.profile(tx, namespace, principal_id)
    if profile is None:
        raise NotFound("principal", principal_id)
    identities = tuple(principals.identities_of(tx, namespace, principal_id))
    return Person(profile.principal, profile.groups, profile.roles, identities)


def _group(tx: Tx, namespace: str, name: str) -> Group:
    locked_out = principals.locked_out_members(tx, namespace, name)
    return Group(name, tuple(principals.members(tx, namespace, name)), tuple(locked_out))
