"""The normalised flow: every default of its language version written out, as plain JSON; and its identity."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from workflows.flow.loaded import Json
from workflows.flow.model.base import Part
from workflows.flow.model.common import Retry
from workflows.flow.tree import Flow, Task

_NESTED = frozenset({"tasks", "suggest", "enrich", "on_approve", "branches", "cases"})


def normalise(flow: Flow) -> dict[str, Json]:
    """Return the flow with all defaults written out; normalising that again changes nothing."""
    document = flow.document.model_dump(
        mode="json",
        by_alias=True,
        exclude_none=True,
        exclude={"tasks", "errors", "finally_", "inputs", "triggers", "defaults"},
    )
    document["retry"] = (flow.document.retry or Retry()).model_dump(mode="json")
    document["inputs"] = [
        {**part.model_dump(mode="json", by_alias=True, exclude_none=True), "required": part.is_required}
        for part in flow.inputs
    ]
    document["triggers"] = [part.model_dump(mode="json", by_alias=True, exclude_none=True) for part in flow.triggers]
    document["outputs"] = {name: part.model_dump(mode="json") for name, part in flow.outputs.items()}
    for name, tasks in flow.sections().items():
        document[name] = [_task(task) for task in tasks]
    return document


def _task(task: Task) -> dict[str, Json]:
    made: dict[str, Json] = task.common.model_dump(mode="json", exclude_none=True)
    made |= own_properties(task)
    for name, tasks in task.lists.items():
        group, _, key = name.partition(".")
        inner = [_task(one) for one in tasks]
        if key:
            made.setdefault(group, {})[key] = inner
        elif name == "suggest":
            made[name] = inner[0]
        else:
            made[name] = inner
    return made


def own_properties(task: Task) -> dict[str, Json]:
    """Return a task's own properties with defaults, without the tasks inside it."""
    if isinstance(task.model, Part):
        dumped: dict[str, Json] = task.model.model_dump(mode="json", by_alias=True, exclude_none=True)
        inner = _NESTED | ({"default"} if task.kind == "switch" else set())
        return {key: value for key, value in dumped.items() if key not in inner}
    return with_defaults(task.task_type.properties, task.raw) if task.task_type else dict(task.raw)


def with_defaults(model: type[BaseModel], raw: Mapping[str, Json]) -> dict[str, Json]:
    """Write a property model's defaults into raw properties; what is written stays as it is."""
    made = dict(raw)
    for name, field in model.model_fields.items():
        key = field.alias or name
        value = None if field.is_required() else model_default(field)
        if key not in made and value is not None:
            made[key] = to_jsonable_python(value, by_alias=True)
    return made


def model_default(field: FieldInfo) -> Any:
    """Return the default of an optional field; one that depends on other fields counts as none."""
    if field.default_factory_takes_validated_data:
        return None
    return field.get_default(call_default_factory=True)


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 form of a JSON value."""
    return rfc8785.dumps(value)


def revision_sha256(bundle: Mapping[str, Any]) -> str:
    """Return the identity of a bundle: ``{"flow": normalised, "files": {name: text}}``."""
    return hashlib.sha256(canonical(bundle)).hexdigest()
