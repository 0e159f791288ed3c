"""Plans of single tasks. The gate's is in ``plan_gate``, which calls back for the tasks inside it."""

from __future__ import annotations

from collections.abc import Iterable

from workflows.flow.durations import parse_duration
from workflows.flow.effects import effect_of
from workflows.flow.expr import without_condition_braces
from workflows.flow.loaded import Json
from workflows.flow.model.ai import Agent, AgentToolCommon
from workflows.flow.model.common import Retry
from workflows.flow.model.control import Foreach, Repeat, Switch
from workflows.flow.model.gate import Gate
from workflows.flow.normal import own_properties
from workflows.flow.plan_gate import gate_plan
from workflows.flow.planned import BranchPlan, ForeachPlan, GatePlan, RetryPlan, TaskPlan
from workflows.flow.schema import output_schema
from workflows.flow.secrets import with_references
from workflows.flow.tree import Task

_TOOL_KEYS = frozenset(AgentToolCommon.model_fields)


def retry_plan(retry: Retry) -> RetryPlan:
    """Return a retry rule with its durations in milliseconds."""
    return RetryPlan(
        attempts=retry.attempts,
        every_ms=parse_duration(retry.every),
        backoff=retry.backoff,
        max_every_ms=parse_duration(retry.max_every),
        jitter=retry.jitter,
        on=tuple(retry.on),
    )


class Planner:
    """Plans the tasks of one flow; a task's own ``retry`` wins over the flow's."""

    def __init__(self, retry: Retry | None) -> None:
        self.retry = retry_plan(retry or Retry())

    def tasks(self, tasks: Iterable[Task]) -> tuple[TaskPlan, ...]:
        return tuple(self.task(task) for task in tasks)

    def task(self, task: Task) -> TaskPlan:
        common, known = task.common, task.task_type
        timeout = common.timeout
        return TaskPlan(
            id=common.id,
            type=common.type,
            kind=task.kind,
            when=without_condition_braces(common.when) if common.when is not None else None,
            needs=tuple(common.needs) if common.needs is not None else None,
            retry=retry_plan(common.retry) if common.retry else self.retry,
            timeout_ms=parse_duration(timeout.after) if timeout else None,
            timeout_includes_waiting=timeout.includes_waiting if timeout else False,
            allow_failure=common.allow_failure,
            effect=task.effect,
            queue=known.queue if known else "visto",
            idempotent=task.effect != "write" or (known.idempotent if known else True),
            quick=known is not None and known.quick and known.idempotent and timeout is None,
            properties=self._properties(task),
            gate=self._gate(task),
            foreach=self._foreach(task),
            branch=self._branch(task),
        )

    def _properties(self, task: Task) -> dict[str, Json]:
        if task.kind in ("gate", "foreach", "parallel", "switch"):
            return {}
        properties = with_references(task.task_type, own_properties(task))
        if isinstance(task.model, Agent):
            dumped = task.model.model_dump(mode="json", by_alias=True, exclude_none=True)
            tools = [_tool(tool, task) for tool in task.model.tools]
            return {**dumped, "tools": tools, "output_schema": output_schema(task.model.output)}
        if isinstance(task.model, Repeat):
            properties = {
                "until": without_condition_braces(task.model.until),
                "every_ms": parse_duration(task.model.every),
                "max": task.model.max,
                "tasks": [plan.model_dump(mode="json") for plan in self.tasks(task.lists["tasks"])],
            }
        return properties

    def _gate(self, task: Task) -> GatePlan | None:
        return gate_plan(task, task.model, self.tasks) if isinstance(task.model, Gate) else None

    def _foreach(self, task: Task) -> ForeachPlan | None:
        model = task.model
        if not isinstance(model, Foreach):
            return None
        tasks = self.tasks(task.lists["tasks"])
        return ForeachPlan(
            items=model.items,
            concurrency=model.concurrency,
            on_failure=model.on_failure,
            result=model.result or tasks[-1].id,
            tasks=tasks,
        )

    def _branch(self, task: Task) -> BranchPlan | None:
        if task.kind not in ("parallel", "switch"):
            return None
        cases = {name.partition(".")[2]: self.tasks(tasks) for name, tasks in task.lists.items() if "." in name}
        default = self.tasks(task.lists["default"]) if "default" in task.lists else None
        value = task.model.value if isinstance(task.model, Switch) else None
        return BranchPlan(value=value, cases=cases, default=default)


def _tool(raw: dict[str, Json], task: Task) -> dict[str, Json]:
    common = AgentToolCommon.model_validate({key: raw[key] for key in raw.keys() & _TOOL_KEYS})
    own = {key: value for key, value in raw.items() if key not in _TOOL_KEYS}
    known = task.tool_types.get(common.type)
    return {
        "name": common.name,
        "type": common.type,
        "description": common.description or (known.summary if known else ""),
        "effect": effect_of(known, own),
        "parameters": output_schema(common.parameters),
        "properties": with_references(known, own),
    }
