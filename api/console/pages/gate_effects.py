"""What a yes will do, for reading: each effect with its connection and every argument, nothing cut. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.console.pages.gate_diff import Span, words
from workflows.flow.expr import SECRET_KEY

Json = Any
ONE_LINE = 76
_SCALARS = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class Cell:
    """A scalar. ``literal`` ones are not text: a number, true, false or null. ``changed`` by an edit."""

    text: str
    literal: bool
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of scalars of equal length; ``columns`` are their names if the effect says them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Argument:
    """``text`` is the whole value, ``literal`` when it is JSON and not text. ``table`` is the same as a table where it
    is one. ``spans`` shows how it differs from what it was before.
    """

    name: str
    text: str
    literal: bool
    table: Table | None = None
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """``task`` is its id in the flow; ``connection`` None where the connector needs none. ``news`` on a preview: the
    effect is ``added``, ``dropped`` or the same as before (empty).
    """

    task: str
    type: str
    connection: str | None
    arguments: tuple[Argument, ...]
    news: str = ""


def effects(view: Mapping[str, Json]) -> tuple[Effect, ...]:
    """The effects of a view document in the order in which they stand."""
    return tuple(_effect(one) for one in view.get("effects", ()))


def effects_compared(before: Mapping[str, Json], after: Mapping[str, Json]) -> tuple[Effect, ...]:
    """The effects of ``after``, with what an edit changed in them; those that an edit dropped come last."""
    old = {one["path"]: one for one in before.get("effects", ())}
    new = {one["path"]: one for one in after.get("effects", ())}
    kept = [_effect(one, old.get(path)) if path in old else _effect(one, news="added") for path, one in new.items()]
    dropped = [_effect(one, news="dropped") for path, one in old.items() if path not in new]
    return (*kept, *dropped)


def _effect(one: Mapping[str, Json], before: Mapping[str, Json] | None = None, *, news: str = "") -> Effect:
    properties = dict(one.get("properties", {}))
    connection = properties.get("connection")
    named = connection if isinstance(connection, str) else None
    if named is not None:
        del properties["connection"]
    earlier = before.get("properties", {}) if before else properties
    arguments = tuple(_argument(name, value, properties, earlier) for name, value in properties.items())
    return Effect(str(one["path"]).rpartition("/")[2], str(one["type"]), named, arguments, news)


def _argument(name: str, value: Json, beside: Mapping[str, Json], earlier: Mapping[str, Json]) -> Argument:
    text = value_text(value)
    was = value_text(earlier[name]) if name in earlier else ""
    spans = words(was, text) if was != text else ()
    literal = not isinstance(value, str) and not _is_secret(value)
    return Argument(name, text, literal, table(value, beside.get("columns"), earlier.get(name, value)), spans)


def value_text(value: Json) -> str:
    """Text as it is and everything else as JSON; a secret is named and never shown."""
    if isinstance(value, str):
        return value
    return _with_secrets(value[SECRET_KEY]) if _is_secret(value) else compact(value)


def compact(value: Json) -> str:
    """JSON that stays on one line where that is short."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) <= ONE_LINE or not isinstance(value, list | dict):
        return line
    if isinstance(value, list):
        inner = [compact(item) for item in value]
        brackets = "[]"
    else:
        inner = [f"{json.dumps(key, ensure_ascii=False)}: {compact(item)}" for key, item in value.items()]
        brackets = "{}"
    lines = ",\n".join(inner).replace("\n", "\n  ")
    return f"{brackets[0]}\n  {lines}\n{brackets[1]}"


def table(value: Json, columns: Json = None, before: Json = None) -> Table | None:
    """A list of equally long lists of scalars as a table; None for anything else. ``before`` marks what changed."""
    if not isinstance(value, list) or not value or not all(isinstance(row, list) and row for row in value):
        return None
    width = len(value[0])
    if any(len(row) != width or not all(isinstance(cell, _SCALARS) for cell in row) for row in value):
        return None
    named = isinstance(columns, list) and len(columns) == width and all(isinstance(name, str) for name in columns)
    old = before if isinstance(before, list) and table(before) is not None else value
    rows = tuple(tuple(_cell(cell, _at(old, y, x)) for x, cell in enumerate(row)) for y, row in enumerate(value))
    return Table(tuple(columns) if named else (), rows)


def _at(rows: list[list[Json]], y: int, x: int) -> Json:
    return rows[y][x] if y < len(rows) and x < len(rows[y]) else ...


def _cell(value: Json, before: Json) -> Cell:
    changed = value != before or isinstance(value, bool) is not isinstance(before, bool)
    return Cell(value, False, changed) if isinstance(value, str) else Cell(json.dumps(value), True, changed)


def _is_secret(value: Json) -> bool:
    return isinstance(value, dict) and set(value) == {SECRET_KEY} and isinstance(value[SECRET_KEY], list)


def _with_secrets(pieces: Sequence[Json]) -> str:
    return "".join(piece if isinstance(piece, str) else f"[secret {piece.get('name')}]" for piece in pieces)
