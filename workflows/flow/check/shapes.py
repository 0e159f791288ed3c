"""What is known of a value before anything runs, as JSON Schema: of outputs, inputs, elements and suggestions.

The empty schema means that nothing is known, so nothing is said about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from workflows.flow.loaded import Json
from workflows.flow.model.ai import AGENT_META, Agent
from workflows.flow.model.control import Foreach, Set
from workflows.flow.model.fields import Input
from workflows.flow.model.gate import DECISION_META, Gate
from workflows.flow.plan_gate import suggestion_schema
from workflows.flow.schema import output_schema
from workflows.flow.tree import Task

Shape = dict[str, Any]
ANYTHING: Shape = {}

_INPUT_TYPES = {"int": "integer", "number": "number", "bool": "boolean", "array": "array", "json": None, "file": None}
_COLUMN_TYPES = {"number": "number", "int": "integer", "integer": "integer", "bool": "boolean", "boolean": "boolean"}
_LITERALS = {str: "string", bool: "boolean", int: "number", float: "number", list: "array", dict: "object"}


def closed(properties: dict[str, Shape]) -> Shape:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _names(names: Iterable[str]) -> Shape:
    return closed(dict.fromkeys(names, ANYTHING))


def input_shape(inputs: Iterable[Input]) -> Shape:
    made: dict[str, Shape] = {}
    for part in inputs:
        kind = _INPUT_TYPES.get(part.type, "string")
        made[part.id] = {"type": kind} if kind else (part.schema_ or ANYTHING)
    return closed(made)


def literal_shape(value: Json) -> Shape:
    """Return the type of a constant; a text with an expression is anything."""
    if isinstance(value, str) and "{{" in value:
        return ANYTHING
    kind = _LITERALS.get(type(value))
    return {"type": kind} if kind else ANYTHING


def suggestion_shape(task: Task, gate: Gate) -> Shape:
    schema = suggestion_schema(task, gate)
    meta = {
        **dict.fromkeys(AGENT_META, ANYTHING),
        "confidence": {"type": "number"},
        "stated_confidence": {"type": "number"},
    }
    return _with(schema, "meta", closed(meta))


def final_shape(task: Task, gate: Gate) -> Shape:
    return suggestion_schema(task, gate)


def _with(schema: Shape, name: str, part: Shape) -> Shape:
    if "properties" not in schema:
        return {"type": "object", "properties": {name: part}}
    return {**schema, "properties": {**schema["properties"], name: part}}


def output_shape(task: Task) -> Shape:
    """Return what is known of a task's output."""
    model = task.model
    if isinstance(model, Agent):
        return _with(output_schema(model.output), "meta", _names(AGENT_META))
    if isinstance(model, Gate):
        return _with(suggestion_schema(task, model), "meta", _names(DECISION_META))
    if isinstance(model, Foreach):
        return _foreach_shape(task, model)
    if isinstance(model, Set):
        return closed({name: literal_shape(value) for name, value in model.values.items()})
    if task.task_type is not None and task.task_type.output is not None:
        return _refined(task, _model_shape(task.task_type.output))
    return ANYTHING


@lru_cache(maxsize=256)
def _model_shape(model: type[BaseModel]) -> Shape:
    schema = model.model_json_schema(mode="serialization", by_alias=True)
    if model.model_config.get("extra") != "allow":
        schema.setdefault("additionalProperties", False)
    return schema


def _refined(task: Task, shape: Shape) -> Shape:
    """The rows of a table with declared columns have those fields."""
    columns = task.raw.get("columns")
    rows = shape.get("properties", {}).get("rows")
    if rows is None or not isinstance(columns, dict):
        return shape
    cells = {name: {"type": _COLUMN_TYPES.get(str(kind), "string")} for name, kind in columns.items()}
    table = {"anyOf": [{"type": "array", "items": closed(cells)}, *_options(rows, shape)]}
    return {**shape, "properties": {**shape["properties"], "rows": table}}


def _foreach_shape(task: Task, model: Foreach) -> Shape:
    inner = task.lists.get("tasks", [])
    wanted = model.result or (inner[-1].id if inner else "")
    result = next((output_shape(one) for one in inner if one.id == wanted), ANYTHING)
    element = _with(result, "index", {"type": "integer"}) if "properties" in result else ANYTHING
    lost = {"type": "array", "items": _names(("index", "item", "reason"))}
    number = {"type": "integer"}
    counts = closed(dict.fromkeys(("total", "finished", "rejected", "failed"), number))
    return closed({"results": {"type": "array", "items": element}, "rejected": lost, "failed": lost, "counts": counts})


def _options(shape: Shape, root: Shape) -> Iterator[Shape]:
    """Yield the alternatives of a shape with references followed."""
    if "$ref" in shape:
        yield from _options(root.get("$defs", {}).get(shape["$ref"].rpartition("/")[2], ANYTHING), root)
    elif "anyOf" in shape:
        for part in shape["anyOf"]:
            yield from _options(part, root)
    else:
        yield shape


def field_shape(shape: Shape, name: str, root: Shape) -> Shape | list[str]:
    """Return the shape of a field, or the names that exist if there is certainly no such field."""
    known: set[str] = set()
    found: list[Shape] = []
    for option in _options(shape, root):
        properties = option.get("properties", {})
        if name in properties:
            found.append(properties[name])
        elif isinstance(option.get("additionalProperties"), dict):
            found.append(option["additionalProperties"])
        elif option.get("type") in (None, "object") and option.get("additionalProperties") is not False:
            return ANYTHING
        known |= set(properties)
    if not found:
        return sorted(known)
    return found[0] if len(found) == 1 else {"anyOf": found}


def element_shape(shape: Shape, root: Shape) -> Shape:
    """Return the shape of a list's elements."""
    for option in _options(shape, root):
        if option.get("type") == "array":
            items: Shape = option.get("items", ANYTHING)
            return {**items, "$defs": root.get("$defs", {})} if items else ANYTHING
    return ANYTHING


def type_of(shape: Shape, root: Shape) -> str | None:
    """Return ``text``, ``number``, ``bool`` ... if every alternative agrees, else ``None``."""
    words = {
        "string": "text",
        "integer": "number",
        "number": "number",
        "boolean": "bool",
        "array": "list",
        "object": "group",
    }
    kinds = {option.get("type") for option in _options(shape, root)}
    only = kinds.pop() if len(kinds) == 1 else None
    return words.get(only) if isinstance(only, str) else None
