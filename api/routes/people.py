"""Who there is: principals, groups, roles and keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import Field, field_validator

from api.deps import AuthenticatorDep, CallerDep, ServicesDep
from api.guard import guarded_router
from api.models import Body, Listing, Out
from api.policies import Scope
from workflows.usecases import group_removal, people, rights

router = guarded_router(tags=["people"])

Role = Literal["viewer", "author", "reviewer", "admin", "auditor"]
GroupName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]


class IdentityOut(Out):
    kind: str
    subject: str


class PrincipalOut(Out):
    """A person, or a service, which never counts as one."""

    id: str
    kind: Literal["person", "service"]
    name: str
    email: str | None
    groups: tuple[str, ...]
    roles: tuple[str, ...]
    identities: list[IdentityOut]
    created_at: datetime
    disabled_at: datetime | None


class PrincipalBody(Body):
    kind: Literal["person", "service"] = "person"
    name: str = Field(min_length=1, max_length=200)
    email: str | None = Field(default=None, max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")


class CorrectionBody(Body):
    """What is left out stays; ``null`` takes the address away. A program has none."""

    name: str | None = Field(default=None, max_length=200, pattern=r"\S")
    email: str | None = Field(default=None, max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")


class RoleBody(Body):
    role: Role


class IdentityBody(Body):
    """A Slack subject is ``team:user``."""

    kind: Literal["email", "slack", "oidc"]
    subject: str = Field(min_length=1, max_length=320)


class Member(Out):
    id: str
    name: str


class GroupOut(Out):
    """Members who are ``locked_out`` are not asked until they are let in again."""

    name: str
    members: list[Member]
    locked_out: list[Member]


class GroupBody(Body):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")


class MemberBody(Body):
    principal_id: str


class KeyOut(Out):
    """A key without its secret."""

    id: str
    principal_id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewKeyOut(KeyOut):
    """``secret`` is shown this once."""

    secret: str


class KeyBody(Body):
    principal_id: str
    name: str = Field(min_length=1, max_length=200)
    scopes: tuple[Scope, ...] = Field(min_length=1)
    expires_at: datetime | None = None

    @field_validator("expires_at")
    @classmethod
    def _aware(cls, at: datetime | None) -> datetime | None:
        if at is not None and at.tzinfo is None:
            raise ValueError("needs a time zone, for example 2026-01-31T09:30:00Z")
        return at


def _shown(person: people.Person) -> PrincipalOut:
    principal = person.principal
    return PrincipalOut(
        id=principal.id,
        kind="person" if principal.kind == "person" else "service",
        name=principal.name,
        email=principal.email,
        groups=person.groups,
        roles=person.roles,
        identities=[IdentityOut.model_validate(identity) for identity in person.identities],
        created_at=principal.created_at,
        disabled_at=principal.disabled_at,
    )


@router.get("/principals")
async def list_principals(services: ServicesDep, caller: CallerDep) -> Listing[PrincipalOut]:
    """Everybody in the namespace."""
    return Listing(items=[_shown(person) for person in await people.everybody(services, caller.namespace)])


@router.post("/principals", status_code=201)
async def create_principal(body: PrincipalBody, services: ServicesDep, caller: CallerDep) -> PrincipalOut:
    """Add a person or a service."""
    made = await people.create(
        services, caller.namespace, caller.actor, kind=body.kind, name=body.name, email=body.email
    )
    return _shown(made)


@router.patch("/principals/{principal_id}")
async def correct_principal(
    principal_id: str,
    body: CorrectionBody,
    services: ServicesDep,
    caller: CallerDep,
    authenticator: AuthenticatorDep,
) -> PrincipalOut:
    """Correct a name or an address: they sign in with it, and letters go there; links handed over and sessions end."""
    email = (body.email or "") if "email" in body.model_fields_set else None
    name = body.name.strip() if body.name is not None else None
    made = await rights.correct(services, caller.namespace, caller.actor, principal_id, name=name, email=email)
    authenticator.forget()
    return _shown(made)


@router.post("/principals/{principal_id}/disable")
async def disable_principal(
    principal_id: str, services: ServicesDep, caller: CallerDep, authenticator: AuthenticatorDep
) -> PrincipalOut:
    """Take every right away; what they did stays theirs."""
    shown = _shown(await people.disable(services, caller.namespace, caller.actor, principal_id))
    authenticator.forget()
    return shown


@router.post("/principals/{principal_id}/roles")
async def grant_role(
    principal_id: str, body: RoleBody, services: ServicesDep, caller: CallerDep, authenticator: AuthenticatorDep
) -> PrincipalOut:
    """Grant a role."""
    made = await people.set_role(services, caller.namespace, caller.actor, principal_id, body.role, granted=True)
    authenticator.forget()
    return _shown(made)


@router.delete("/principals/{principal_id}/roles/{role}")
async def revoke_role(
    principal_id: str, role: Role, services: ServicesDep, caller: CallerDep, authenticator: AuthenticatorDep
) -> PrincipalOut:
    """Revoke a role; the last admin keeps theirs."""
    made = await people.set_role(services, caller.namespace, caller.actor, principal_id, role, granted=False)
    authenticator.forget()
    return _shown(made)


@router.post("/principals/{principal_id}/identities")
async def add_identity(principal_id: str, body: IdentityBody, services: ServicesDep, caller: CallerDep) -> PrincipalOut:
    """Recognise the same person elsewhere."""
    made = await people.add_identity(
        services, caller.namespace, caller.actor, principal_id, kind=body.kind, subject=body.subject
    )
    return _shown(made)


@router.get("/groups")
async def list_groups(services: ServicesDep, caller: CallerDep) -> Listing[GroupOut]:
    """All groups with their members."""
    return Listing(items=[GroupOut.model_validate(group) for group in await people.groups(services, caller.namespace)])


@router.post("/groups", status_code=201)
async def create_group(body: GroupBody, services: ServicesDep, caller: CallerDep) -> GroupOut:
    """Create the group unless it exists."""
    return GroupOut.model_validate(await people.create_group(services, caller.namespace, caller.actor, body.name))


@router.delete("/groups/{group}", status_code=204)
async def remove_group(group: GroupName, services: ServicesDep, caller: CallerDep) -> None:
    """Delete a group that has no members and that no flow in use names."""
    await group_removal.remove(services, caller.namespace, caller.actor, group)


@router.post("/groups/{group}/members")
async def add_group_member(
    group: GroupName, body: MemberBody, services: ServicesDep, caller: CallerDep, authenticator: AuthenticatorDep
) -> GroupOut:
    """Add somebody."""
    made = await people.set_member(services, caller.namespace, caller.actor, group, body.principal_id, member=True)
    authenticator.forget()
    return GroupOut.model_validate(made)


@router.delete("/groups/{group}/members/{principal_id}")
async def remove_group_member(
    group: GroupName, principal_id: str, services: ServicesDep, caller: CallerDep, authenticator: AuthenticatorDep
) -> GroupOut:
    """Remove somebody."""
    made = await people.set_member(services, caller.namespace, caller.actor, group, principal_id, member=False)
    authenticator.forget()
    return GroupOut.model_validate(made)


@router.get("/keys")
async def list_keys(services: ServicesDep, caller: CallerDep) -> Listing[KeyOut]:
    """All keys without their secrets."""
    return Listing(items=[KeyOut.model_validate(key) for key in await people.all_keys(services, caller.namespace)])


@router.post("/keys", status_code=201)
async def create_key(body: KeyBody, services: ServicesDep, caller: CallerDep) -> NewKeyOut:
    """Make a key; its secret is shown this once."""
    made = await people.create_key(
        services,
        caller.namespace,
        caller.actor,
        principal_id=body.principal_id,
        name=body.name,
        scopes=body.scopes,
        expires_at=body.expires_at,
    )
    return NewKeyOut(**KeyOut.model_validate(made.key).model_dump(), secret=made.secret)


@router.delete("/keys/{key_id}", status_code=204)
async def revoke_key(key_id: str, services: ServicesDep, caller: CallerDep, authenticator: AuthenticatorDep) -> None:
    """Revoke a key at once."""
    await people.revoke_key(services, caller.namespace, caller.actor, key_id)
    authenticator.forget()
