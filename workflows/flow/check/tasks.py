"""Reads tasks: looks their type up, validates common and own properties, and descends into the tasks inside."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from workflows.flow.check.validation import known_keys, validate
from workflows.flow.effects import effect_of
from workflows.flow.expressions.nearest import nearest
from workflows.flow.loaded import Json, Path, Report
from workflows.flow.model.ai import Agent, AgentToolCommon
from workflows.flow.model.base import Part
from workflows.flow.model.common import COMMON_KEYS, TaskCommon
from workflows.flow.model.control import CONTROL
from workflows.flow.model.gate import Gate
from workflows.flow.planned import Kind
from workflows.flow.tasktype import TaskType, World
from workflows.flow.tree import Task

LANGUAGE_TYPES: dict[str, type[BaseModel]] = {**CONTROL, "gate": Gate}
_LISTS = ("tasks", "enrich", "on_approve", "default")
_GROUPS = ("branches", "cases")


class TaskReader:
    """Reads the tasks of one flow; ``defaults`` are merged into each task of their type."""

    def __init__(self, report: Report, world: World, defaults: Mapping[str, Mapping[str, Json]]) -> None:
        self.report = report
        self.types = world.task_types()
        self.defaults = defaults

    def check_defaults(self) -> None:
        for name in self.defaults:
            if name not in self.types and name not in LANGUAGE_TYPES:
                self.report.add(("defaults", name), "unknown-type", self._no_type(name), self._nearest(name), key=True)

    def read_list(self, raw: Json, path: Path) -> list[Task]:
        """Read a list of tasks. What is no task was reported with the model around it, and is left out."""
        listed = enumerate(raw) if isinstance(raw, list) else ()
        found = (self.read(one, (*path, index)) for index, one in listed if isinstance(one, dict))
        return [task for task in found if task is not None]

    def read(self, raw: dict[str, Json], path: Path, *, default_id: str | None = None) -> Task | None:
        name = raw.get("type")
        if not isinstance(name, str):
            self.report.add(path, "missing-key", "`type` is missing", "say what this task does, e.g. `type: csv.read`")
            return None
        kind, model, task_type = self._type(name)
        if model is None:
            self.report.add((*path, "type"), "unknown-type", self._no_type(name), self._nearest(name))
            return None
        merged = {**self.defaults.get(name, {}), **({"id": default_id} if default_id else {}), **raw}
        common = {key: value for key, value in merged.items() if key in COMMON_KEYS}
        own = {key: value for key, value in merged.items() if key not in COMMON_KEYS}
        task = Task(path, self._common(common, path), kind, own, task_type=task_type)
        task.model = validate(model, own, path, self.report, templates=not issubclass(model, Part))
        task.effect = effect_of(task_type, own)
        if isinstance(task.model, Agent):
            self._tools(task, task.model)
        self._descend(task)
        return task

    def _tools(self, task: Task, agent: Agent) -> None:
        for index, raw in enumerate(agent.tools):
            path = (*task.path, "tools", index)
            common = {key: value for key, value in raw.items() if key in AgentToolCommon.model_fields}
            tool = validate(AgentToolCommon, common, path, self.report)
            known = self.types.get(tool.type) if tool else None
            if tool is not None and known is None:
                self.report.add((*path, "type"), "unknown-type", self._no_type(tool.type), self._nearest(tool.type))
            elif known is not None:
                task.tool_types[known.name] = known
                own = {key: value for key, value in raw.items() if key not in AgentToolCommon.model_fields}
                self._tool_properties(known, own, path)

    def _tool_properties(self, known: TaskType, own: dict[str, Json], path: Path) -> None:
        """An agent fills in some properties itself, so only what is written is checked."""
        keys = known_keys(known.properties)
        for key in own:
            if key not in keys:
                self.report.add((*path, key), "unknown-key", f"`{key}` is not known here", nearest(key, keys), key=True)

    def _type(self, name: str) -> tuple[Kind, type[BaseModel] | None, TaskType | None]:
        if name == "gate":
            return "gate", Gate, None
        if name in CONTROL:
            return name, CONTROL[name], None  # type: ignore[return-value]  # the names of CONTROL are kinds
        task_type = self.types.get(name)
        return (task_type.kind, task_type.properties, task_type) if task_type else ("activity", None, None)

    def _common(self, raw: dict[str, Json], path: Path) -> TaskCommon:
        common = validate(TaskCommon, raw, path, self.report)
        if common is not None:
            return common
        usable = {key: raw[key] for key in ("id", "when", "description") if isinstance(raw.get(key), str)}
        return TaskCommon.model_construct(**{"id": "", "type": raw["type"], **usable})

    def _descend(self, task: Task) -> None:
        path, raw = task.path, task.raw
        language = task.task_type is None
        if language and isinstance(raw.get("suggest"), dict):
            suggest = self.read(raw["suggest"], (*path, "suggest"), default_id="suggest")
            task.lists["suggest"] = [suggest] if suggest else []
        for name in _LISTS if language else ():
            if isinstance(raw.get(name), list):
                task.lists[name] = self.read_list(raw[name], (*path, name))
        for name in _GROUPS if language else ():
            group = raw.get(name)
            for key, tasks in group.items() if isinstance(group, dict) else ():
                task.lists[f"{name}.{key}"] = self.read_list(tasks, (*path, name, key))

    def _no_type(self, name: str) -> str:
        return f"there is no task type `{name[:60]}`"

    def _nearest(self, name: str) -> str:
        return nearest(name, {*self.types, *LANGUAGE_TYPES}) or "`visto flow schema` lists them"
