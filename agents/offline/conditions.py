"""Conditions in a policy's sentences, compared with the facts of a case: amounts, codes, domains, yes and no."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agents.offline.case import SHORT, as_number
from agents.offline.text import STOP_WORDS, stems, words

Json = Any
_CURRENCY = r"(?:EUR|USD|GBP|€|\$|£|euros?|dollars?|pounds?)"
_NUMBER = rf"(?P<cur1>{_CURRENCY})?\s?(?P<num>\d[\d,.]*\d|\d)(?P<mul>\s?[kK](?!\w))?\s?(?P<cur2>{_CURRENCY}|%)?"
_BETWEEN = re.compile(
    rf"\b(?:between|from)\s+{_CURRENCY}?\s?(\d[\d,.]*)\s?{_CURRENCY}?\s+(?:and|to)\s+{_NUMBER}", re.IGNORECASE
)
_BEFORE = re.compile(
    r"(?P<op>not exceeding|no more than|not more than|at most|up to|maximum of|<=|≤"
    r"|at least|no less than|minimum of|starting at|from|>=|≥"
    r"|over|above|more than|greater than|exceeds?|exceeding|larger than|higher than|beyond|>"
    rf"|under|below|less than|smaller than|lower than|fewer than|<)\s+(?:of\s+)?{_NUMBER}",
    re.IGNORECASE,
)
_AFTER = re.compile(rf"{_NUMBER}\s+(?:or|and)\s+(?P<op>more|above|over|higher|less|below|under|lower)\b", re.IGNORECASE)
_AT_MOST = {"not exceeding", "no more than", "not more than", "at most", "up to", "maximum of", "<=", "≤"}
_AT_LEAST = {"at least", "no less than", "minimum of", "starting at", "from", ">=", "≥"}
_BELOW = {"under", "below", "less than", "smaller than", "lower than", "fewer than", "<"}
_MONEY_NAMES = frozenset(["amount", "total", "value", "price", "sum", "cost", "spend", "payment", "subtotal", "charge"])
_MONEY_WORDS = frozenset({*_MONEY_NAMES, "order", "orders", "purchase", "purchases", "transaction", "worth"})
_PLACES = ("country", "nation", "region", "state", "destination")
_CODE = re.compile(r"\b[A-Z]{2}\b")
_NOT_CODES = frozenset(
    ["OK", "ID", "NO", "OR", "IF", "IS", "AN", "AT", "BY", "IN", "OF", "ON", "TO", "VS", "AI", "PO", "EU"]
)
_DOMAIN = re.compile(r"\b(?:[a-z0-9-]+\.)+[a-z]{2,}\b", re.IGNORECASE)
_NEGATED = re.compile(r"\b(?:not|no|never|without|isn't|aren't|un\w+)\W+(?:\w+\W+){0,2}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether a condition holds, and where it stands in the sentence."""

    holds: bool
    start: int
    end: int


def conditions(sentence: str, facts: Mapping[str, Json]) -> list[Condition]:
    """The conditions of a sentence that speak of facts this case has, in order of appearance."""
    found = [*_numeric(sentence, facts), *_codes(sentence, facts), *_domains(sentence, facts), *_named(sentence, facts)]
    return sorted(found, key=lambda condition: condition.start)


def _numeric(sentence: str, facts: Mapping[str, Json]) -> Iterator[Condition]:
    numbers = {name: n for name, value in facts.items() if (n := as_number(value)) is not None and not _is_id(name)}
    taken: list[tuple[int, int]] = []
    for found, low, high, strict in _bounds(sentence):
        if any(start < found.end() and found.start() < end for start, end in taken):
            continue
        taken.append(found.span())
        money = bool(found.groupdict().get("cur1") or (found.groupdict().get("cur2") or "%") != "%")
        name = _which(sentence, found, numbers, money=money)
        if name is not None:
            value = numbers[name]
            inside = low < value < high if strict else low <= value <= high
            yield Condition(inside, found.start(), found.end())


