"""Recognises callers by API key. What a caller may do is decided by ``api.policies`` and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

from api.errors import ApiError
from api.policies import Policy
from api.remembered import Remembered
from workflows.gates.model import Actor
from workflows.store import tokens
from workflows.store.db import Database, Tx
from workflows.store.repositories import keys, principals
from workflows.usecases.actors import actor_of

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="visto"'}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, in which namespace, with which key or session. ``actor`` is what decisions snapshot."""

    namespace: str
    key_id: str
    actor: Actor


class Authenticator:
    """Turns an ``Authorization`` header into a ``Caller``. Raises ``ApiError`` 401."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: Remembered[Caller] = Remembered(db.clock)

    async def caller(self, header: str | None) -> Caller:
        secret = _bearer(header)
        caller = await self._known.get(tokens.digest(secret), lambda: self._look_up(secret))
        if caller is None:
            raise ApiError(
                401,
                "invalid_key",
                "The API key is unknown, expired or revoked.",
                "Use a valid key; an admin makes one with POST /api/v1/keys.",
                headers=CHALLENGE,
            )
        return caller

    def forget(self) -> None:
        """Look every key up again: rights have changed. What is being looked up now is not remembered."""
        self._known.forget()

    async def _look_up(self, secret: str) -> Caller | None:
        namespace = keys.namespace_of(secret)
        if namespace is None:
            return None
        found = await self._db.read(lambda tx: _recognise(tx, namespace, secret))
        if found is None:
            return None
        caller, use_is_due = found
        if use_is_due:
            await self._db.write(lambda tx: keys.touch(tx, namespace, caller.key_id))
        return caller


def _recognise(tx: Tx, namespace: str, secret: str) -> tuple[Caller, bool] | None:
    known = keys.authenticate(tx, namespace, secret)
    profile = None if known is None else principals.profile(tx, namespace, known.principal.id)
    if known is None or profile is None:
        return None
    actor = actor_of(profile, via="api", sign_in=f"key:{known.key.id}", scopes=known.key.scopes)
    return Caller(namespace, known.key.id, actor), known.use_is_due


def authorise(caller: Caller, policy: Policy) -> None:
    """Raises ``ApiError`` 403 naming what is missing."""
    actor = caller.actor
    if not _in_scope(actor, policy):
        raise ApiError(
            403, "missing_scope", f"This key lacks the scope {policy.scope}.", "Use a key that has it, or ask an admin."
        )
    if not _in_role(actor, policy):
        needed = " or ".join(sorted(policy.roles))
        raise ApiError(
            403, "missing_role", f"{actor.name} lacks the role {needed} in {caller.namespace}.", "Ask an admin for it."
        )


def permitted(caller: Caller, policy: Policy) -> bool:
    """Whether ``authorise`` would let the caller pass."""
    return _in_scope(caller.actor, policy) and _in_role(caller.actor, policy)


def _in_scope(actor: Actor, policy: Policy) -> bool:
    return policy.scope is None or bool({policy.scope, "admin"} & set(actor.scopes))


def _in_role(actor: Actor, policy: Policy) -> bool:
    return actor.kind != "person" or policy.scope is None or bool(policy.roles & set(actor.roles))


def _bearer(header: str | None) -> str:
    scheme, _, secret = (header or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise ApiError(
            401,
            "no_key",
            "This address needs an API key.",
            "Send the header `Authorization: Bearer vk_...`.",
            headers=CHALLENGE,
        )
    return secret.strip()
