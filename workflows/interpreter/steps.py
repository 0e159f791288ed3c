"""Calling activities: options, our own retry policy, and failures in words.

A quick step is tried once beside the workflow, as a local activity: no trip through the server, one event instead of
six. What is not settled there within moments goes the normal way, where waiting and repeating cost the history nothing.

Temporal repeats an activity whose worker died, as often as it takes; that is no attempt of the task. What an activity
*reports* as failed comes back here, and the task's ``retry`` decides, so attempts mean what the YAML says. A timeout is
such a report: the worker ends the step itself, ``TIMEOUT_GRACE`` before Temporal would take the worker for hung.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TypeVar

from pydantic import BaseModel
from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    is_cancelled_exception,
)
from temporalio.exceptions import (
    TimeoutError as ActivityTimeout,
)

from workflows.contracts import QUEUE, QUEUE_AI, TIMEOUT_GRACE, Json, Reason
from workflows.flow.planned import RetryPlan, TaskPlan
from workflows.interpreter.endings import StepFailed
from workflows.interpreter.frame import Frame
from workflows.interpreter.local import INFRASTRUCTURE, ONCE, local

R = TypeVar("R", bound=BaseModel)

DEFAULT_TIMEOUT = timedelta(minutes=10)
QUICK = timedelta(seconds=3)
"""Below the four seconds after which a local activity would prolong the workflow task, and with it the history."""

SETTLE_S = 0.001
REMEDIES = {
    "timeout": "Try again later, or give the task a longer timeout.",
}


async def outside(
    frame: Frame, task: TaskPlan, name: str, given: BaseModel, result: type[R], *, quick: bool = False
) -> R:
    """Run an activity under the task's retry policy. Raises ``StepFailed`` and ``Afresh``."""
    attempt = 0
    while True:
        attempt += 1
        frame.run.checkpoint()
        try:
            answer = await _here(frame, task, name, given, result) if quick else None
            return answer if answer is not None else await _execute(frame, task, name, given, result)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise asyncio.CancelledError from error
            code, reason, retry_after_ms = explained(error, frame.key_of(task.id))
            if code == "timeout" and task.effect == "write" and not task.idempotent:
                raise StepFailed(_unknown(task, reason), rerun=(frame.key_of(task.id),)) from error
            if code not in task.retry.on or attempt >= task.retry.attempts:
                raise StepFailed(_counted(reason, attempt), rerun=(frame.key_of(task.id),)) from error
            await asyncio.sleep(_delay_ms(task.retry, attempt, retry_after_ms) / 1000)


async def _here(frame: Frame, task: TaskPlan, name: str, given: BaseModel, result: type[R]) -> R | None:
    """Try a step beside the workflow, once. ``None`` when nothing came of it: the store or a brake, a slow moment."""
    try:
        answer: R = await workflow.execute_local_activity(
            name,
            given,
            result_type=result,
            start_to_close_timeout=QUICK,
            retry_policy=ONCE,
            summary=frame.key_of(task.id),
        )
    except FailureError as error:
        if is_cancelled_exception(error):
            raise
        cause = _cause(error)
        if not isinstance(cause, ApplicationError) or not cause.non_retryable:
            return None
        # a worker that woke up too late gets past no timer, so that its failure is nobody's
        await asyncio.sleep(SETTLE_S)
        raise
    return answer


async def _execute(frame: Frame, task: TaskPlan, name: str, given: BaseModel, result: type[R]) -> R:
    timeout = timedelta(milliseconds=task.timeout_ms) if task.timeout_ms else DEFAULT_TIMEOUT
    answer: R = await workflow.execute_activity(
        name,
        given,
        result_type=result,
        task_queue=task.queue if task.queue != QUEUE_AI or frame.run.given.limits.separate_ai else QUEUE,
        start_to_close_timeout=timeout + TIMEOUT_GRACE,
        heartbeat_timeout=timedelta(milliseconds=frame.run.given.limits.heartbeat_ms),
        retry_policy=INFRASTRUCTURE,
        summary=frame.key_of(task.id),
    )
    return answer


async def local_or_fail(name: str, given: BaseModel, result: type[R], task: str) -> R:
    """Like ``local``; what the store refuses for good becomes a failed step."""
    try:
        return await local(name, given, result)
    except FailureError as error:
        if is_cancelled_exception(error):
            raise asyncio.CancelledError from error
        raise StepFailed(explained(error, task)[1], rerun=(task,)) from error


def _cause(error: FailureError) -> BaseException | None:
    """What went wrong. A local activity's failure comes as it is, a normal one's (and a local timeout) wrapped."""
    return error.cause if isinstance(error, ActivityError) else error


def explained(error: FailureError, task: str) -> tuple[str, Reason, int | None]:
    """Code, reason and the wait that the other side asked for, from an activity's failure."""
    cause = _cause(error)
    if isinstance(cause, ApplicationError):
        details: dict[str, Json] = dict(cause.details[0]) if cause.details else {}
        code = cause.type or "failed"
        reason = Reason(
            code=details.get("code") or code, message=cause.message or code, task=task, remedy=details.get("remedy")
        )
        return code, reason, details.get("retry_after_ms")
    if isinstance(cause, ActivityTimeout):
        message = "The step took longer than its timeout."
        return "timeout", Reason(code="timeout", message=message, task=task, remedy=REMEDIES["timeout"]), None
    return "failed", Reason(code="failed", message=str(cause or error), task=task), None


def _unknown(task: TaskPlan, reason: Reason) -> Reason:
    """A write that cannot be recognised by its receiver and whose answer never came: only a person can know."""
    return reason.model_copy(
        update={
            "code": "unknown_outcome",
            "message": f"`{task.id}` was sent and no answer came in time; it may have happened.",
            "remedy": "Look there whether it happened; restart the execution only if it did not.",
        }
    )


def _counted(reason: Reason, attempt: int) -> Reason:
    if attempt == 1:
        return reason
    return reason.model_copy(update={"message": f"{reason.message} ({attempt} attempts)"})


def _delay_ms(retry: RetryPlan, attempt: int, retry_after_ms: int | None) -> float:
    if retry_after_ms is not None:
        return min(retry_after_ms, retry.max_every_ms)
    factor = 2 ** (attempt - 1) if retry.backoff == "exponential" else 1
    delay = min(retry.every_ms * factor, retry.max_every_ms)
    return delay * workflow.random().uniform(0.5, 1.0) if retry.jitter else delay
