"""How often somebody may try to sign in, counted in the store, so that it holds across processes.

An attempt takes a slot of the account and one of the address for a while, and gives them back when it succeeds.
An account that does not exist has slots like any other, so that nothing can be learnt from a refusal.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from workflows.journal.records import Record
from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.repositories import leases
from workflows.usecases.refusals import Refused
from workflows.usecases.sign_in import VIA, Visitor

if TYPE_CHECKING:  # the services bring Temporal with them, which commands need not import
    from workflows.usecases.services import Services

KIND = "rate"
WINDOW = timedelta(minutes=15)
PER_ACCOUNT = 10
PER_ADDRESS = 100


class TooManyAttempts(Refused):
    """Sign-in is closed to this account or address for ``seconds``. ``headers`` say so to programs."""

    def __init__(self, seconds: int) -> None:
        minutes = math.ceil(seconds / 60)
        super().__init__(
            "too_many_attempts",
            "There were too many attempts to sign in.",
            status=429,
            remedy=f"Wait {minutes} minute{'s' * (minutes != 1)} and try again, or ask an admin for a sign-in link.",
        )
        self.headers = {"Retry-After": str(seconds)}


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an attempt holds until it succeeds or its time is over."""

    id: str
    keys: tuple[str, ...]


def begin(tx: Tx, namespace: str, account: str, visitor: Visitor) -> Attempt | datetime:
    """Take the slots of an attempt, or return when there will be one."""
    attempt = Attempt(new_id(tx.now), (_key("account", account), _key("address", visitor.address)))
    for key, limit in zip(attempt.keys, (PER_ACCOUNT, PER_ADDRESS), strict=True):
        slot = leases.acquire(tx, namespace, key, attempt.id, limit=limit, ttl=WINDOW, kind=KIND, queue=False)
        if not slot.held:
            succeeded(tx, namespace, attempt)
            return leases.frees_at(tx, namespace, key, kind=KIND) or slot.until
    return attempt


def succeeded(tx: Tx, namespace: str, attempt: Attempt) -> None:
    """Whoever could sign in has used nothing up."""
    for key in attempt.keys:
        leases.release(tx, namespace, key, attempt.id, kind=KIND)


def failed(
    tx: Tx,
    services: Services,
    namespace: str,
    method: str,
    code: str,
    visitor: Visitor,
    *,
    principal_id: str | None = None,
    **content: Any,
) -> None:
    """Record a refused attempt; whom it was about is known or not."""
    services.journal.append(
        tx,
        Record(
            namespace=namespace,
            kind="auth.failed",
            actor_kind="anonymous",
            via=VIA,
            outcome=code,
            meta={"sign_in": method, "code": code, **({"principal": principal_id} if principal_id else {})},
            content={"device": visitor.device, "address": visitor.address, **content},
        ),
    )


def _key(kind: str, name: str) -> str:
    return f"{kind}:{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"
