"""Values as people read them in messages: one line, formatted as the flow says, confidence with its method."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Json = Any


def one_line(text: str, limit: int | None = None) -> str:
    """The text without line breaks; with ``limit`` cut by an ellipsis."""
    line = " ".join(text.split())
    return line if limit is None or len(line) <= limit else line[: limit - 1] + "…"


def money_and_dates(value: Json, format: str) -> str:
    """A shown value in its format: ``money EUR``, ``percent``, ``number``; anything else as it is."""
    kind, _, unit = format.partition(" ")
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "—"}[value]
    if isinstance(value, int | float):
        if kind == "money":
            return f"{value:,.2f} {unit}".strip()
        if kind == "percent":
            return f"{value * 100:.1f} %"
        if kind == "number":
            return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def confidence(meta: Mapping[str, Json]) -> str:
    """``match margin 0.93``, or nothing where there is none. Never what a model says of itself."""
    value, label = meta.get("confidence"), meta.get("confidence_label")
    if isinstance(value, bool) or not isinstance(value, int | float) or meta.get("confidence_method") == "none":
        return ""
    name = label if isinstance(label, str) and label else "confidence"
    return f"{name} {value:.2f}"
