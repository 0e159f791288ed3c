"""Marks in a passage what answers a query: its best sentence, and the words both have in common. Text stays text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from rag.words import quote, terms

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the passage; joined they are the passage."""

    text: str
    quoted: bool
    matches: bool


def highlight(text: str, query: str) -> list[Part]:
    """The passage in pieces, in order."""
    asked = set(terms(query))
    best = quote(text, query)
    start = text.find(best) if best and asked & set(terms(best)) else -1
    cuts = [0, len(text)] if start < 0 else [0, start, start + len(best), len(text)]
    parts: list[Part] = []
    for at, until in pairwise(cuts):
        parts += _words(text[at:until], asked, quoted=start >= 0 and at == start and until == start + len(best))
    return parts


def _words(text: str, asked: set[str], *, quoted: bool) -> list[Part]:
    parts: list[Part] = []
    last = 0
    for match in _WORD.finditer(text):
        if asked & set(terms(match.group())):
            parts += [Part(text[last : match.start()], quoted, False), Part(match.group(), quoted, True)]
            last = match.end()
    parts.append(Part(text[last:], quoted, False))
    return [part for part in parts if part.text]
