"""Personal links to decide one gate without signing in: for one person, one revision, until a moment, and signed.

A link holds what it is for, so any replica can check it and nothing has to be kept. Whoever has it may decide that one
revision as the person it names, with that person's rights of that moment; it opens nothing else. It ends when that person
is no longer recognised by the address that it was sent to: whoever has that mailbox then is somebody else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from workflows.arbiter.handling import viewed
from workflows.arbiter.model import Decide, Decided, Viewed
from workflows.gates.model import Action, Actor
from workflows.store.db import Tx
from workflows.store.repositories import principals
from workflows.usecases.actors import actor_of
from workflows.usecases.decide import decide
from workflows.usecases.gate_reading import Reading, reading
from workflows.usecases.gate_views import GateDetail
from workflows.usecases.keys import mail_key
from workflows.usecases.refusals import Refused
from workflows.usecases.services import Services

LIFE = timedelta(days=7)
CHANNEL = "email"
_PURPOSE = b"visto mail link v2\0"
_MARK = 16


@dataclass(frozen=True, slots=True)
class Grant:
    """What a link is good for. ``sent_to`` is the ``mark`` of an address, ``until`` is in seconds since the epoch."""

    namespace: str
    gate: str
    revision: int
    digest: str
    person: str
    sent_to: str
    until: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that is ours and in time: what it grants, to whom, and the gate as it stands now for them."""

    grant: Grant
    actor: Actor
    reading: Reading

    @property
    def gate(self) -> GateDetail:
        return self.reading.gate

    @property
    def unchanged(self) -> bool:
        """Whether the gate still holds what the letter showed."""
        return self.gate.action_digest == self.grant.digest

    @property
    def decidable(self) -> bool:
        """Whether its person may decide now what the letter showed."""
        return self.unchanged and self.reading.refusal is None


def mark(services: Services, address: str) -> str:
    """What stands for a mail address in a link: keyed, since pages' addresses end up in logs and mail addresses are few."""
    text = b"visto mail address\0" + address.strip().lower().encode()
    return hmac.new(mail_key(services.settings), text, hashlib.sha256).hexdigest()[:_MARK]


def make(services: Services, grant: Grant) -> str:
    """The path of the link, below the console's address."""
    text = json.dumps(list(asdict(grant).values()), separators=(",", ":")).encode()
    return f"/mail/{_encode(text)}.{_encode(_sign(services, text))}"


def look(services: Services, token: str) -> Grant:
    """What a link grants. Raises ``Refused`` when it is not ours or too late."""
    text, _, signature = token.partition(".")
    try:
        plain, signed = _decode(text), _decode(signature)
    except (binascii.Error, ValueError) as error:
        raise _not_valid() from error
    if not hmac.compare_digest(_sign(services, plain), signed):
        raise _not_valid()
    grant = Grant(*json.loads(plain))
    if datetime.fromtimestamp(grant.until, UTC) <= services.db.clock():
        raise _too_late()
    return grant


async def open_link(services: Services, token: str) -> Opened:
    """The gate for whom the link was made; nothing is written. Raises ``Refused`` and ``gate_not_found``."""
    grant = look(services, token)
    return await services.db.read(lambda tx: _opened(tx, services, grant))


def _opened(tx: Tx, services: Services, grant: Grant) -> Opened:
    profile = principals.profile(tx, grant.namespace, grant.person)
    if profile is None or profile.principal.disabled_at is not None:
        raise _not_valid()
    known = principals.identities_of(tx, grant.namespace, grant.person)
    if not any(one.kind == CHANNEL and mark(services, one.subject) == grant.sent_to for one in known):
        raise _not_valid()
    actor = actor_of(profile, via=CHANNEL, sign_in="mail-link")
    return Opened(grant, actor, reading(tx, grant.namespace, grant.gate, actor))


async def decide_by_link(
    services: Services, token: str, action: Action, *, reason_code: str | None = None, comment: str | None = None
) -> Decided:
    """Decide what the letter showed, as its person. Raises ``Refused`` and what every decision raises."""
    found = await open_link(services, token)
    grant = found.grant
    seen = Viewed(namespace=grant.namespace, gate_id=grant.gate, actor=found.actor, revision=grant.revision)
    await services.db.write(lambda tx: viewed(tx, services.journal, seen))
    request = Decide(
        namespace=grant.namespace,
        gate_id=grant.gate,
        actor=found.actor,
        action=action,
        revision=grant.revision,
        action_digest=grant.digest,
        reason_code=reason_code,
        comment=comment,
        idempotency_key=f"mail:{grant.revision}:{grant.person}:{action.value}",
    )
    return await decide(services, request)


def _sign(services: Services, text: bytes) -> bytes:
    return hmac.new(mail_key(services.settings), _PURPOSE + text, hashlib.sha256).digest()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _not_valid() -> Refused:
    return Refused(
        "link_not_valid",
        "This link is not one of ours, or the person it was made for is not reached here any more.",
        status=410,
        remedy="Open the console and sign in; what waits for you is in the inbox.",
    )


def _too_late() -> Refused:
    return Refused(
        "link_expired",
        "This link has expired.",
        status=410,
        remedy="Open the console and sign in; if the decision is still open, it is in the inbox.",
    )
