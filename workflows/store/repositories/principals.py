"""People and services, the identities they are recognised by, their groups and roles.

A person may have many identities (e-mail, Slack, key, OIDC) and stays one person; a service never counts as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.prepared import Prepared
from workflows.store.refusals import AlreadyExists, NotFound
from workflows.store.sql import changed, columns, insert_ignore, many, one
from workflows.store.tables import group_members, groups, identities, principals, role_grants

ROLES = frozenset({"viewer", "author", "reviewer", "admin", "auditor"})


@dataclass(frozen=True, slots=True)
class Principal:
    """``kind`` is person or service; a disabled principal is found, and may do nothing."""

    id: str
    kind: str
    name: str
    email: str | None
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Identity:
    """``kind`` is email, slack, key, oidc or local; a Slack subject is ``team:user``."""

    principal_id: str
    kind: str
    subject: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """What a decision snapshots: the principal with their groups and roles, sorted."""

    principal: Principal
    groups: tuple[str, ...]
    roles: tuple[str, ...]


_ALL = sa.select(*columns(principals, Principal)).where(principals.c.namespace == bindparam("ns"))
_GET = Prepared(_ALL.where(principals.c.id == bindparam("who")))
_LOCK = _ALL.where(principals.c.id == bindparam("who")).with_for_update()
_LIST = _ALL.order_by(principals.c.name, principals.c.id)
_ANYBODY = sa.select(sa.literal(1)).where(principals.c.namespace == bindparam("ns")).limit(1)
_NAMED = _LIST.where(principals.c.name == bindparam("called"))
_CHANGE = principals.update().where(principals.c.namespace == bindparam("ns"), principals.c.id == bindparam("who"))
_IDENTITY = sa.and_(identities.c.principal_id == principals.c.id, identities.c.namespace == principals.c.namespace)
_BY_IDENTITY = _ALL.join(identities, _IDENTITY).where(
    identities.c.kind == bindparam("kind"), identities.c.subject == bindparam("subject")
)
_IDENTITIES = (
    sa.select(*columns(identities, Identity))
    .where(identities.c.namespace == bindparam("ns"), identities.c.principal_id == bindparam("who"))
    .order_by(identities.c.kind, identities.c.subject)
)
_FORGET_IDENTITY = identities.delete().where(
    identities.c.namespace == bindparam("ns"),
    identities.c.principal_id == bindparam("who"),
    identities.c.kind == bindparam("kind"),
    identities.c.subject == bindparam("subject"),
)
_RIGHTS = Prepared(
    sa.union_all(
        sa.select(sa.literal("group"), group_members.c.group_name).where(
            group_members.c.namespace == bindparam("ns"), group_members.c.principal_id == bindparam("who")
        ),
        sa.select(sa.literal("role"), role_grants.c.role).where(
            role_grants.c.namespace == bindparam("ns"), role_grants.c.principal_id == bindparam("who")
        ),
    )
)
_ALL_RIGHTS = sa.union_all(
    sa.select(sa.literal("group"), group_members.c.principal_id, group_members.c.group_name).where(
        group_members.c.namespace == bindparam("ns")
    ),
    sa.select(sa.literal("role"), role_grants.c.principal_id, role_grants.c.role).where(
        role_grants.c.namespace == bindparam("ns")
    ),
)
_ALL_IDENTITIES = (
    sa.select(*columns(identities, Identity))
    .where(identities.c.namespace == bindparam("ns"))
    .order_by(identities.c.kind, identities.c.subject)
)
_GROUPS = sa.select(groups.c.name).where(groups.c.namespace == bindparam("ns")).order_by(groups.c.name)
_GROUP = sa.select(groups.c.name).where(groups.c.namespace == bindparam("ns"), groups.c.name == bindparam("group"))
_SHARE_GROUP, _LOCK_GROUP = _GROUP.with_for_update(read=True), _GROUP.with_for_update()
_BELONGS = (
    sa.select(sa.literal(1))
    .where(group_members.c.namespace == bindparam("ns"), group_members.c.group_name == bindparam("group"))
    .limit(1)
)
_MEMBER = sa.and_(group_members.c.principal_id == principals.c.id, group_members.c.namespace == principals.c.namespace)
_IN_GROUP = (
    _ALL.join(group_members, _MEMBER)
    .where(group_members.c.group_name == bindparam("group"))
    .order_by(principals.c.name, principals.c.id)
)
_MEMBERS = Prepared(_IN_GROUP.where(principals.c.disabled_at.is_(None)))
_LOCKED_OUT = _IN_GROUP.where(principals.c.disabled_at.is_not(None))
_GRANT = sa.and_(role_grants.c.principal_id == principals.c.id, role_grants.c.namespace == principals.c.namespace)
_WITH_ROLE = (
    _ALL.join(role_grants, _GRANT)
    .where(role_grants.c.role == bindparam("role"), principals.c.kind == "person", principals.c.disabled_at.is_(None))
    .order_by(principals.c.name, principals.c.id)
)
_DELETE_GROUP = groups.delete().where(groups.c.namespace == bindparam("ns"), groups.c.name == bindparam("group"))
_REMOVE = group_members.delete().where(
    group_members.c.namespace == bindparam("ns"),
    group_members.c.group_name == bindparam("group"),
    group_members.c.principal_id == bindparam("who"),
)
_REVOKE = role_grants.delete().where(
    role_grants.c.namespace == bindparam("ns"),
    role_grants.c.principal_id == bindparam("who"),
    role_grants.c.role == bindparam("role"),
)


def create_person(tx: Tx, namespace: str, name: str, email: str | None = None) -> Principal:
    """Create a person; their e-mail, lower-cased, is their first identity. Raises ``AlreadyExists``."""
    address = email.strip().lower() if email else None
    person = _create(tx, namespace, "person", name, address)
    if address:
        add_identity(tx, namespace, person.id, "email", address)
    return person


def create_service(tx: Tx, namespace: str, name: str) -> Principal:
    """Create a service: it may hold keys with scopes, and never counts as a person."""
    return _create(tx, namespace, "service", name, None)


def _create(tx: Tx, namespace: str, kind: Literal["person", "service"], name: str, email: str | None) -> Principal:
    made = Principal(new_id(tx.now), kind, name, email, tx.now, None)
    values = {column: getattr(made, column) for column in Principal.__slots__}
    tx.conn.execute(principals.insert(), {"namespace": namespace, **values})
    return made


def get(tx: Tx, namespace: str, principal_id: str) -> Principal | None:
    return one(tx, Principal, _GET, {"ns": namespace, "who": principal_id})


def locked(tx: Tx, namespace: str, principal_id: str) -> Principal:
    """The principal, whom nobody else changes until this transaction ends. Raises ``NotFound``."""
    found = one(tx, Principal, _LOCK, {"ns": namespace, "who": principal_id})
    if found is None:
        raise NotFound("principal", principal_id)
    return found


def list_principals(tx: Tx, namespace: str) -> list[Principal]:
    """Everybody, by name."""
    return many(tx, Principal, _LIST, {"ns": namespace})


def anybody(tx: Tx, namespace: str) -> bool:
    """Whether the namespace has principals at all."""
    return tx.conn.execute(_ANYBODY, {"ns": namespace}).one_or_none() is not None


def named(tx: Tx, namespace: str, name: str) -> list[Principal]:
    """Everybody of exactly this name; names need not be unique."""
    return many(tx, Principal, _NAMED, {"ns": namespace, "called": name})


def disable(tx: Tx, namespace: str, principal_id: str) -> None:
    """From now on they may do nothing; what they did stays theirs. Raises ``NotFound``."""
    if not changed(tx, _CHANGE, {"ns": namespace, "who": principal_id, "disabled_at": tx.now}):
        raise NotFound("principal", principal_id)


def enable(tx: Tx, namespace: str, principal_id: str) -> None:
    """They may do again what their roles and groups allow. Raises ``NotFound``."""
    if not changed(tx, _CHANGE, {"ns": namespace, "who": principal_id, "disabled_at": None}):
        raise NotFound("principal", principal_id)


def describe(tx: Tx, namespace: str, principal_id: str, name: str, email: str | None) -> None:
    """Correct a name and the address that is shown; what they are recognised by stays. Raises ``NotFound``."""
    if not changed(tx, _CHANGE, {"ns": namespace, "who": principal_id, "name": name, "email": email}):
        raise NotFound("principal", principal_id)


def add_identity(tx: Tx, namespace: str, principal_id: str, kind: str, subject: str) -> None:
    """Raises ``AlreadyExists`` when it is somebody else's, ``NotFound`` without the principal."""
    _require(tx, namespace, principal_id)
    new: dict[str, Any] = {"id": new_id(tx.now), "namespace": namespace, "principal_id": principal_id, "kind": kind}
    new |= {"subject": subject, "created_at": tx.now}
    if insert_ignore(tx, identities, new, ("namespace", "kind", "subject")):
        return
    owner = find_by_identity(tx, namespace, kind, subject)
    if owner is None or owner.id != principal_id:
        raise AlreadyExists(f"{kind} identity", subject)


