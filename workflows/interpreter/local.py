"""Local activities: quick, idempotent store operations next to the workflow, one event each."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

from pydantic import BaseModel
from temporalio import workflow
from temporalio.common import RetryPolicy

R = TypeVar("R", bound=BaseModel)

LOCAL_TIMEOUT = timedelta(seconds=30)
INFRASTRUCTURE = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=2, maximum_interval=timedelta(seconds=5)
)
"""For what is nobody's fault (a dead worker, a locked store): as often as it takes."""
ONCE = RetryPolicy(maximum_attempts=1)


async def local(name: str, given: BaseModel, result: type[R]) -> R:
    """Run a local activity until the store answers. What the store refuses for good raises ``FailureError``."""
    answer: R = await workflow.execute_local_activity(
        name, given, result_type=result, start_to_close_timeout=LOCAL_TIMEOUT, retry_policy=INFRASTRUCTURE
    )
    return answer
