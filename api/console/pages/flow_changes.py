"""What a revision changed, in words that name places: ``triage/review approve.expire.after: 3d → 2d``. Pure.

It compares the normalised flows, so comments, layout and the order of keys do not count.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Json = Any
MAX_SHOWN = 40
MAX_TEXT = 120
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One place. ``old`` and ``new`` are short texts; an added or removed part shows only its name."""

    kind: Literal["added", "removed", "changed", "moved"]
    place: str
    old: str = ""
    new: str = ""

    def __str__(self) -> str:
        if self.kind == "changed":
            return f"{self.place}: {self.old} → {self.new}"
        return f"{self.place} {self.kind}"


def changes(old: Mapping[str, Json] | None, new: Mapping[str, Json]) -> list[Change]:
    """What differs, in the order of the flow; nothing for a first revision."""
    return [] if old is None else list(_mapping("", old, new))


def summary(found: Sequence[Change], most: int = 3) -> str:
    """The first few in one sentence; empty for none."""
    if not found:
        return ""
    rest = len(found) - most
    return "; ".join(str(one) for one in found[:most]) + (f"; and {rest} more" if rest > 0 else "")


def _mapping(place: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Change]:
    for key in [*new, *(key for key in old if key not in new)]:
        yield from _value(_below(place, key), old.get(key, _MISSING), new.get(key, _MISSING))


def _value(place: str, old: Json, new: Json) -> Iterator[Change]:
    if old is not _MISSING and new is not _MISSING and old == new and type(old) is type(new):
        return
    if _empty(old) and _empty(new):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _mapping(place, old, new)
    elif _named(old) and _named(new):
        yield from _list(place, old, new)
    elif _empty(old) and _named(new):
        yield from _list(place, [], new)
    elif _empty(new) and _named(old):
        yield from _list(place, old, [])
    elif old is _MISSING:
        yield Change("added", place)
    elif new is _MISSING:
        yield Change("removed", place)
    else:
        yield Change("changed", place, _short(old), _short(new))


def _list(place: str, old: Sequence[Json], new: Sequence[Json]) -> Iterator[Change]:
    before = {one["id"]: one for one in old}
    after = {one["id"]: one for one in new}
    for name, value in after.items():
        where = _below(place, name)
        if name in before:
            yield from _mapping(where, before[name], value)
        else:
            yield Change("added", where)
    yield from (Change("removed", _below(place, name)) for name in before if name not in after)
    kept_before = [name for name in before if name in after]
    kept_after = [name for name in after if name in before]
    if kept_before != kept_after:
        yield Change("moved", place)


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else str(name)


def _named(value: Json) -> bool:
    return bool(value) and isinstance(value, list) and all(isinstance(one, Mapping) and "id" in one for one in value)


def _empty(value: Json) -> bool:
    return value is _MISSING or value is None or value in ([], {})


def _short(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