def remove_identity(tx: Tx, namespace: str, principal_id: str, kind: str, subject: str) -> bool:
    """Returns whether they were recognised by it."""
    params = {"ns": namespace, "who": principal_id, "kind": kind, "subject": subject}
    return bool(changed(tx, _FORGET_IDENTITY, params))


def identities_of(tx: Tx, namespace: str, principal_id: str) -> list[Identity]:
    return many(tx, Identity, _IDENTITIES, {"ns": namespace, "who": principal_id})


def find_by_identity(tx: Tx, namespace: str, kind: str, subject: str) -> Principal | None:
    """Who is recognised by this identity. E-mail addresses are compared lower-cased by the caller's ``subject``."""
    return one(tx, Principal, _BY_IDENTITY, {"ns": namespace, "kind": kind, "subject": subject})


def profile(tx: Tx, namespace: str, principal_id: str) -> Profile | None:
    """The principal with groups and roles, in two statements."""
    principal = get(tx, namespace, principal_id)
    if principal is None:
        return None
    rights = _RIGHTS.rows(tx, {"ns": namespace, "who": principal_id})
    named = {kind: tuple(sorted(name for k, name in rights if k == kind)) for kind in ("group", "role")}
    return Profile(principal, named["group"], named["role"])


def everybody(tx: Tx, namespace: str) -> list[tuple[Profile, tuple[Identity, ...]]]:
    """Everybody by name with groups, roles and identities, in three statements however many they are."""
    rights: dict[tuple[str, str], list[str]] = {}
    for kind, who, name in tx.conn.execute(_ALL_RIGHTS, {"ns": namespace}):
        rights.setdefault((kind, who), []).append(name)
    known: dict[str, list[Identity]] = {}
    for identity in many(tx, Identity, _ALL_IDENTITIES, {"ns": namespace}):
        known.setdefault(identity.principal_id, []).append(identity)
    return [
        (
            Profile(
                one, tuple(sorted(rights.get(("group", one.id), ()))), tuple(sorted(rights.get(("role", one.id), ())))
            ),
            tuple(known.get(one.id, ())),
        )
        for one in list_principals(tx, namespace)
    ]


