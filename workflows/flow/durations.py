"""Durations as people write them: ``500ms 30s 5m 4h 3d 1w``, combined (``1h30m``), or ISO 8601 (``PT4H``)."""

from __future__ import annotations

import re

_UNITS_MS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_SHORT = re.compile(r"(?:\d{1,9}(?:ms|[wdhms])){1,6}", re.ASCII)
_SHORT_PART = re.compile(r"(\d+)(ms|[wdhms])", re.ASCII)
_ISO = re.compile(
    r"P(?=.)(?:(\d{1,9})W)?(?:(\d{1,9})D)?(?:T(?=.)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:\.(\d{1,3}))?S)?)?",
    re.ASCII,
)
MAX_MS = 10 * 366 * _UNITS_MS["d"]


class NotADuration(ValueError):
    """The text is not a duration, or longer than ten years."""


def parse_duration(text: str) -> int:
    """Return milliseconds. Raises ``NotADuration`` with words for the author."""
    total = _short(text) if _SHORT.fullmatch(text) else _iso(text)
    if total is None:
        raise NotADuration(f"`{text[:40]}` is not a duration: write for example 30s, 5m, 4h, 3d or 1w")
    if total > MAX_MS:
        raise NotADuration(f"`{text[:40]}` is longer than ten years")
    return total


def _short(text: str) -> int | None:
    parts = _SHORT_PART.findall(text)
    units = [unit for _, unit in parts]
    if len(set(units)) != len(units) or units != sorted(units, key=list(_UNITS_MS).index):
        return None
    return sum(int(amount) * _UNITS_MS[unit] for amount, unit in parts)


def _iso(text: str) -> int | None:
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    weeks, days, hours, minutes, seconds, fraction = (part or "0" for part in found.groups())
    amounts = zip("wdhms", (weeks, days, hours, minutes, seconds), strict=True)
    return sum(_UNITS_MS[unit] * int(amount) for unit, amount in amounts) + int(fraction.ljust(3, "0"))


def format_duration(milliseconds: int) -> str:
    """Write milliseconds in the short form, largest unit first: ``5400000`` is ``1h30m``."""
    if milliseconds < 0:
        raise NotADuration("a duration is not negative")
    made, left = "", milliseconds
    for unit, size in _UNITS_MS.items():
        amount, left = divmod(left, size)
        made += f"{amount}{unit}" if amount else ""
    return made or "0s"
