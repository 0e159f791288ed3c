"""What changed between two revisions: field by field, argument by argument, and word by word in texts. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from api.console.formats import plain

Json = Any
MAX_WORDS = 1500
MIXABLE = 0.4
"""Texts that are less alike read better one after the other than mixed word by word."""
EMPTY = "(empty)"
_PIECE = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text that both have (``same``), that only the new one has (``ins``), or only the old one (``del``)."""

    kind: Literal["same", "ins", "del"]
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """A value before and after. ``spans`` is the way from one to the other; empty when nothing changed."""

    name: str
    before: Json
    after: Json
    spans: tuple[Span, ...]

    @property
    def changed(self) -> bool:
        return bool(self.spans)


def changes(before: Mapping[str, Json], after: Mapping[str, Json]) -> tuple[Change, ...]:
    """Every field of either side, in the order of the new one; fields that are gone come last."""
    names = [*after, *(name for name in before if name not in after)]
    return tuple(_change(name, before, after) for name in names)


def _change(name: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> Change:
    before, after = old.get(name), new.get(name)
    if (name in old) is not (name in new):
        return Change(name, before, after, _whole(_there(old, name), _there(new, name)))
    if before == after and isinstance(before, bool) is isinstance(after, bool):
        return Change(name, before, after, ())
    if _text(before) == _text(after):  # alike in words only: true and "yes", null and ""
        return Change(name, before, after, _whole(json.dumps(before), json.dumps(after)))
    return Change(name, before, after, words(_text(before), _text(after)))


def _there(values: Mapping[str, Json], name: str) -> str:
    """A field that is there may be empty; one that is not there is nothing."""
    return (_text(values[name]) or EMPTY) if name in values else ""


def _text(value: Json) -> str:
    return "" if value is None else plain(value)


def words(before: str, after: str) -> tuple[Span, ...]:
    """The differences word by word. Very long or wholly different texts are shown one after the other."""
    old, new = _PIECE.findall(before), _PIECE.findall(after)
    if max(len(old), len(new)) > MAX_WORDS:
        return _whole(before, after)
    if _likeness(old, new) < MIXABLE:
        return _whole(before, after)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return tuple(_spans(matcher, old, new))


def _likeness(old: Sequence[str], new: Sequence[str]) -> float:
    """How much of both texts is common, 0..1, by words alone: spaces and commas are everywhere."""
    left, right = ([piece for piece in pieces if piece.isalnum()] for pieces in (old, new))
    if not left and not right:
        return 1.0
    return SequenceMatcher(None, left, right, autojunk=False).ratio()


def _spans(matcher: SequenceMatcher[str], old: Sequence[str], new: Sequence[str]) -> list[Span]:
    found: list[Span] = []
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            found.append(Span("same", "".join(old[a:b])))
            continue
        if b > a:
            found.append(Span("del", "".join(old[a:b])))
        if d > c:
            found.append(Span("ins", "".join(new[c:d])))
    return found


def _whole(before: str, after: str) -> tuple[Span, ...]:
    spans = (Span("del", before), Span("ins", after))
    return tuple(span for span in spans if span.text) or (Span("ins", after),)
