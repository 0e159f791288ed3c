"""How values are written for people: times, amounts, durations, sizes. Pure; the one place for each format."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

Json = Any
NOTHING = "—"
_NOW, _MINUTE, _HOUR, _DAY = 10, 60, 3600, 86400
_LONG_AGO = 30 * _DAY
_KIB = 1024
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "CHF": "CHF"}
_MONEY = re.compile(r"money(?:\s+([A-Z]{3}))?")


def moment(value: datetime | str | None) -> datetime | None:
    """An aware instant from what the store or the journal holds; None if there is none."""
    if value is None or value == "":
        return None
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def clock(value: datetime | str | None) -> str:
    """``2026-11-22 14:05 UTC``."""
    at = moment(value)
    return NOTHING if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def ago(value: datetime | str | None, now: datetime) -> str:
    """``just now``, ``4 min ago``, ``in 2 h``, ``3 days ago``; beyond a month the date."""
    at = moment(value)
    if at is None:
        return NOTHING
    seconds = (now - at).total_seconds()
    if abs(seconds) > _LONG_AGO:
        return f"{at:%Y-%m-%d}"
    if abs(seconds) < _NOW:
        return "just now"
    words = _span(abs(seconds))
    return f"{words} ago" if seconds > 0 else f"in {words}"


def duration(value: timedelta | float | None) -> str:
    """``80 ms``, ``4.2 s``, ``3 min 20 s``, ``2 h 5 min``, ``3 d 4 h``; a number is seconds."""
    if value is None:
        return NOTHING
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))} ms"
    if seconds < _NOW:
        return f"{seconds:.1f} s"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    for size, name, smaller, small_name in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if seconds >= size:
            whole, rest = divmod(int(seconds), size)
            return f"{whole} {name} {rest // smaller} {small_name}" if rest >= smaller else f"{whole} {name}"
    return NOTHING


def _span(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    if seconds < _DAY:
        return f"{seconds / _HOUR:.0f} h"
    days = round(seconds / _DAY)
    return f"{days} day{'s' if days != 1 else ''}"


def number(value: Json) -> str:
    """Thousands apart by a thin space, as written otherwise."""
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    if not exact.is_finite():
        return str(value)
    return f"{exact:,f}".replace(",", "\u202f")


def money(value: Json, currency: str | None) -> str:
    """``€ 1 240.00``: two decimals, more only if the amount has them; what is no number stays as it is."""
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    if isinstance(value, bool) or not exact.is_finite():
        return str(value)
    exponent = exact.as_tuple().exponent
    digits = max(2, -exponent) if isinstance(exponent, int) else 2
    amount = f"{exact:,.{digits}f}".replace(",", "\u202f")
    return f"{_SYMBOLS.get(currency, currency)}\u00a0{amount}" if currency else amount


def percent(value: Json) -> str:
    """``0.873`` as ``87 %``; what is no number stays as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value * 100:.0f}\u00a0%"


def shown(value: Json, form: str = "text") -> str:
    """A shown field of a view document in its ``format``; the format never hides a value."""
    if value is None or value == "":
        return NOTHING
    if (match := _MONEY.fullmatch(form)) is not None:
        return money(value, match.group(1))
    if form == "percent":
        return percent(value)
    if form == "number":
        return number(value)
    if form in ("date", "datetime") and isinstance(value, str):
        return _date(value, form)
    return plain(value)


def _date(value: str, form: str) -> str:
    try:
        at = moment(value)
    except ValueError:
        return value
    return value if at is None else (f"{at:%Y-%m-%d}" if form == "date" else clock(at))


def plain(value: Json) -> str:
    """A value as text: strings as they are, yes and no for booleans, everything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return NOTHING
    if isinstance(value, int | float | Decimal):
        return str(value)
    return pretty(value)


def pretty(value: Json) -> str:
    """JSON over several lines, keys in their order, characters as they are."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def size(octets: int) -> str:
    """``512 B``, ``4.2 KB``, ``3.1 MB``."""
    if octets < _KIB:
        return f"{octets} B"
    return f"{octets / _KIB:.1f} KB" if octets < _KIB**2 else f"{octets / _KIB**2:.1f} MB"


def short(identifier: str, length: int = 8) -> str:
    """The end of an id, which differs most between ids made at one time."""
    return identifier if len(identifier) <= length else identifier[-length:]


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 gate``, ``2 gates``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}".replace(",", "\u202f")


def title_case(code: str) -> str:
    """``changes_requested`` as ``Changes requested``."""
    words = code.replace("_", " ").replace("-", " ")
    return words[:1].upper() + words[1:]
