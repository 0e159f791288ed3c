"""JSON as RFC 8259 and I-JSON mean it: no duplicate keys, no NaN, bounded depth, numbers and texts every store takes."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 64
MAX_INT = 2**53
_SURROGATES = range(0xD800, 0xE000)


class NotJson(ValueError):
    """The text is not acceptable JSON; the message says why."""


def parse(raw: bytes) -> Any:
    """Return the value. Raises ``NotJson``."""
    try:
        text = raw.decode()
        value = json.loads(
            text, object_pairs_hook=_mapping, parse_constant=_constant, parse_float=_float, parse_int=_int
        )
    except UnicodeDecodeError as error:
        raise NotJson("the body is not UTF-8") from error
    except RecursionError as error:
        raise NotJson(f"it is nested deeper than {MAX_DEPTH} levels") from error
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg} at line {error.lineno}, column {error.colno}") from error
    _check(value, escapes="\\u" in text)
    return value


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotJson(f"the key {twice!r} stands twice in one object")
    return made


def _constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotJson(f"the number {text[:32]} is too large")
    return value


def _int(text: str) -> int:
    if len(text) > len(str(MAX_INT)) + 1 or abs(value := int(text)) > MAX_INT:
        raise NotJson(f"the number {text[:32]} is beyond 2**53; send it as text")
    return value


def _check(value: Any, *, escapes: bool) -> None:
    """Bound the depth; with ``escapes``, refuse characters that no store takes (NUL, half a surrogate pair)."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                below.extend(part.values())
                texts = list(part)
            else:
                below.extend(part if isinstance(part, list) else ())
                texts = [part] if isinstance(part, str) else []
            if escapes and any(_unstorable(text) for text in texts):
                raise NotJson("a text contains NUL or half a surrogate pair")
        if not below:
            return
        level = below
    raise NotJson(f"it is nested deeper than {MAX_DEPTH} levels")


def _unstorable(text: str) -> bool:
    return any(char == "\0" or ord(char) in _SURROGATES for char in text)
