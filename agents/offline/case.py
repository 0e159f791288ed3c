"""What the offline model reads out of a conversation: the case, its facts, examples, passages and objections."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from agents.conversation import read_case, read_examples
from agents.offline.guard import without_orders

Json = Any
SHORT = 40
_MONEY = re.compile(
    r"(?:EUR|USD|GBP|€|\$|£)\s?(\d[\d,. ]*\d|\d)|(\d[\d,.]*\d|\d)\s?(?:EUR|USD|GBP|€|euros?|dollars?)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Passage:
    id: str
    document: str
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Case:
    """``facts`` are the scalar fields of a JSON case by dotted name; ``text`` is what it says in words.

    ``ignored`` counts sentences of the data that tried to give orders. ``objections`` are what rules and reviewers
    said about ``previous``, the answer they did not accept.
    """

    text: str
    facts: dict[str, Json]
    ignored: int
    examples: tuple[tuple[str, dict[str, Json]], ...] = ()
    passages: tuple[Passage, ...] = ()
    objections: tuple[str, ...] = ()
    previous: dict[str, Json] = field(default_factory=dict)


def read(messages: Sequence[BaseMessage]) -> Case:
    """The case of a conversation as ``agents.conversation`` opens it; any other human message is the case itself."""
    humans = [m for m in messages if isinstance(m, HumanMessage)]
    opening = str(humans[0].text) if humans else ""
    text, facts, ignored = read_data(read_case(opening))
    results = [str(m.text) for m in messages if isinstance(m, ToolMessage) and m.status != "error"]
    return Case(
        text=text,
        facts=facts,
        ignored=ignored,
        examples=_examples(read_examples(opening)),
        passages=tuple(passage for result in results for passage in _passages(result)),
        objections=tuple(line[2:] for m in humans[1:] for line in str(m.text).splitlines() if line.startswith("- ")),
        previous=next((p for m in reversed(messages) if isinstance(m, AIMessage) and (p := _object(str(m.text)))), {}),
    )


def read_data(data: str) -> tuple[str, dict[str, Json], int]:
    """Text, facts and the number of ignored sentences of one case, which is a JSON object or words."""
    parsed = _object(data)
    if not parsed:
        text, ignored = without_orders(data)
        money = [group for found in _MONEY.finditer(text) for group in found.groups() if group]
        return text, {"amount": as_number(money[0])} if len(money) == 1 else {}, ignored
    facts: dict[str, Json] = {}
    lines: list[str] = []
    ignored = 0
    for name, value in _flat(parsed):
        clean, dropped = without_orders(value) if isinstance(value, str) else (value, 0)
        ignored += dropped
        facts[name] = clean
        lines.append(f"{name}: {clean}")
    return "\n".join(lines), facts, ignored


def as_number(value: Json) -> float | None:
    """A number, also from ``"5,000"``, ``"5.000,50"`` or ``"5k"``; ``None`` for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    found = re.fullmatch(r"\s*(-?\d[\d., ]*)\s*([km]?)\s*", str(value), re.IGNORECASE)
    if found is None:
        return None
    digits = found[1].strip().replace(" ", "")
    if re.fullmatch(r"-?\d{1,3}(?:\.\d{3})+(?:,\d+)?", digits):
        digits = digits.replace(".", "").replace(",", ".")
    elif re.fullmatch(r"-?\d+,\d{1,2}", digits):
        digits = digits.replace(",", ".")
    try:
        plain = float(digits.replace(",", "").rstrip("."))
    except ValueError:
        return None
    return plain * {"k": 1e3, "m": 1e6}.get(found[2].lower(), 1.0)


def _flat(value: Json, prefix: str = "") -> list[tuple[str, Json]]:
    if isinstance(value, dict):
        return [pair for key, item in value.items() for pair in _flat(item, f"{prefix}.{key}" if prefix else str(key))]
    if isinstance(value, list):
        return [pair for index, item in enumerate(value) for pair in _flat(item, f"{prefix}.{index}")]
    return [] if value is None else [(prefix, value)]


def _object(text: str) -> dict[str, Json]:
    if not text.lstrip().startswith("{"):
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@lru_cache(maxsize=64)
def _examples(lines: str) -> tuple[tuple[str, dict[str, Json]], ...]:
    parsed = [_object(line) for line in lines.splitlines()]
    return tuple((read_data(str(e["prompt"]))[0], dict(e["fields"])) for e in parsed if "prompt" in e and "fields" in e)


def _passages(result: str) -> list[Passage]:
    return [
        Passage(
            id=str(item.get("id", "")),
            document=str(item.get("document", "")),
            heading=str(item.get("heading", "")),
            text=without_orders(str(item.get("text", "")), trusted=True)[0],
        )
        for item in _object(result).get("passages", [])
        if isinstance(item, dict)
    ]
