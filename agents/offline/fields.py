"""Fill a JSON Schema for a case: labels by choosing, numbers and dates by pattern, texts by extracting sentences."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from agents.offline.case import Case, as_number
from agents.offline.choose import Choice, choose, nearest_sentence
from agents.offline.rules import weigh
from agents.offline.text import sentences, stem, stems, words

Json = Any
DEFAULT_TEXT = 400
_NUMBER = re.compile(r"(?<![\w.,-])-?\d[\d,]*(?:\.\d+)?(?![\w])")
_WORD = re.compile(r"\w+")
_ISO = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_DAY_FIRST = re.compile(r"\b(\d{1,2})[./](\d{1,2})[./](\d{4})\b")
_FORMATS = {
    "email": re.compile(r"«email-\d+»|[\w.+-]+@(?:[\w-]+\.)+\w{2,}"),
    "uri": re.compile(r"https?://[^\s\"'<>]+"),
    "uuid": re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE),
}
_NO = re.compile(
    r"\b(?:no|not|never|without|isn't|aren't|don't|doesn't|didn't|cannot|can't)\W+(?:\w+\W+){0,2}$", re.IGNORECASE
)
_EXPLAINS = frozenset(
    ["reason", "reasons", "explanation", "rationale", "why", "justification", "because", "comment", "note", "notes"]
)


@dataclass(slots=True)
class Filled:
    """An answer, the least certain of its choices, and the passages that it rests on."""

    value: dict[str, Json] = field(default_factory=dict)
    margin: float | None = None
    cited: list[str] = field(default_factory=list)
    quotes: list[tuple[str, str]] = field(default_factory=list)
    chosen: list[Json] = field(default_factory=list)


def fill(case: Case, schema: dict[str, Json], skip: str = "") -> Filled:
    """An object for the schema. Choices come first, so that a reason can quote what decided them."""
    filled = Filled()
    properties: dict[str, Json] = schema.get("properties", {})
    order = sorted(properties, key=lambda name: 0 if "enum" in properties[name] else 1)
    values = {name: _value(case, name, properties[name], filled) for name in order if name != skip}
    filled.value = {name: values[name] for name in properties if name in values}
    if filled.margin is not None and "confidence" in filled.value and _kind(properties["confidence"]) == "number":
        filled.value["confidence"] = filled.margin
    return filled


def _value(case: Case, name: str, schema: dict[str, Json], filled: Filled) -> Json:
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return _take(filled, choose(case, name, schema))
    kind = _kind(schema)
    if kind == "boolean":
        return _boolean(case, name)
    if kind in {"number", "integer"}:
        return _number(case, name, schema, whole=kind == "integer")
    if kind == "array":
        return _array(case, name, schema, filled)
    if kind == "object":
        return fill(case, schema).value
    return _text(case, name, schema, filled)


def _take(filled: Filled, choice: Choice) -> Json:
    filled.margin = choice.margin if filled.margin is None else min(filled.margin, choice.margin)
    filled.chosen.append(choice.label)
    for sentence, source in choice.quotes:
        _cite(filled, sentence, source)
    return choice.label


def _cite(filled: Filled, sentence: str, source: str) -> None:
    if (sentence, source) not in filled.quotes:
        filled.quotes.append((sentence, source))
    if source and source not in filled.cited:
        filled.cited.append(source)


def _kind(schema: dict[str, Json]) -> str:
    kind = schema.get("type", "string")
    return next((k for k in kind if k != "null"), "null") if isinstance(kind, list) else str(kind)


def _fact(case: Case, name: str) -> Json:
    wanted = words(name)
    return next((value for key, value in case.facts.items() if words(key.rsplit(".", 1)[-1]) == wanted), None)


def _boolean(case: Case, name: str) -> bool:
    known = _fact(case, name)
    if isinstance(known, bool):
        return known
    # A policy speaks of a yes-or-no field by its name: "orders above 5,000 need a second look".
    if weigh(case, "", [" ".join(words(name))]).weight:
        return True
    cues = {root for root in stems(name) if len(root) > 2} - {stem(word) for word in ("is", "has", "needs", "needed")}  # noqa: PLR2004
    for sentence in sentences(case.text):
        for found in re.finditer(r"\w+", sentence):
            if stem(found[0].lower()) in cues and not _NO.search(sentence[: found.start()]):
                return True
    return False


def _number(case: Case, name: str, schema: dict[str, Json], *, whole: bool) -> float | int:
    number = as_number(_fact(case, name))
    if number is None:
        number = _number_near(case.text, name)
    number = max(number, schema.get("minimum", number))
    number = min(number, schema.get("maximum", number))
    return int(number) if whole or number == int(number) else number


def _number_near(text: str, name: str) -> float:
    """The number nearest to the field's name in a sentence; the only number of the text; else 0."""
    roots = set(stems(name))
    found = [(number, sentence) for sentence in sentences(text) for number in _NUMBER.finditer(sentence)]
    spoken = [
        (min(abs(number.start() - word.start()), abs(number.end() - word.start())), number[0])
        for number, sentence in found
        for word in _WORD.finditer(sentence)
        if stem(word[0].lower()) in roots
    ]
    if spoken:
        return as_number(min(spoken)[1]) or 0.0
    return (as_number(found[0][0][0]) or 0.0) if len(found) == 1 else 0.0


