"""The nearest known name for a misspelt one, as words for a hint."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 64


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean `x`?``, or the empty text when nothing is close."""
    found = nearest_name(name, known)
    return f"did you mean `{found}`?" if found else ""


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to ``name``, if any is close."""
    found = get_close_matches(name[:_LONGEST], sorted(known), n=1, cutoff=0.6)
    return found[0] if found else None
