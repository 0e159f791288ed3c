"""Who reviews in a namespace, in two statements however many they are."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.tables import group_members, principals, role_grants

ROLES = ("reviewer", "admin")


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A person who is not disabled and has a role that reviews; ``roles`` are only those."""

    id: str
    name: str
    groups: tuple[str, ...]
    roles: tuple[str, ...]


_REVIEWING = (
    sa.select(principals.c.id, principals.c.name, role_grants.c.role)
    .join(
        role_grants,
        sa.and_(role_grants.c.principal_id == principals.c.id, role_grants.c.namespace == principals.c.namespace),
    )
    .where(
        principals.c.namespace == bindparam("ns"),
        principals.c.kind == "person",
        principals.c.disabled_at.is_(None),
        role_grants.c.role.in_(ROLES),
    )
    .order_by(principals.c.name, principals.c.id, role_grants.c.role)
)
_GROUPS = (
    sa.select(group_members.c.principal_id, group_members.c.group_name)
    .where(group_members.c.namespace == bindparam("ns"))
    .order_by(group_members.c.group_name)
)


def reviewers(tx: Tx, namespace: str) -> list[Reviewer]:
    """Everybody who may review, by name."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for principal_id, group in tx.conn.execute(_GROUPS, {"ns": namespace}):
        groups[principal_id].append(group)
    names: dict[str, str] = {}
    roles: defaultdict[str, list[str]] = defaultdict(list)
    for principal_id, name, role in tx.conn.execute(_REVIEWING, {"ns": namespace}):
        names[principal_id] = name
        roles[principal_id].append(role)
    return [Reviewer(who, name, tuple(groups[who]), tuple(roles[who])) for who, name in names.items()]
