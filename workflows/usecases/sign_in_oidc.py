"""Signing in through an identity provider: whom it vouches for, and who that is here.

A subject is linked to a person once, by an e-mail address that the provider has verified. From then on the subject
counts and the address does not: addresses are given to other people, subjects are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workflows.journal.records import Record
from workflows.store.db import Tx
from workflows.store.refusals import NotFound
from workflows.store.repositories import principals
from workflows.store.repositories.principals import Principal
from workflows.usecases import sign_in_attempts
from workflows.usecases.refusals import Refused
from workflows.usecases.sign_in import VIA, Visitor, opened

if TYPE_CHECKING:  # the services bring Temporal with them, which commands need not import
    from workflows.usecases.services import Services

KIND = "oidc"


@dataclass(frozen=True, slots=True)
class Vouched:
    """What a validated token says. ``groups`` is None when the installation does not ask for them."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    name: str
    groups: tuple[str, ...] | None = None

    @property
    def identity(self) -> str:
        """The subject of an identity of kind ``oidc``."""
        return f"{self.issuer}|{self.subject}"

    @property
    def method(self) -> str:
        """How sessions and decisions name this way to sign in."""
        return f"oidc:{self.issuer}"


async def by_oidc(
    services: Services, namespace: str, vouched: Vouched, visitor: Visitor, *, sign_up: str | None = None
) -> str:
    """Open a session and return its token. ``sign_up`` is the role that newcomers get. Raises ``Refused`` 403."""

    def unit(tx: Tx) -> str | Refused:
        person = principals.find_by_identity(tx, namespace, KIND, vouched.identity)
        found = person or _first_time(tx, services, namespace, vouched, sign_up)
        if isinstance(found, Principal) and found.disabled_at is not None:
            found = _refusal("account_disabled", "Your account here is disabled.", "Ask an admin of this installation.")
        if isinstance(found, Refused):
            sign_in_attempts.failed(tx, services, namespace, vouched.method, found.code, visitor, email=vouched.email)
            return found
        if vouched.groups is not None:
            _take_groups(tx, services, namespace, found.id, vouched.groups)
        return opened(tx, services, namespace, found.id, method=vouched.method, visitor=visitor)

    answer = await services.db.write(unit)
    if isinstance(answer, Refused):
        raise answer
    return answer


async def failed(services: Services, namespace: str, issuer: str, code: str, visitor: Visitor) -> None:
    """Record a sign-in that did not get as far as a person."""
    method = f"oidc:{issuer}"
    await services.db.write(lambda tx: sign_in_attempts.failed(tx, services, namespace, method, code, visitor))


def _first_time(
    tx: Tx, services: Services, namespace: str, vouched: Vouched, sign_up: str | None
) -> Principal | Refused:
    by_hand = f"Ask an admin to add the identity {KIND} {vouched.identity!r} to you."
    address = (vouched.email or "").strip().lower()
    if not address or not vouched.email_verified:
        return _refusal(
            "email_not_verified",
            "Your provider did not confirm your e-mail address, so you cannot be recognised by it.",
            f"Confirm it there and sign in again. {by_hand}",
        )
    person = principals.find_by_identity(tx, namespace, "email", address)
    if person is None:
        if sign_up is None:
            return _refusal(
                "unknown_person",
                f"Nobody here has the e-mail address {address}.",
                f'Ask an admin to add you, for example with `visto people add "{vouched.name}" --email {address}`.',
            )
        person = principals.create_person(tx, namespace, vouched.name, address)
        principals.grant_role(tx, namespace, person.id, sign_up)
        _changed(tx, services, namespace, person.id, {"what": "principal.created", "role": sign_up})
    if _has_other_subject(tx, namespace, person.id, vouched):
        return _refusal(
            "other_account",
            f"The person with the address {address} signs in with another account of this provider.",
            f"Use that account. If the address is now yours, {by_hand[0].lower()}{by_hand[1:]}",
        )
    principals.add_identity(tx, namespace, person.id, KIND, vouched.identity)
    _changed(tx, services, namespace, person.id, {"what": "identity.added", "identity_kind": KIND})
    return person


def _has_other_subject(tx: Tx, namespace: str, principal_id: str, vouched: Vouched) -> bool:
    known = principals.identities_of(tx, namespace, principal_id)
    return any(one.kind == KIND and one.subject.startswith(f"{vouched.issuer}|") for one in known)


def _take_groups(tx: Tx, services: Services, namespace: str, principal_id: str, named: tuple[str, ...]) -> None:
    """The provider decides about groups that exist here; names that we do not have are no groups of ours."""
    profile = principals.profile(tx, namespace, principal_id)
    present = set(profile.groups if profile else ())
    wanted = set(named) & set(principals.list_groups(tx, namespace))
    for group in sorted(wanted - present):
        try:
            principals.add_member(tx, namespace, group, principal_id)
        except NotFound:  # deleted a moment ago
            continue
        _changed(tx, services, namespace, principal_id, {"what": "member.added", "group": group})
    for group in sorted(present - wanted):
        principals.remove_member(tx, namespace, group, principal_id)
        _changed(tx, services, namespace, principal_id, {"what": "member.removed", "group": group})


def _changed(tx: Tx, services: Services, namespace: str, principal_id: str, meta: dict[str, str]) -> None:
    given = {**meta, "principal": principal_id, "by": KIND}
    services.journal.append(tx, Record(namespace=namespace, kind="config.changed", via=VIA, meta=given))


def _refusal(code: str, message: str, remedy: str) -> Refused:
    return Refused(code, message, status=403, remedy=remedy)
