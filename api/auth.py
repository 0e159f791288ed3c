"""Recognises callers by API key. What a caller may do is decided by ``api.policies`` and nowhere else.

A recognised key is remembered for a second and looked up once however many requests ask meanwhile, so that a burst
costs one look-up; a revocation made through this process counts at once, one made elsewhere after that second.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta

from api.errors import ApiError
from api.policies import Policy
from workflows.gates.model import Actor
from workflows.store.db import Database, Tx
from workflows.store.repositories import keys, principals

REMEMBERED = timedelta(seconds=1)
MAX_REMEMBERED = 1024
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="visto"'}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, in which namespace, with which key. ``actor`` is what decisions snapshot."""

    namespace: str
    key_id: str
    actor: Actor


class Authenticator:
    """Turns an ``Authorization`` header into a ``Caller``. Raises ``ApiError`` 401."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: OrderedDict[str, tuple[float, Caller]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Caller | None]] = {}

    async def caller(self, header: str | None) -> Caller:
        secret = _bearer(header)
        name = _name(secret)
        known = self._known.get(name)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        caller = await self._ask(name, secret)
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
        self._known.clear()
        self._asking.clear()

    async def _ask(self, name: str, secret: str) -> Caller | None:
        namespace = keys.namespace_of(secret)
        if namespace is None:
            return None
        task = self._asking.get(name)
        if task is None:
            task = self._asking[name] = asyncio.create_task(self._look_up(namespace, secret))
            task.add_done_callback(lambda done: self._answered(name, done))
        # shielded: the one who asked first may leave, and the others still wait
        return await asyncio.shield(task)

    def _answered(self, name: str, task: asyncio.Task[Caller | None]) -> None:
        if self._asking.get(name) is not task:
            return
        del self._asking[name]
        if task.cancelled() or task.exception() is not None or (caller := task.result()) is None:
            return
        self._known[name] = (time.monotonic() + REMEMBERED.total_seconds(), caller)
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)

    async def _look_up(self, namespace: str, secret: str) -> Caller | None:
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
    actor = Actor(
        principal_id=profile.principal.id,
        name=profile.principal.name,
        kind="person" if profile.principal.kind == "person" else "service",
        groups=profile.groups,
        roles=profile.roles,
        scopes=known.key.scopes,
        via="api",
        sign_in=f"key:{known.key.id}",
    )
    return Caller(namespace, known.key.id, actor), known.use_is_due


def authorise(caller: Caller, policy: Policy) -> None:
    """Raises ``ApiError`` 403 naming what is missing."""
    actor = caller.actor
    if policy.scope is not None and not {policy.scope, "admin"} & set(actor.scopes):
        raise ApiError(
            403, "missing_scope", f"This key lacks the scope {policy.scope}.", "Use a key that has it, or ask an admin."
        )
    if actor.kind == "person" and policy.scope is not None and not policy.roles & set(actor.roles):
        needed = " or ".join(sorted(policy.roles))
        raise ApiError(
            403, "missing_role", f"{actor.name} lacks the role {needed} in {caller.namespace}.", "Ask an admin for it."
        )


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


def _name(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