def _array(case: Case, name: str, schema: dict[str, Json], filled: Filled) -> list[Json]:
    items = schema.get("items", {})
    if "enum" in items:
        found = [_take(filled, choose(case, name, items))]
    elif _kind(items) == "object":
        found = []
    else:
        found = [_cut(quote, items) for quote, _ in filled.quotes] or sentences(case.text)
    return found[: schema.get("maxItems", 3)]


def _text(case: Case, name: str, schema: dict[str, Json], filled: Filled) -> Json:
    known = _fact(case, name)
    if isinstance(known, str | int | float):
        return _cut(str(known), schema)
    shape = str(schema.get("format", ""))
    if shape in {"date", "date-time"}:
        return _date(case.text, schema, shape)
    if shape in _FORMATS or "pattern" in schema:
        found = (_FORMATS.get(shape) or re.compile(schema["pattern"])).search(case.text)
        return found[0] if found else _nothing(schema)
    return _cut(_prose(case, name, filled), schema)


def _prose(case: Case, name: str, filled: Filled) -> str:
    """Sentences of the passages with their source, or else of the case; never words of our own about the case."""
    if not filled.quotes:
        for sentence, source in nearest_sentence(case.text, case.passages):
            _cite(filled, sentence, source)
    documents = {passage.id: passage.document for passage in case.passages}
    quoted = [f"{s} ({documents[source]})" if source in documents else s for s, source in filled.quotes[:2]]
    if quoted and filled.chosen and _EXPLAINS & set(words(name)):
        return f"{filled.chosen[0]}: {' '.join(quoted)}"
    if quoted:
        return " ".join(quoted)
    own = sentences(case.text)
    return own[0] if own else "The case says nothing about this."


def _date(text: str, schema: dict[str, Json], shape: str) -> Json:
    found = _ISO.search(text)
    day = found[0] if found else None
    if day is None and (european := _DAY_FIRST.search(text)):
        try:
            day = date(int(european[3]), int(european[2]), int(european[1])).isoformat()
        except ValueError:
            day = None
    if day is None:
        return _nothing(schema)
    return day if shape == "date" else f"{day}T00:00:00Z"


def _nothing(schema: dict[str, Json]) -> Json:
    return None if "null" in schema.get("type", "") else schema.get("default", "")


def _cut(text: str, schema: dict[str, Json]) -> str:
    longest = int(schema.get("maxLength", DEFAULT_TEXT))
    if len(text) <= longest:
        return text
    return text[: longest - 1].rstrip() + "…" if longest else ""
