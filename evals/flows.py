"""The flow under evaluation: its text as data, another set of labels in its agents, and the agent by itself."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evals.model import EvalError
from workflows.activities.catalog import Catalog
from workflows.flow.compile import compile_data
from workflows.flow.diagnostics import has_errors, render
from workflows.flow.load import load
from workflows.flow.planned import TaskPlan

Json = Any
SUFFIX = "-eval"
MAX_ID = 63


@dataclass(frozen=True, slots=True)
class AgentStep:
    """An agent of a flow, with the constants its templates may use."""

    task: TaskPlan
    vars: Mapping[str, Json]
    labels: Mapping[str, str]

    def field(self, name: str) -> dict[str, Json]:
        schema: dict[str, Json] = self.task.properties["output_schema"]["properties"][name]
        return schema


def parse(text: str, name: str) -> dict[str, Json]:
    """A flow's text as data. Raises ``EvalError`` with every problem."""
    found = load(text, name)
    if has_errors(found.diagnostics) or not isinstance(found.data, dict):
        raise EvalError(render(found.diagnostics) or f"{name} is not a flow.", f"Check it: visto flow validate {name}")
    return found.data


def with_labels(flow: dict[str, Json], field: str, labels: Sequence[str]) -> dict[str, Json]:
    """A copy of the flow whose agents choose ``field`` among ``labels``, under an id of its own.

    Raises ``EvalError`` when no agent has such a field.
    """
    changed = copy.deepcopy(flow)
    fields = [agent["output"][field] for agent in _agents(changed) if isinstance(agent["output"].get(field), dict)]
    if not fields:
        raise EvalError(f"No agent of the flow has an output called {field!r}.", "Name one of its outputs: --label.")
    for one in fields:
        one["enum"] = list(labels)
    changed["id"] = str(flow.get("id", "flow"))[: MAX_ID - len(SUFFIX)] + SUFFIX
    return changed


def _agents(part: Json) -> Iterator[dict[str, Json]]:
    if isinstance(part, dict):
        if part.get("type") == "agent" and isinstance(part.get("output"), dict):
            yield part
        for value in part.values():
            yield from _agents(value)
    elif isinstance(part, list):
        for value in part:
            yield from _agents(value)


def agent_step(flow: dict[str, Json], name: str, field: str) -> AgentStep:
    """The first agent whose output has ``field``. Raises ``EvalError`` for a flow that does not compile."""
    made = compile_data(flow, name, Catalog())
    if made.plan is None:
        raise EvalError(render(made.diagnostics), f"Check it: visto flow validate {name}")
    for task in _tasks(made.plan.tasks):
        if task.kind == "agent" and field in task.properties["output_schema"].get("properties", {}):
            return AgentStep(task, made.plan.vars, made.plan.labels)
    raise EvalError(f"No agent of the flow has an output called {field!r}.", "Name one of its outputs: --label.")


def _tasks(tasks: Sequence[TaskPlan]) -> Iterator[TaskPlan]:
    for task in tasks:
        yield task
        if task.gate and task.gate.suggest:
            yield task.gate.suggest
        if task.foreach:
            yield from _tasks(task.foreach.tasks)
        if task.branch:
            for inner in (*task.branch.cases.values(), task.branch.default or ()):
                yield from _tasks(inner)
