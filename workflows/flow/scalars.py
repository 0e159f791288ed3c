"""The YAML 1.2 core schema for plain scalars: what editors and every other YAML 1.2 reader see."""

from __future__ import annotations

import math
import re

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,300}", re.ASCII)
_OCTAL = re.compile(r"0o[0-7]{1,300}", re.ASCII)
_HEX = re.compile(r"0x[0-9a-fA-F]{1,300}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,300}|[0-9]{1,300}(?:\.[0-9]{0,300})?)(?:[eE][-+]?[0-9]{1,9})?", re.ASCII)
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII)
_LARGEST = 2**53 - 1


class NotJson(ValueError):
    """A number that JSON cannot hold: infinite, not a number, or too large."""


def resolve(text: str) -> str | int | float | bool | None:
    """Return the value of a plain scalar. ``on``, ``no``, ``12:30`` and ``2026-11-22`` are texts."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _SPECIAL.fullmatch(text):
        raise NotJson(f"`{text}` is not a number that can be stored")
    for pattern, base in ((_INT, 10), (_OCTAL, 8), (_HEX, 16)):
        if pattern.fullmatch(text):
            return _exact(int(text.removeprefix("0o").removeprefix("0x"), base), text)
    if _FLOAT.fullmatch(text):
        made = float(text)
        if not math.isfinite(made):
            raise NotJson(f"`{text[:40]}` is too large a number")
        return made
    return text


def _exact(value: int, text: str) -> int:
    if abs(value) > _LARGEST:
        raise NotJson(f"`{text[:40]}` is too large a number; put it in quotes if it is a name or a code")
    return value
