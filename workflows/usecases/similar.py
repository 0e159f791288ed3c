"""Past decisions on cases like this one: found by comparing what was shown, field by field. Shown, never reused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workflows.store.db import Tx
from workflows.store.repositories import precedents
from workflows.store.repositories.precedents import Precedent

Json = Any
LOOKED_AT = 300
MOST = 5
ENOUGH = 0.3
_WORD = re.compile(r"\w+")
_MAX_WORDS = 400
_TITLE = "\0title"


@dataclass(frozen=True, slots=True)
class Similar:
    """``alike`` is 0..1, a comparison of texts and numbers, and says nothing about which decision is right.

    ``same`` names the shown and suggested fields that are equal; ``shown`` is how that case looked.
    """

    gate_id: str
    title: str
    alike: float
    same: tuple[str, ...]
    shown: tuple[tuple[str, Json, str], ...]
    suggestion: dict[str, Json]
    outcome: str
    reason_code: str | None
    comment: str | None
    by: str
    via: str
    decided_at: datetime


def similar(
    tx: Tx, namespace: str, *, flow_id: str, path: str, gate_id: str, view: Mapping[str, Json]
) -> list[Similar]:
    """What people decided of the last 300 cases at the same place of the flow, the most similar first."""
    mine = features(view)
    past = precedents.at_place(tx, namespace, flow_id, path, but=gate_id, limit=LOOKED_AT)
    found = [_compared(mine, one) for one in past]
    enough = [one for one in found if one.alike >= ENOUGH]
    return sorted(enough, key=lambda one: (-one.alike, -one.decided_at.timestamp()))[:MOST]


def _compared(mine: Mapping[str, Json], past: Precedent) -> Similar:
    view = json.loads(past.view)
    theirs = features(view)
    same = tuple(name for name, value in mine.items() if name != _TITLE and name in theirs and value == theirs[name])
    return Similar(
        gate_id=past.gate_id,
        title=past.title,
        alike=likeness(mine, theirs),
        same=same,
        shown=tuple((field["label"], field["value"], field.get("format", "text")) for field in view.get("show", ())),
        suggestion=view.get("suggestion", {}),
        outcome=past.outcome,
        reason_code=past.reason_code,
        comment=past.comment,
        by=str(past.snapshot.get("name") or ""),
        via=past.via,
        decided_at=past.decided_at,
    )


def features(view: Mapping[str, Json]) -> dict[str, Json]:
    """What two cases are compared by: the title, the shown fields by label, the suggested fields by name."""
    shown = {str(field["label"]): field["value"] for field in view.get("show", ())}
    return {_TITLE: view.get("title", ""), **view.get("suggestion", {}), **shown}


def likeness(left: Mapping[str, Json], right: Mapping[str, Json]) -> float:
    """The mean likeness over every field that either case has, 0..1; a field that only one has counts 0."""
    names = left.keys() | right.keys()
    if not names:
        return 0.0
    return sum(_alike(left[name], right[name]) for name in names if name in left and name in right) / len(names)


def _alike(left: Json, right: Json) -> float:
    """Equal is 1; numbers by their ratio; everything else by the share of words that both have."""
    if left == right and isinstance(left, bool) is isinstance(right, bool):
        return 1.0
    if _is_number(left) and _is_number(right):
        larger = float(max(abs(left), abs(right)))
        return max(0.0, 1.0 - abs(float(left) - float(right)) / larger)
    mine, theirs = _words(left), _words(right)
    union = mine | theirs
    return len(mine & theirs) / len(union) if union else 0.0


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _words(value: Json) -> frozenset[str]:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return frozenset(word.group().lower() for word, _ in zip(_WORD.finditer(text), range(_MAX_WORDS), strict=False))
