"""Personal data becomes reversible tokens before anything leaves, and comes back in what the model answers.

``ana@example.com`` leaves as ``«email-1»``. The vault numbers values by first appearance, so an equal
conversation gives equal tokens, and with them an equal request hash, on every retry.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

Json = Any

IBAN_REMAINDER = 1
MIN_IBAN, MAX_IBAN = 15, 34
MIN_PHONE_DIGITS = 7
MAX_PHONE_DIGITS = 15


def _luhn(text: str) -> bool:
    digits = [int(c) for c in text if c.isdigit()]
    doubled = [d if i % 2 == 0 else (d * 2 - 9 if d > 4 else d * 2) for i, d in enumerate(reversed(digits))]  # noqa: PLR2004
    return len(digits) >= 13 and sum(doubled) % 10 == 0  # noqa: PLR2004


def _iban(text: str) -> bool:
    plain = re.sub(r"\s", "", text).upper()
    return (
        MIN_IBAN <= len(plain) <= MAX_IBAN
        and int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == IBAN_REMAINDER
    )


def _phone(text: str) -> bool:
    return MIN_PHONE_DIGITS <= sum(c.isdigit() for c in text) <= MAX_PHONE_DIGITS


def _always(_: str) -> bool:
    return True


# The order decides which kind wins where two patterns match the same characters: the stricter first.
_KINDS: dict[str, tuple[re.Pattern[str], Callable[[str], bool]]] = {
    "email": (re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.)+[^\W\d_]{2,24}"), _always),
    "iban": (re.compile(r"\b[A-Za-z]{2}\d{2}(?:[ ]?[A-Za-z0-9]{4}){2,7}(?:[ ]?[A-Za-z0-9]{1,3})?\b"), _iban),
    "card": (re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.]*\d)"), _luhn),
    "ip": (re.compile(r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b"), _always),
    "ssn": (re.compile(r"\b(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}\b"), _always),
    "phone": (
        re.compile(r"(?<![\w.])(?:\+\d{1,3}[ .-]?|\(\d{1,4}\)[ .-]?|0)\d{1,4}(?:[ .-]?\d{2,4}){1,5}(?!\w)"),
        _phone,
    ),
    "url": (re.compile(r"\bhttps?://[^\s\"'<>»]+"), _always),
}
KINDS = frozenset(_KINDS)
_GAP = re.compile(r"[ .-]+")
_TOKEN = re.compile(r"«[a-z]+-\d+»")
# Cases and results are mostly JSON, at times JSON within JSON. The n of an escaped line break is no letter of the word
# that follows: read as one, it would hide the start of a number or be swallowed by a token.
_LETTER = re.compile(r"(\\+)u([0-9a-fA-F]{4})")
_ESCAPE = re.compile(r"(\\+(?:u[0-9a-fA-F]{4}|[bfnrt\"/])?)")


class UnknownKind(ValueError):
    """``redact`` names something that cannot be recognised. The message lists what can."""


class Vault:
    """The tokens of one agent loop. Not shared between loops: numbering must not depend on their timing."""

    def __init__(self, kinds: Iterable[str]) -> None:
        wanted = set(kinds)
        if unknown := sorted(wanted - KINDS):
            raise UnknownKind(f"cannot redact {', '.join(unknown)}; known kinds: {', '.join(sorted(KINDS))}")
        self._kinds = [(kind, *_KINDS[kind]) for kind in _KINDS if kind in wanted]
        self._token_of: dict[tuple[str, str], str] = {}
        self._value_of: dict[str, str] = {}
        self.counts: Counter[str] = Counter()

    def redact(self, value: Json) -> Json:
        """The value with every recognised piece replaced, in texts at any depth; letters that JSON escapes become letters."""
        if not self._kinds:
            return value
        if isinstance(value, str):
            return self._redact_text(value)
        return _mapped(value, self.redact)

    def restore(self, value: Json) -> Json:
        """The value with every token of this vault put back; unknown tokens stay as they are."""
        if isinstance(value, str):
            return _TOKEN.sub(lambda found: self._value_of.get(found[0], found[0]), value)
        return _mapped(value, self.restore)

    def _redact_text(self, text: str) -> str:
        text = _LETTER.sub(_written_out, text)
        # A token that arrives as data would otherwise be restored to somebody's real value.
        pieces = _split(text, [t for t in _TOKEN.findall(text) if t not in self._value_of])
        return "".join(
            self._token("text", piece) if foreign else self._between_escapes(piece) for piece, foreign in pieces
        )

    def _between_escapes(self, text: str) -> str:
        parts = _ESCAPE.split(text)
        return "".join(part if index % 2 else self._replace(part) for index, part in enumerate(parts))

    def _replace(self, text: str) -> str:
        for kind, pattern, valid in self._kinds:
            done, position = [], 0
            while found := pattern.search(text, position):
                end = found.start() + _valid_part(found[0], valid)
                hidden = end > found.start()
                done.append(text[position : found.start()])
                done.append(self._token(kind, text[found.start() : end]) if hidden else text[end : end + 1])
                position = end if hidden else end + 1
            text = "".join([*done, text[position:]])
        return text

    def _token(self, kind: str, value: str) -> str:
        known = self._token_of.get((kind, value))
        if known is None:
            self.counts[kind] += 1
            known = f"«{kind}-{self.counts[kind]}»"
            self._token_of[(kind, value)] = known
            self._value_of[known] = value
        return known


def _valid_part(text: str, valid: Callable[[str], bool]) -> int:
    """How much of a match is the value: numbers and short words may follow it that look like one more group."""
    ends = [len(text), *(gap.start() for gap in reversed([*_GAP.finditer(text)]))]
    return next((end for end in ends if valid(text[:end])), 0)


def _written_out(escape: re.Match[str]) -> str:
    """The letter that JSON wrote as four digits: half an address is not recognised, nor is a token in disguise."""
    character = chr(int(escape[2], 16))
    if not (character.isalnum() or character in "«»"):
        return escape[0]
    # JSON within JSON doubles backslashes, so those of the escape are a power of two; the others stand for themselves.
    slashes = len(escape[1])
    return escape[1][: slashes - (slashes & -slashes)] + character


def _mapped(value: Json, change: Callable[[Json], Json]) -> Json:
    if isinstance(value, dict):
        return {key: change(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [change(item) for item in value]
    return value


def _split(text: str, foreign: list[str]) -> list[tuple[str, bool]]:
    if not foreign:
        return [(text, False)]
    parts = re.split("(" + "|".join(map(re.escape, sorted(set(foreign)))) + ")", text)
    return [(part, index % 2 == 1) for index, part in enumerate(parts) if part]
