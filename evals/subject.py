"""What is evaluated: a flow, one field of its agent's answer, and the cases with their right answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.data import labels_of, read_cases, read_map, sample
from evals.flows import parse, with_labels
from evals.model import Case

Json = Any


@dataclass(frozen=True, slots=True)
class Subject:
    """``flow`` is its text as data; ``labels`` counts those of all the data, also of rows that were not drawn."""

    flow: dict[str, Json]
    name: str
    field: str
    cases: list[Case]
    labels: int
    method: str
    seed: int = 0

    @property
    def flow_id(self) -> str:
        return str(self.flow.get("id", ""))


def prepare(
    text: str,
    name: str,
    data: Path,
    field: str,
    *,
    map_file: Path | None = None,
    from_data: bool = False,
    limit: int | None = None,
    seed: int = 0,
) -> Subject:
    """Read the data and fit the flow to them. ``map_file`` and ``from_data`` exclude each other. Raises ``EvalError``."""
    cases = read_cases(data, field, read_map(map_file) if map_file else None)
    labels, flow = labels_of(cases), parse(text, name)
    if from_data:
        flow, method = with_labels(flow, field, labels), "The agent chose among the labels of the data."
    elif map_file:
        method = f"Labels of the data were translated by {map_file.name}."
    else:
        method = "The labels of the data are the flow's own."
    return Subject(flow, name, field, sample(cases, limit, seed), len(labels), method, seed)
