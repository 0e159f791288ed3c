"""From a checked flow to the plan that runs. Needs a flow without errors; consults the tree alone."""

from __future__ import annotations

from workflows.flow.durations import parse_duration
from workflows.flow.loaded import Json
from workflows.flow.model.common import TimeoutRule
from workflows.flow.model.fields import Input
from workflows.flow.model.triggers import Trigger
from workflows.flow.normal import canonical, normalise, revision_sha256
from workflows.flow.plan_tasks import Planner
from workflows.flow.planned import (
    BudgetPlan,
    ConcurrencyPlan,
    FlowPlan,
    InputPlan,
    OutputPlan,
    TriggerPlan,
)
from workflows.flow.tasktype import World
from workflows.flow.tree import Flow

__all__ = ["canonical", "make_plan", "normalise", "revision_sha256"]

_TRIGGER_KEYS = frozenset({"id", "type", "inputs", "description"})


def make_plan(flow: Flow, world: World, *, namespace: str, revision: int = 0, sha256: str = "") -> FlowPlan:
    """Return the plan of a flow in a namespace; the namespace's vars win over the flow's."""
    document = flow.document
    planner = Planner(document.retry)
    return FlowPlan(
        namespace=namespace,
        flow_id=document.id,
        revision=revision,
        revision_sha256=sha256,
        language=document.visto,
        mode=document.mode,
        description=document.description,
        inputs=tuple(map(input_plan, flow.inputs)),
        vars={**document.vars, **world.namespace_vars(namespace)},
        labels=document.labels,
        triggers=tuple(_trigger(trigger) for trigger in flow.triggers if trigger.enabled),
        **_timeout(document.timeout),
        concurrency=ConcurrencyPlan(**document.concurrency.model_dump()) if document.concurrency else None,
        budget=BudgetPlan(**document.budget.model_dump()) if document.budget else None,
        tasks=planner.tasks(flow.tasks),
        errors=planner.tasks(flow.errors),
        finally_=planner.tasks(flow.finally_),
        outputs={name: OutputPlan(value=part.value, type=part.type) for name, part in flow.outputs.items()},
    )


def _timeout(rule: TimeoutRule | None) -> dict[str, Json]:
    if rule is None:
        return {}
    return {"timeout_ms": parse_duration(rule.after), "timeout_includes_waiting": rule.includes_waiting}


def input_plan(part: Input) -> InputPlan:
    """Return the plan of one input."""
    return InputPlan(
        id=part.id,
        type=part.type,
        required=part.is_required,
        default=part.default,
        description=part.description,
        enum=tuple(part.enum) if part.enum is not None else None,
        pattern=part.pattern,
        min=part.min,
        max=part.max,
        json_schema=part.schema_,
    )


def _trigger(trigger: Trigger) -> TriggerPlan:
    dumped = trigger.model_dump(mode="json", by_alias=True, exclude_none=True)
    own = {key: value for key, value in dumped.items() if key not in _TRIGGER_KEYS}
    return TriggerPlan(id=trigger.id, type=trigger.type, inputs=trigger.inputs, properties=own)