def create_group(tx: Tx, namespace: str, name: str) -> bool:
    """Create the group unless it exists. Returns whether it is new."""
    new: dict[str, Any] = {"id": new_id(tx.now), "namespace": namespace, "name": name, "created_at": tx.now}
    return insert_ignore(tx, groups, new, ("namespace", "name"))


def list_groups(tx: Tx, namespace: str) -> list[str]:
    return list(tx.conn.execute(_GROUPS, {"ns": namespace}).scalars())


def lock_group(tx: Tx, namespace: str, name: str) -> bool:
    """Let nobody join it until this transaction ends. Returns whether it is there."""
    return tx.conn.execute(_LOCK_GROUP, {"ns": namespace, "group": name}).one_or_none() is not None


def has_members(tx: Tx, namespace: str, group: str) -> bool:
    """Whether anybody belongs to it, disabled or not."""
    return tx.conn.execute(_BELONGS, {"ns": namespace, "group": group}).one_or_none() is not None


def delete_group(tx: Tx, namespace: str, name: str) -> bool:
    """Delete a group that is locked and has no members. Returns whether it was there."""
    return bool(changed(tx, _DELETE_GROUP, {"ns": namespace, "group": name}))


def add_member(tx: Tx, namespace: str, group: str, principal_id: str) -> bool:
    """Returns False when they are a member already. Raises ``NotFound`` for the group or the principal."""
    if tx.conn.execute(_SHARE_GROUP, {"ns": namespace, "group": group}).one_or_none() is None:
        raise NotFound("group", group)
    _require(tx, namespace, principal_id)
    new: dict[str, Any] = {
        "id": new_id(tx.now),
        "namespace": namespace,
        "group_name": group,
        "principal_id": principal_id,
    }
    return insert_ignore(tx, group_members, new | {"created_at": tx.now}, ("namespace", "group_name", "principal_id"))


def remove_member(tx: Tx, namespace: str, group: str, principal_id: str) -> bool:
    """Returns whether they were a member."""
    return bool(changed(tx, _REMOVE, {"ns": namespace, "group": group, "who": principal_id}))


def members(tx: Tx, namespace: str, group: str) -> list[Principal]:
    """Members who are not disabled, by name."""
    return many(tx, Principal, _MEMBERS, {"ns": namespace, "group": group})


def locked_out_members(tx: Tx, namespace: str, group: str) -> list[Principal]:
    """Members who are disabled, by name."""
    return many(tx, Principal, _LOCKED_OUT, {"ns": namespace, "group": group})


def people_with_role(tx: Tx, namespace: str, role: str) -> list[Principal]:
    """People who have the role and are not disabled, by name."""
    return many(tx, Principal, _WITH_ROLE, {"ns": namespace, "role": role})


def grant_role(tx: Tx, namespace: str, principal_id: str, role: str) -> bool:
    """Returns False when they have it already. Raises ``NotFound`` for the principal, ``ValueError`` for the role."""
    if role not in ROLES:
        raise ValueError(f"{role!r} is not a role; choose one of {', '.join(sorted(ROLES))}")
    _require(tx, namespace, principal_id)
    new: dict[str, Any] = {"id": new_id(tx.now), "namespace": namespace, "principal_id": principal_id, "role": role}
    return insert_ignore(tx, role_grants, new | {"created_at": tx.now}, ("namespace", "principal_id", "role"))


def revoke_role(tx: Tx, namespace: str, principal_id: str, role: str) -> bool:
    """Returns whether they had it."""
    return bool(changed(tx, _REVOKE, {"ns": namespace, "who": principal_id, "role": role}))


def _require(tx: Tx, namespace: str, principal_id: str) -> None:
    if get(tx, namespace, principal_id) is None:
        raise NotFound("principal", principal_id)
