"""The plan of a gate."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from workflows.flow.durations import parse_duration
from workflows.flow.expr import without_condition_braces
from workflows.flow.loaded import Json
from workflows.flow.model.ai import Agent
from workflows.flow.model.gate import Approve, Gate, Rule, quorum_number
from workflows.flow.planned import (
    ApprovePlan,
    EscalatePlan,
    ExpirePlan,
    GatePlan,
    RemindPlan,
    RulePlan,
    ShowField,
    StagePlan,
    TaskPlan,
)
from workflows.flow.schema import output_schema
from workflows.flow.tree import Task

PlanTasks = Callable[[Iterable[Task]], tuple[TaskPlan, ...]]


def gate_plan(task: Task, gate: Gate, plan_tasks: PlanTasks) -> GatePlan:
    suggest = task.lists.get("suggest", [])
    return GatePlan(
        title=gate.title,
        show=tuple(ShowField(label=line.label, value=line.value, format=line.format) for line in gate.show),
        suggest=plan_tasks(suggest)[0] if suggest else None,
        suggestion=gate.suggestion,
        output_schema=suggestion_schema(task, gate),
        rules=tuple(map(_rule, gate.validate_)),
        revise=gate.revise,
        on_invalid=gate.on_invalid,
        enrich=plan_tasks(task.lists.get("enrich", [])),
        approve=_approve(gate.approve),
        on_approve=plan_tasks(task.lists.get("on_approve", [])),
        on_reject=gate.on_reject,
    )


def suggestion_schema(task: Task, gate: Gate) -> dict[str, Json]:
    """Return the schema of the suggestion's fields: said by the gate, else by its agent, else any fields."""
    if gate.output is not None:
        return output_schema(gate.output)
    suggest = task.lists.get("suggest", [])
    model = suggest[0].model if suggest else None
    return output_schema(model.output) if isinstance(model, Agent) else {"type": "object"}


def _rule(rule: Rule) -> RulePlan:
    require = without_condition_braces(rule.require)
    when = without_condition_braces(rule.when) if rule.when is not None else None
    return RulePlan(require=require, message=rule.message or f"This must hold: {require}", when=when)


def _approve(approve: Approve) -> ApprovePlan:
    stages = tuple(
        StagePlan(groups=tuple(s.groups), people=tuple(s.people), quorum=quorum_number(s.quorum))
        for s in approve.all_stages()
    )
    remind, escalate, expire = approve.remind, approve.escalate, approve.expire
    return ApprovePlan(
        auto_when=without_condition_braces(approve.auto_when) if approve.auto_when is not None else None,
        second_look=approve.second_look,
        stages=stages,
        exclude=tuple(approve.reviewers.exclude),
        editable=tuple(approve.editable),
        reasons=tuple(approve.reasons),
        notify=tuple(one.model_dump(mode="json", exclude_none=True) for one in approve.notify),
        remind=RemindPlan(every_ms=parse_duration(remind.every), max=remind.max) if remind else None,
        escalate=EscalatePlan(
            after_ms=parse_duration(escalate.after), groups=tuple(escalate.to.groups), people=tuple(escalate.to.people)
        )
        if escalate
        else None,
        expire=ExpirePlan(after_ms=parse_duration(expire.after), then=expire.then) if expire else None,
        max_rounds=approve.max_rounds,
        priority=approve.priority,
    )
