"""What a task does to the world. For most types that is fixed; for a request it depends on its method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.flow.planned import Effect
from workflows.flow.tasktype import TaskType

_READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def effect_of(task_type: TaskType | None, properties: Mapping[str, Any]) -> Effect:
    """Return the effect of a task. ``http.request`` reads when its method is a literal GET, HEAD or OPTIONS."""
    if task_type is None:
        return "none"
    if task_type.name == "http.request":
        method = properties.get("method", "GET")
        return "read" if isinstance(method, str) and method in _READING_METHODS else "write"
    return task_type.effect
