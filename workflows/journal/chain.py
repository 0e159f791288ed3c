"""The chain: what a record's hash covers. ``event_hash = SHA-256(0x00 || JCS(envelope) || previous hash)``.

The envelope is every column but the two hashes and ``tree_index``. Content enters it as a salted commitment
(HMAC-SHA-256), so content can be erased while the chain still verifies, and erased content cannot be guessed back.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from json.encoder import encode_basestring
from typing import Any

GENESIS = "0" * 64
SCHEMA_V = 1
SALT_BYTES = 32

ENVELOPE = (
    "action_digest", "actor_id", "actor_kind", "attempt", "content_commitment", "event_id", "execution_id", "flow_id",
    "kind", "meta", "namespace", "occurred_at", "op_key", "outcome", "path", "revision_sha256", "schema_v", "seq",
    "stream", "via",
)  # fmt: skip
"""The envelope's columns in JCS order (they are ASCII, so code point order)."""

_TEMPLATE = "{" + ",".join(f'"{name}":%s' for name in ENVELOPE) + "}"
_META = ENVELOPE.index("meta")
_quote: Callable[[str], str] = encode_basestring


def envelope_bytes(values: Sequence[Any]) -> bytes:
    """The JCS bytes of an envelope, its values in the order of ``ENVELOPE``; ``meta`` is canonical text already.

    Values are text, integers or None, for which quoting as below *is* JCS; a test compares with an RFC 8785 library.
    """
    parts = ["null" if v is None else _quote(v) if isinstance(v, str) else str(v) for v in values]
    parts[_META] = values[_META]
    return (_TEMPLATE % tuple(parts)).encode()


def event_hash(values: Sequence[Any], prev_hash: str) -> str:
    """The record's hash as hex."""
    return hashlib.sha256(b"\x00" + envelope_bytes(values) + bytes.fromhex(prev_hash)).hexdigest()


def commitment(salt: bytes, content: bytes) -> str:
    """The salted commitment to a content as hex."""
    return hmac.digest(salt, content, "sha256").hex()
