"""Tasks that are one step: values, failures on purpose, agents, connectors and retrieval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar, cast

from workflows.contracts import (
    AGENT_RUN,
    CONNECTOR_CALL,
    RAG_INGEST,
    RAG_SEARCH,
    AgentIn,
    Json,
    PermitClaim,
    Reason,
    StepOut,
    TaskIn,
)
from workflows.flow import expr
from workflows.flow.planned import TaskPlan
from workflows.gates.digest import NotCanonical
from workflows.interpreter.endings import StepFailed, Stop
from workflows.interpreter.frame import Frame
from workflows.interpreter.steps import outside

T = TypeVar("T")

ACTIVITY = {"activity": CONNECTOR_CALL, "rag.search": RAG_SEARCH, "rag.ingest": RAG_INGEST}


async def run_step(frame: Frame, task: TaskPlan) -> Json:
    """Run a task that is a single step and return its output."""
    properties = rendered(frame, task)
    if task.kind == "set":
        return properties.get("values", properties)
    if task.kind == "fail":
        code = str(properties.get("code", "failed_by_flow"))
        raise StepFailed(Reason(code=code, message=str(properties["message"]), task=frame.key_of(task.id)))
    if task.kind == "stop":
        message = str(properties.get("message") or "The flow ended here as planned.")
        raise Stop(
            properties.get("state", "succeeded"), Reason(code="stopped", message=message, task=frame.key_of(task.id))
        )
    if task.kind == "agent":
        return await ask_agent(frame, task, properties)
    return await call(frame, task, properties)


async def ask_agent(
    frame: Frame,
    task: TaskPlan,
    properties: dict[str, Json],
    objections: Sequence[dict[str, Json]] = (),
    round_: int = 0,
) -> Json:
    """Run an agent. Its output is its fields plus ``meta``."""
    budget = frame.run.given.plan.budget
    given = AgentIn(
        where=frame.where(task.id),
        properties=properties,
        output_schema=properties.get("output_schema", {}),
        objections=list(objections),
        round=round_,
        op_id=frame.run.op_id(frame.path_of(task.id), frame.item_key, round_, "agent"),
        budget=budget.model_dump() if budget else None,
    )
    return (await outside(frame, task, AGENT_RUN, given, StepOut, quick=_answers_at_once(frame, properties))).output


def _answers_at_once(frame: Frame, properties: dict[str, Json]) -> bool:
    """Whether an agent asks nobody outside its worker. Inside loops, hundreds would share one workflow task: not there."""
    limits = frame.run.given.limits
    asks_around = properties.get("knowledge") or properties.get("tools")
    known = properties.get("model", "default") in limits.instant_models
    return known and not asks_around and not limits.separate_ai and not frame.item_key


async def call(
    frame: Frame, task: TaskPlan, properties: dict[str, Json], *, permit: PermitClaim | None = None, revision: int = 0
) -> Json:
    """Run a connector or a retrieval task with rendered properties."""
    given = TaskIn(
        where=frame.where(task.id),
        type=task.type,
        properties=properties,
        op_id=frame.run.op_id(frame.path_of(task.id), frame.item_key, revision, "call"),
        effect=task.effect,
        idempotent=task.idempotent,
        permit=permit,
    )
    return (await outside(frame, task, ACTIVITY[task.kind], given, StepOut, quick=task.quick)).output


def rendered(frame: Frame, task: TaskPlan) -> dict[str, Json]:
    """The task's properties with every template filled in."""
    return cast("dict[str, Json]", checked(frame, task, lambda: expr.render(task.properties, frame.scope())))


def checked(frame: Frame, task: TaskPlan, work: Callable[[], T]) -> T:
    """Do something pure; an expression that cannot be evaluated is a failed step with its place and hint."""
    try:
        return work()
    except expr.ExpressionError as error:
        reason = Reason(code="expression", message=str(error), task=frame.key_of(task.id), remedy=error.hint or None)
        raise StepFailed(reason) from error
    except NotCanonical as error:
        raise StepFailed(Reason(code="expression", message=str(error), task=frame.key_of(task.id))) from error
