"""Requests and answers as plain JSON: canonical text, hashes, and values every database accepts."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

Json = Any


def canonical(value: Json) -> str:
    """Sorted keys, no spaces, no NaN. Raises ``ValueError`` for what is not JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Json) -> str:
    """SHA-256 of the canonical text, hexadecimal."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()


def storable(value: Json) -> Json:
    """The value with what no store takes made visible: NaN and infinities as text, NUL and lone surrogates as U+FFFD."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {str(storable(key)): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value
