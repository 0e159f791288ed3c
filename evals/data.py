"""Rows with known answers: read from CSV, mapped, sampled, split, and written again without their answers."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from evals.model import Case, EvalError
from workflows.flow.load import load


def read_cases(path: Path, label: str, mapping: Mapping[str, str] | None = None) -> list[Case]:
    """The rows of a UTF-8 CSV file; ``mapping`` translates their labels. Raises ``EvalError``.

    A row's id is its column ``id``, else its number counted from 1.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = reader.fieldnames or []
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EvalError(f"{path} cannot be read: {error}.", "Give a UTF-8 CSV file with a line of headings.") from error
    if label not in columns:
        raise EvalError(f"{path} has no column {label!r}.", f"Its columns are: {', '.join(columns)}.")
    cases = [_case(row, label, number, path, mapping) for number, row in enumerate(rows, start=1)]
    if not cases:
        raise EvalError(f"{path} has no rows.", "Give a file with at least one row below its headings.")
    if len({case.id for case in cases}) < len(cases):
        raise EvalError(f"{path} has the same id twice.", "Give every row an id of its own, or leave the column out.")
    return cases


def _case(row: Mapping[str, str], label: str, number: int, path: Path, mapping: Mapping[str, str] | None) -> Case:
    if None in row or None in row.values():
        raise EvalError(f"{path}: row {number} has not one cell a column.", "Quote cells that contain a comma.")
    given = row[label].strip()
    if not given:
        raise EvalError(f"{path}: row {number} has no {label}.", "Every row needs its right answer.")
    if mapping is not None and given not in mapping:
        raise EvalError(f"The map says nothing about {given!r} (row {number}).", "Name every label of the data in it.")
    rest = {name: value for name, value in row.items() if name != label}
    return Case(id=row.get("id") or str(number), row=rest, expected=mapping[given] if mapping else given)


def read_map(path: Path) -> dict[str, str]:
    """A YAML mapping of the data's labels to the flow's. Raises ``EvalError``."""
    try:
        found = load(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise EvalError(f"{path} cannot be read: {error}.", "Give a YAML file of `label: category` lines.") from error
    data = found.data
    if found.diagnostics or not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        raise EvalError(f"{path} is not a list of `label: category` lines.", "Write one line for each label.")
    return dict(data)


def sample(cases: Sequence[Case], limit: int | None, seed: int = 0) -> list[Case]:
    """At most ``limit`` cases, drawn with a seed and kept in their order, so that sorted data stay mixed."""
    if limit is None or limit >= len(cases):
        return list(cases)
    chosen = sorted(random.Random(seed).sample(range(len(cases)), limit))
    return [cases[place] for place in chosen]


def split(cases: Sequence[Case], per_label: int, seed: int = 0) -> tuple[list[Case], list[Case]]:
    """``per_label`` examples of each label, and the rest to be tested on; no case is in both.

    Raises ``EvalError`` when a label would have nothing left to test.
    """
    by_label: defaultdict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_label[case.expected].append(case)
    draw, examples = random.Random(seed), set[str]()
    for label, own in sorted(by_label.items()):
        if len(own) <= per_label:
            raise EvalError(
                f"{label!r} has {len(own)} rows; {per_label} examples leave none to test.", "Ask for fewer examples."
            )
        examples |= {case.id for case in draw.sample(own, per_label)}
    return [case for case in cases if case.id in examples], [case for case in cases if case.id not in examples]


def labels_of(cases: Sequence[Case]) -> list[str]:
    """The labels, sorted."""
    return sorted({case.expected for case in cases})


def write_unlabelled(cases: Sequence[Case], path: Path) -> None:
    """Write the rows as CSV without their answers: what runs cannot know what it is asked."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(cases[0].row))
        writer.writeheader()
        writer.writerows(case.row for case in cases)
