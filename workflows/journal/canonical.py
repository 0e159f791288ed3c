"""Canonical bytes: equal values give equal bytes, so that a hash means something.

Envelopes and their ``meta`` are RFC 8785 (JCS): no NaN, integers within 2^53. Contents are sorted compact JSON of any
integer size, since customers' order numbers are what they are; what is committed to is exactly the bytes kept.
"""

from __future__ import annotations

import json
from typing import Any

import rfc8785


class NotCanonical(Exception):
    """The value has no canonical form (NaN, an integer that JSON readers would round, a non-text key)."""


def jcs(value: Any) -> bytes:
    """RFC 8785 bytes. Raises ``NotCanonical``."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise NotCanonical(str(error)) from error


def content_bytes(value: Any) -> bytes:
    """Sorted compact JSON; unpaired surrogates (models do send them) survive. Raises ``NotCanonical``."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise NotCanonical(str(error)) from error
    return text.encode("utf-8", "surrogatepass")


def content_value(data: bytes) -> Any:
    """The value whose ``content_bytes`` these are."""
    return json.loads(data.decode("utf-8", "surrogatepass"))
