"""Cells of a table, read strictly: what is not plainly a number, a date or a truth value is an error, never a guess."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Literal

ColumnType = Literal["string", "number", "int", "bool", "date", "datetime"]
Cell = str | int | float | bool | None

_INT = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_BOOLS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_LARGEST_EXACT = 2**53 - 1


class BadCell(ValueError):
    """A cell that is not of its column's type; the text is the remedy."""


def _int(text: str) -> int:
    if not _INT.fullmatch(text):
        raise BadCell("write whole numbers with digits only; declare codes with leading zeros as string")
    if len(text) > 17 or abs(int(text)) > _LARGEST_EXACT:  # noqa: PLR2004 - no more digits than 2**53 has, and a sign
        raise BadCell("numbers beyond 2^53 lose digits in JSON; declare the column as string")
    return int(text)


def _number(text: str) -> int | float:
    if not _NUMBER.fullmatch(text):
        raise BadCell("write numbers like 1234.5, without thousands separators, units or leading zeros")
    if _INT.fullmatch(text):
        return _int(text)
    value = float(text)
    if math.isinf(value):
        raise BadCell("the number is too large")
    return value


def _bool(text: str) -> bool:
    try:
        return _BOOLS[text.lower()]
    except KeyError:
        raise BadCell("write true or false (yes, no, 1 and 0 are understood)") from None


def _date(text: str) -> str:
    if not _DATE.fullmatch(text):
        raise BadCell("write dates as 2026-12-31")
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise BadCell("there is no such day") from None


def _datetime(text: str) -> str:
    if not _DATETIME.fullmatch(text):
        raise BadCell("write times as 2026-12-31T23:59:00Z")
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        raise BadCell("there is no such time") from None


_PARSERS: dict[ColumnType, Callable[[str], Cell]] = {
    "number": _number,
    "int": _int,
    "bool": _bool,
    "date": _date,
    "datetime": _datetime,
}


def parse(text: str, type: ColumnType) -> Cell:
    """Read one cell. An empty cell is ``None``, except in a column of strings; dates stay ISO 8601 texts."""
    if type == "string":
        return text
    stripped = text.strip()
    return _PARSERS[type](stripped) if stripped else None


_FORMULA_START = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - wide forms run too
_SIGNED_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def harmless(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run as a formula. Numbers are left alone."""
    if text.startswith(_FORMULA_START) and not _SIGNED_NUMBER.fullmatch(text):
        return f"'{text}"
    return text
