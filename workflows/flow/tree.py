"""A flow after its structure was understood: typed parts, and tasks as a tree with their places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import BaseModel

from workflows.flow.loaded import Json, Path
from workflows.flow.model.common import TaskCommon
from workflows.flow.model.fields import Input
from workflows.flow.model.flow import FlowDocument, FlowOutput
from workflows.flow.model.triggers import Trigger
from workflows.flow.planned import Effect, Kind
from workflows.flow.tasktype import TaskType


@dataclass(slots=True)
class Task:
    """One task. ``raw`` are its own properties as written; ``model`` their typed form, if they are valid.

    ``lists`` holds the tasks inside: ``tasks``, ``suggest``, ``enrich``, ``on_approve``, ``branches.<name>``,
    ``cases.<name>``, ``default``. ``tool_types`` are the types of an agent's tools.
    """

    path: Path
    common: TaskCommon
    kind: Kind
    raw: dict[str, Json]
    model: BaseModel | None = None
    task_type: TaskType | None = None
    effect: Effect = "none"
    tool_types: dict[str, TaskType] = field(default_factory=dict)
    lists: dict[str, list[Task]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.common.id

    @property
    def type(self) -> str:
        return self.common.type

    def walk(self) -> Iterator[Task]:
        """Yield this task and every task inside it, in the order of the text."""
        yield self
        for tasks in self.lists.values():
            for task in tasks:
                yield from task.walk()


@dataclass(slots=True)
class Flow:
    """A whole flow. ``document`` keeps the raw lists; the typed ones are beside it."""

    document: FlowDocument
    inputs: list[Input] = field(default_factory=list)
    triggers: list[Trigger] = field(default_factory=list)
    outputs: dict[str, FlowOutput] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    errors: list[Task] = field(default_factory=list)
    finally_: list[Task] = field(default_factory=list)

    def sections(self) -> dict[str, list[Task]]:
        return {"tasks": self.tasks, "errors": self.errors, "finally": self.finally_}

    def walk(self) -> Iterator[Task]:
        for tasks in self.sections().values():
            for task in tasks:
                yield from task.walk()
