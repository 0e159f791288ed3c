"""Whether a request is Slack's: HMAC over the raw bytes, first of all, whatever its headers hold.

Slack's own verifier raises for a time that is no number and a signature that is not ASCII; this one only says no.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable

TOLERANCE_S = 300
_STAMP = re.compile(rb"[0-9]{1,12}")
_SIGNATURE = re.compile(rb"v0=[0-9a-f]{64}")


def authentic(headers: Iterable[tuple[bytes, bytes]], body: bytes, secret: str, now: float) -> bool:
    """``headers`` as ASGI gives them. A header that comes twice proves nothing. ``now`` is seconds since 1970."""
    found = {name: [] for name in (b"x-slack-request-timestamp", b"x-slack-signature")}  # type: dict[bytes, list[bytes]]
    for name, value in headers:
        if name.lower() in found:
            found[name.lower()].append(value)
    stamps, signatures = found.values()
    if len(stamps) != 1 or len(signatures) != 1:
        return False
    (stamp,), (signature,) = stamps, signatures
    if not _STAMP.fullmatch(stamp) or not _SIGNATURE.fullmatch(signature):
        return False
    if abs(now - int(stamp)) > TOLERANCE_S:
        return False
    expected = hmac.new(secret.encode(), b"v0:" + stamp + b":" + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(b"v0=" + expected.encode(), signature)
