"""Ids that sort by time (UUID version 7), so that indexes grow at one end and listings need no extra column."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_MS = 1000


def new_id(now: datetime) -> str:
    """Return a fresh UUIDv7 as text. Ids of one millisecond are in no particular order."""
    stamp = int(now.timestamp() * _MS) & ((1 << 48) - 1)
    random = secrets.randbits(74)
    return str(uuid.UUID(int=stamp << 80 | _VERSION | (random >> 62) << 64 | _VARIANT | random & ((1 << 62) - 1)))


def first_id(at: datetime) -> str:
    """The least id that could be made at ``at``: ids made then or later are not less."""
    stamp = int(at.timestamp() * _MS) & ((1 << 48) - 1)
    return str(uuid.UUID(int=stamp << 80))
