"""Checks the five parts of a cron expression: minute, hour, day of month, month, weekday."""

from __future__ import annotations

import re

_PARTS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_NAMES = {
    "month": {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)},  # noqa: SIM905
    "weekday": {name: number for number, name in enumerate("sun mon tue wed thu fri sat".split())},  # noqa: SIM905
}
_TERM = re.compile(r"(\*|[0-9a-z]{1,3})(?:-([0-9a-z]{1,3}))?(?:/([0-9]{1,3}))?", re.ASCII)


class BadCron(ValueError):
    """A cron expression that names no moments; the message says which part."""


def check_cron(text: str) -> None:
    """Raise ``BadCron`` unless ``text`` is a valid cron expression of five parts."""
    parts = text.lower().split()
    if len(parts) != len(_PARTS):
        raise BadCron(f"`{text[:60]}` has {len(parts)} parts, not five")
    for part, (name, low, high) in zip(parts, _PARTS, strict=True):
        for term in part.split(","):
            _check_term(term, name, low, high)


def _check_term(term: str, name: str, low: int, high: int) -> None:
    found = _TERM.fullmatch(term)
    if found is None:
        raise BadCron(f"`{term[:20]}` is not a {name}")
    first, last, step = found.groups()
    if step is not None and int(step) == 0:
        raise BadCron(f"the step of `{term[:20]}` cannot be 0")
    if first == "*":
        if last is not None:
            raise BadCron(f"`{term[:20]}` is not a {name}")
        return
    numbers = [_number(one, name, low, high) for one in (first, last) if one is not None]
    if numbers != sorted(numbers):
        raise BadCron(f"`{term[:20]}` runs backwards")


def _number(text: str, name: str, low: int, high: int) -> int:
    number = _NAMES.get(name, {}).get(text)
    if number is None:
        number = int(text) if text.isdecimal() else -1
    if not low <= number <= high:
        raise BadCron(f"`{text}` is not a {name}: {low} to {high}")
    return number