def _bounds(sentence: str) -> Iterator[tuple[re.Match[str], float, float, bool]]:
    infinite = float("inf")
    for found in _BETWEEN.finditer(sentence):
        low = as_number(found[1])
        high = _value(found)
        if low is not None and high is not None:
            yield found, low, high, False
    for pattern in (_AFTER, _BEFORE):
        for found in pattern.finditer(sentence):
            limit, op = _value(found), found["op"].lower()
            if limit is None:
                continue
            if pattern is _AFTER:
                yield (
                    (found, -infinite, limit, False)
                    if op in {"less", "below", "under", "lower"}
                    else (found, limit, infinite, False)
                )
            elif op in _AT_MOST:
                yield found, -infinite, limit, False
            elif op in _AT_LEAST:
                yield found, limit, infinite, False
            elif op in _BELOW:
                yield found, -infinite, limit, True
            else:
                yield found, limit, infinite, True


def _value(found: re.Match[str]) -> float | None:
    number = as_number(found["num"])
    return None if number is None else number * (1000 if found["mul"] else 1)


def _which(sentence: str, found: re.Match[str], numbers: Mapping[str, float], *, money: bool) -> str | None:
    """The numeric fact a comparison speaks of: named nearest before it, else the money, else the only one."""
    before = stems(sentence[: found.start()])
    after = stems(sentence[found.start() :])
    ranked: list[tuple[int, str]] = []
    for name in numbers:
        roots = stems(_last(name))
        spots = [len(before) - i for root in roots for i, word in enumerate(before) if word == root]
        spots += [i + 1 for root in roots for i, word in enumerate(after[:4]) if word == root]
        if spots:
            ranked.append((min(spots), name))
    if ranked:
        return min(ranked)[1]
    # "more than 3 chargebacks" counts something that this case does not tell.
    next_word = next(iter(words(sentence[found.end() :])), "")
    if next_word and not money and next_word not in STOP_WORDS | _MONEY_WORDS:
        return None
    monetary = [name for name in numbers if _MONEY_NAMES & set(words(_last(name)))]
    if len(monetary) == 1 and (money or len(numbers) == 1 or _MONEY_WORDS & set(words(sentence))):
        return monetary[0]
    return next(iter(numbers)) if len(numbers) == 1 else None


def _codes(sentence: str, facts: Mapping[str, Json]) -> Iterator[Condition]:
    listed = [found for found in _CODE.finditer(sentence) if found[0] not in _NOT_CODES]
    for name, value in facts.items():
        if not listed or not isinstance(value, str) or not _CODE.fullmatch(value):
            continue
        if any(place in name.lower() for place in _PLACES):
            holds = any(found[0] == value for found in listed)
            outside = re.search(
                r"\b(?:outside|other than|not in|except)\b[^.]*$", sentence[: listed[0].start()], re.IGNORECASE
            )
            yield Condition(holds is not bool(outside), listed[0].start(), listed[-1].end())


def _domains(sentence: str, facts: Mapping[str, Json]) -> Iterator[Condition]:
    listed = list(_DOMAIN.finditer(sentence))
    for value in facts.values():
        if listed and isinstance(value, str) and "@" in value:
            domain = value.rsplit("@", 1)[1].lower()
            yield Condition(any(found[0].lower() == domain for found in listed), listed[0].start(), listed[-1].end())


def _named(sentence: str, facts: Mapping[str, Json]) -> Iterator[Condition]:
    """Yes-or-no facts by their name, and short values that the sentence says word for word."""
    lowered = sentence.lower()
    for name, value in facts.items():
        if isinstance(value, bool) or str(value).lower() in {"true", "false"}:
            phrase = " ".join(words(_last(name)))
            place = " ".join(words(sentence)).find(phrase)
            if place >= 0:
                spot = max(lowered.find(phrase), 0)
                yield Condition((str(value).lower() == "true") is not bool(_NEGATED.search(lowered[:spot])), spot, spot)
        elif isinstance(value, str) and 3 <= len(value) <= SHORT and not _is_id(name) and "@" not in value:  # noqa: PLR2004
            found = re.search(rf"(?<!\w){re.escape(value.lower())}(?!\w)", lowered)
            if found:
                yield Condition(
                    holds=not _NEGATED.search(lowered[: found.start()]), start=found.start(), end=found.end()
                )


def _last(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def _is_id(name: str) -> bool:
    return bool({"id", "number", "no", "uuid", "phone", "zip", "postcode"} & set(words(_last(name))))
