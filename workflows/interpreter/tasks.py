"""Lists of tasks and single tasks: conditions, memory, failure, and the kinds that are one step."""

from __future__ import annotations

from collections.abc import Sequence

from workflows.contracts import Outcome, Reason
from workflows.flow import expr
from workflows.flow.durations import format_duration as format_ms
from workflows.flow.planned import TaskPlan
from workflows.interpreter.endings import End, StepFailed
from workflows.interpreter.frame import Frame
from workflows.interpreter.gate import run_gate
from workflows.interpreter.loop import run_foreach
from workflows.interpreter.pace import TimedOut, Timeout, WorkClock, now_ms
from workflows.interpreter.single import checked, run_step


async def run_list(frame: Frame, tasks: Sequence[TaskPlan]) -> End:
    """Run tasks in order until one fails or is rejected. Outputs become visible to the tasks after them."""
    warned, last = False, None
    for task in tasks:
        outcome = await run_task(frame, task)
        if outcome.state in ("failed", "rejected"):
            return End(outcome.state, outcome.reason, outcome)
        warned = warned or outcome.state == "warning"
        if outcome.state != "skipped":
            frame.outputs[task.id] = outcome.output
            last = outcome
    return End("warning" if warned else "succeeded", last=last)


async def run_task(frame: Frame, task: TaskPlan) -> Outcome:
    """Run one task, unless an earlier run of this execution did. Failures become outcomes here, and only here."""
    key = frame.key_of(task.id)
    known = frame.run.recall(key)
    if known is not None:
        return known
    try:
        outcome = await (_timed(frame, task) if _has_working_timeout(task) else _run(frame, task))
    except StepFailed as failure:
        outcome = _failed(frame, task, failure)
    return frame.run.remember(key, outcome, whole=task.kind in ("gate", "foreach"))


def _failed(frame: Frame, task: TaskPlan, failure: StepFailed) -> Outcome:
    if task.allow_failure:
        return Outcome(state="warning", output=None, reason=failure.reason)
    names = failure.rerun or (frame.key_of(task.id),)
    frame.run.failed.extend(name for name in names if name not in frame.run.failed)
    return Outcome(state="failed", reason=failure.reason)


def _has_working_timeout(task: TaskPlan) -> bool:
    """Blocks time themselves; a single step's timeout is its activity's."""
    return task.timeout_ms is not None and task.kind in ("gate", "foreach")


async def _timed(frame: Frame, task: TaskPlan) -> Outcome:
    clock = WorkClock()
    inner = frame.timed(clock)
    clock.enter(now_ms())
    timeout = Timeout(frame.run.timer, frame.key_of(task.id), task.timeout_ms or 0, waits=task.timeout_includes_waiting)
    try:
        return await timeout.guard(clock, _run(inner, task))
    except TimedOut as late:
        message = f"`{task.id}` took longer than {format_ms(task.timeout_ms or 0)}."
        raise StepFailed(Reason(code="timeout", message=message, task=frame.key_of(task.id))) from late


async def _run(frame: Frame, task: TaskPlan) -> Outcome:
    if task.when is not None and not checked(frame, task, lambda: expr.condition(task.when or "", frame.scope())):
        return Outcome(state="skipped")
    if task.kind == "gate":
        return await run_gate(frame, task)
    if task.kind == "foreach":
        return await run_foreach(frame, task, run_list)
    return Outcome(state="succeeded", output=await run_step(frame, task))
