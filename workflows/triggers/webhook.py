"""Whether a message from outside is authentic, and what it says. Pure: secrets, headers, bytes and time come in.

``standard``: Standard Webhooks (id, time and body signed with HMAC-SHA256, ``v1`` only). ``hmac``: HMAC-SHA256 of the body
in hex in a header of choice. ``bearer``: the secret itself. ``none``: only where the flow says so in so many words.
Two secrets may be active, so that they can be changed without losing a message.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

TOLERANCE = timedelta(minutes=5)
HMAC_HEADER = "x-signature-256"
MAX_ID = 200
MAX_SIGNATURES = 10
MAX_STAMP_DIGITS = 12
_PREFIX = "whsec_"
_WITHHELD = frozenset(
    {"authorization", "cookie", "proxy-authorization", "webhook-signature", "x-visto-signature", HMAC_HEADER}
)

Json = Any


class NotAuthentic(Exception):
    """The message does not prove where it comes from. The words say what is missing, never what would fit."""


@dataclass(frozen=True, slots=True)
class Message:
    """What arrived: headers with names in lower case, the raw body, and the address's query."""

    headers: Mapping[str, str]
    body: bytes
    query: str = ""


def authenticate(auth: Mapping[str, Json], secrets: Sequence[str], message: Message, now: datetime) -> str | None:
    """Return the message's own id, or None where it has none. Raises ``NotAuthentic``."""
    match auth.get("type"):
        case "standard":
            return _standard(secrets, message, now)
        case "hmac":
            return _hmac(secrets, message, str(auth.get("header") or HMAC_HEADER).lower())
        case "bearer":
            return _bearer(secrets, message)
        case "none":
            return _own_id(message)
    raise NotAuthentic("this webhook has no way to authenticate")


def _standard(secrets: Sequence[str], message: Message, now: datetime) -> str:
    message_id = message.headers.get("webhook-id", "")
    stamp = message.headers.get("webhook-timestamp", "")
    if not message_id or len(message_id) > MAX_ID or not message_id.isascii() or not message_id.isprintable():
        raise NotAuthentic("the header webhook-id is missing or malformed")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= MAX_STAMP_DIGITS):
        raise NotAuthentic("the header webhook-timestamp is missing or malformed")
    if abs(int(stamp) - now.timestamp()) > TOLERANCE.total_seconds():
        raise NotAuthentic("the message is older or newer than five minutes")
    signed = b".".join((message_id.encode(), stamp.encode(), message.body))
    given = [part.partition(",") for part in message.headers.get("webhook-signature", "").split(" ")[:MAX_SIGNATURES]]
    signatures = [_base64(text) for version, _, text in given if version == "v1"]
    expected = [hmac.new(_key(secret), signed, hashlib.sha256).digest() for secret in secrets]
    if not _any_equal(signatures, expected):
        raise NotAuthentic("no signature fits")
    return message_id


def _hmac(secrets: Sequence[str], message: Message, header: str) -> str:
    given = message.headers.get(header, "").removeprefix("sha256=").lower()
    expected = [hmac.new(secret.encode(), message.body, hashlib.sha256).hexdigest().encode() for secret in secrets]
    if not _any_equal([given.encode("utf-8", "replace")], expected):
        raise NotAuthentic(f"the header {header} does not hold a signature that fits")
    return f"sha256:{hashlib.sha256(message.body).hexdigest()}"


def _bearer(secrets: Sequence[str], message: Message) -> str | None:
    scheme, _, token = message.headers.get("authorization", "").partition(" ")
    given = token.strip().encode("utf-8", "replace")
    if scheme.lower() != "bearer" or not _any_equal([given], [secret.encode() for secret in secrets]):
        raise NotAuthentic("the header Authorization does not hold the secret as a bearer token")
    return _own_id(message)


def _own_id(message: Message) -> str | None:
    given = message.headers.get("webhook-id") or message.headers.get("idempotency-key")
    if given is None:
        return None
    if not given or len(given) > MAX_ID or not given.isascii() or not given.isprintable():
        raise NotAuthentic("the message's id is malformed")
    return given


def _any_equal(given: Sequence[bytes], expected: Sequence[bytes]) -> bool:
    """Compare all with all, so that the time says nothing about which one was close."""
    found = False
    for one in given:
        for other in expected:
            found |= bool(one) and hmac.compare_digest(one, other)
    return found


def _key(secret: str) -> bytes:
    """A Standard Webhooks secret is ``whsec_`` and base64; any other text is its own bytes."""
    if secret.startswith(_PREFIX):
        decoded = _base64(secret.removeprefix(_PREFIX))
        if decoded:
            return decoded
    return secret.encode()


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii", "replace"), validate=True)
    except binascii.Error:
        return b""


def event(message: Message, body: Json, *, trigger_id: str, message_id: str | None) -> dict[str, Json]:
    """What expressions see as ``trigger``. Headers that authenticate are withheld."""
    return {
        "id": trigger_id,
        "type": "webhook",
        "message_id": message_id,
        "body": body,
        "query": dict(parse_qsl(message.query, keep_blank_values=True, max_num_fields=100)),
        "headers": {name: value for name, value in message.headers.items() if name not in _WITHHELD},
    }
