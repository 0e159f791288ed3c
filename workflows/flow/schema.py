"""JSON Schemas: of an answer's fields, and of the whole language for editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from workflows.flow.model.base import Part
from workflows.flow.model.common import TaskCommon
from workflows.flow.model.control import CONTROL
from workflows.flow.model.fields import Input, OutputField
from workflows.flow.model.flow import FlowDocument, FlowOutput
from workflows.flow.model.gate import Gate
from workflows.flow.model.triggers import TRIGGERS
from workflows.flow.schema_values import FieldError, schema_errors
from workflows.flow.tasktype import World

__all__ = ["FieldError", "language_schema", "output_schema", "schema_errors"]

Json = Any

_JSON_TYPES = {"text": "string", "int": "integer", "bool": "boolean", "date": "string", "datetime": "string"}
_FORMATS = {"date": "date", "datetime": "date-time"}
_TASK_LISTS = frozenset({"tasks", "errors", "finally", "enrich", "on_approve", "default"})
_TASK_REF = {"$ref": "#/$defs/Task"}


def output_schema(fields: Mapping[str, OutputField]) -> dict[str, Json]:
    """Return the JSON Schema of an answer with these fields: nothing missing, nothing more."""
    return {
        "type": "object",
        "properties": {name: _field_schema(field) for name, field in fields.items()},
        "required": [name for name, field in fields.items() if field.required],
        "additionalProperties": False,
    }


def _field_schema(field: OutputField) -> dict[str, Json]:
    kind = _JSON_TYPES.get(field.type, field.type)
    made: dict[str, Json] = (
        output_schema(field.fields) if kind == "object" and field.fields is not None else {"type": kind}
    )
    if field.type in _FORMATS:
        made["format"] = _FORMATS[field.type]
    if kind == "array" and field.items is not None:
        made["items"] = _field_schema(field.items)
    optional = {
        "description": field.description or None,
        "enum": field.enum,
        "examples": field.examples,
        "minimum": field.min,
        "maximum": field.max,
        "minLength": field.min_length,
        "maxLength": field.max_length,
    }
    return made | {name: value for name, value in optional.items() if value is not None}


def language_schema(world: World) -> dict[str, Json]:
    """Return the JSON Schema of a whole flow: what editors complete and check while somebody types."""
    definitions: dict[str, Json] = {}
    types: dict[str, type[BaseModel]] = {**CONTROL, "gate": Gate}
    types |= {name: task_type.properties for name, task_type in world.task_types().items()}
    cases = [_task_case(name, types[name], definitions, world) for name in sorted(types)]
    definitions["Task"] = {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": sorted(types)}},
        "allOf": cases,
    }
    triggers = [_inlined(model, definitions) for model in TRIGGERS.values()]
    document = _with_task_lists(_inlined(FlowDocument, definitions))
    properties = document["properties"]
    properties["inputs"] = {"type": "array", "items": _inlined(Input, definitions)}
    properties["triggers"] = {"type": "array", "items": {"anyOf": triggers}}
    properties["outputs"] = {
        "type": "object",
        "additionalProperties": {"anyOf": [{"type": "string"}, _inlined(FlowOutput, definitions)]},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Visto flow",
        **document,
        "$defs": definitions,
    }


def _task_case(name: str, model: type[BaseModel], definitions: dict[str, Json], world: World) -> dict[str, Json]:
    own = _with_task_lists(_inlined(model, definitions))
    common = _inlined(TaskCommon, definitions)
    if not issubclass(model, Part):
        own["properties"] = {key: _or_template(part) for key, part in own.get("properties", {}).items()}
    task_type = world.task_types().get(name)
    shape = {
        "description": task_type.summary if task_type else (model.__doc__ or "").strip(),
        "properties": {**common["properties"], "type": {"const": name}, **own.get("properties", {})},
        "required": own.get("required", []),
        "additionalProperties": False,
    }
    return {"if": {"properties": {"type": {"const": name}}}, "then": shape}


def _or_template(part: dict[str, Json]) -> dict[str, Json]:
    """Let an expression stand for any value of a connector's property."""
    constraints = part.keys() - {"description", "default", "title", "examples", "type"}
    if not part or (part.get("type") == "string" and not constraints):
        return part
    kept: dict[str, Json] = {key: part[key] for key in ("description", "default", "title") if key in part}
    return {**kept, "anyOf": [part, {"type": "string", "pattern": r"\{\{"}]}


def _inlined(model: type[BaseModel], definitions: dict[str, Json]) -> dict[str, Json]:
    """Return a model's schema and add its parts to ``definitions``, under names of their own."""
    prefix = f"{model.__module__}.{model.__qualname__}."
    made = model.model_json_schema(by_alias=True, ref_template=f"#/$defs/{prefix}{{model}}")
    for name, part in made.pop("$defs", {}).items():
        short = name == OutputField.__name__
        definitions[prefix + name] = {"anyOf": [{"type": "string"}, part]} if short else part
    return made


def _with_task_lists(schema: dict[str, Json]) -> dict[str, Json]:
    tasks = {"type": "array", "items": _TASK_REF}
    properties = schema.get("properties", {})
    for name in properties:
        if name in _TASK_LISTS and "array" in str(properties[name]):
            properties[name] = tasks
        elif name in ("branches", "cases"):
            properties[name] = {"type": "object", "additionalProperties": tasks}
        elif name == "suggest":
            properties[name] = _TASK_REF
    return schema
