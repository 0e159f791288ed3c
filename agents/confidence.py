"""How sure an answer is, computed by us. What a model says of itself is kept apart and never counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from agents.canonical import canonical
from agents.contracts import Confidence

Json = Any
NONE = Confidence(value=0.0, method="none", label="not measured")


def agreement(schema: dict[str, Json], values: Sequence[dict[str, Json]], asked: int) -> tuple[int, Confidence]:
    """The index of the answer to use and its confidence: the share of ``asked`` samples that chose the same.

    Compared are the fields with a closed set of values (enum, const, boolean); without one nothing is measured.
    A sample that failed counts as disagreeing. Ties go to the earlier sample.
    """
    fields = closed_fields(schema)
    if not fields or asked < 2:  # noqa: PLR2004
        return 0, NONE
    choices = [canonical([value.get(field) for field in fields]) for value in values]
    winner, votes = Counter(choices).most_common(1)[0]
    label = f"{votes} of {asked} samples agree"
    return choices.index(winner), Confidence(value=votes / asked, method="agreement", label=label)


def match_margin(margin: float | None) -> Confidence:
    """The offline model's lead of the best label over the next."""
    if margin is None:
        return NONE
    return Confidence(value=round(min(max(margin, 0.0), 1.0), 4), method="match_margin", label="match margin")


def stated(value: dict[str, Json]) -> float | None:
    """A field called ``confidence`` that the flow asked the model for, if it is a share or a percentage of 0..1."""
    said = value.get("confidence")
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said <= 1:
        return None
    return float(said)


def closed_fields(schema: dict[str, Json]) -> list[str]:
    """The top-level fields whose values come from a closed set."""
    properties = schema.get("properties", {})
    return [
        name
        for name, field in properties.items()
        if isinstance(field, dict) and ("enum" in field or "const" in field or field.get("type") == "boolean")
    ]
