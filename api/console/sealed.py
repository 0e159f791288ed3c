"""Short-lived secrets that a browser carries for us, so that any replica can go on: encrypted, authentic, expiring."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


class Sealer:
    """``purpose`` separates keys: what was sealed for one purpose opens for no other."""

    def __init__(self, key: bytes, purpose: str) -> None:
        self._cipher = AESGCM(hmac.new(key, f"sealed:{purpose}".encode(), hashlib.sha256).digest())

    def seal(self, data: dict[str, Any], *, now: datetime, life: timedelta) -> str:
        """``data`` (JSON) as text that fits into a cookie."""
        plain = json.dumps([(now + life).timestamp(), data]).encode()
        nonce = os.urandom(_NONCE)
        return base64.urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, plain, None)).decode()

    def open(self, text: str, *, now: datetime) -> dict[str, Any] | None:
        """What was sealed; None when it expired or is not ours."""
        try:
            raw = base64.urlsafe_b64decode(text)
            until, data = json.loads(self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], None))
        except (binascii.Error, ValueError, InvalidTag):
            return None
        return data if now.timestamp() < until else None
