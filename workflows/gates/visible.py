"""Makes text honest to look at: what cannot be seen is spelled out, so that what is shown is what is there.

Bidirectional controls, zero-width characters, tag characters and other controls can hide words, reverse them or make
two different texts look alike. Every channel shows text through ``visible``; what is hashed and sent stays as it was.
"""

from __future__ import annotations

import re
import unicodedata

_KEPT = "\n\t"
_JOINER = "\u200d"
_SUSPECT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\ud800-\udfff]"
)


def visible(text: str) -> str:
    """The text with every invisible character written as ``⟨U+202E⟩``; a joiner inside an emoji is left alone."""
    if text.isascii() and text.isprintable():
        return text
    return _SUSPECT.sub(_spelled, text)


def hides(text: str) -> bool:
    """Whether the text holds a character that a reader would not see."""
    return visible(text) != text


def _spelled(match: re.Match[str]) -> str:
    character = match.group()
    if character in _KEPT or (character == _JOINER and _within_emoji(match)):
        return character
    return f"⟨U+{ord(character):04X}⟩"


def _within_emoji(match: re.Match[str]) -> bool:
    text, at = match.string, match.start()
    before = text[at - 1] if at else ""
    after = text[at + 1] if at + 1 < len(text) else ""
    if before == "\ufe0f":
        before = text[at - 2] if at > 1 else ""
    return _is_symbol(before) and _is_symbol(after)


def _is_symbol(character: str) -> bool:
    return bool(character) and unicodedata.category(character) in ("So", "Sk")
