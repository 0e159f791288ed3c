"""What every task has: identity, condition, retry, timeout. And the flow-wide limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from workflows.flow.model.base import Condition, Duration, Identifier, Json, Part

RetryReason = Literal["timeout", "rate_limit", "server_error"]


class Retry(Part):
    """How a task is tried again. ``attempts`` counts the first try."""

    attempts: int = Field(default=3, ge=1, le=100)
    every: Duration = "1s"
    backoff: Literal["constant", "exponential"] = "exponential"
    max_every: Duration = "1m"
    jitter: bool = True
    on: list[RetryReason] = Field(default=["timeout", "rate_limit", "server_error"])


class TimeoutRule(Part):
    """``timeout: 6h`` is short for ``{after: 6h}``. Waiting for people does not count unless it is included."""

    after: Duration
    includes_waiting: bool = False


def _timeout(value: Json) -> Json:
    return {"after": value} if isinstance(value, (str, int, float)) else value


Timeout = Annotated[
    TimeoutRule,
    BeforeValidator(_timeout),
    WithJsonSchema({"anyOf": [{"type": "string"}, TimeoutRule.model_json_schema()]}),
]


class TaskCommon(Part):
    """The keys of every task, whatever its type."""

    id: Identifier
    type: str
    description: str = ""
    when: Condition | None = None
    needs: list[str] | None = None
    retry: Retry | None = None
    timeout: Timeout | None = None
    allow_failure: bool = False


COMMON_KEYS = frozenset(TaskCommon.model_fields)


class Concurrency(Part):
    """How many executions of the flow work at the same time."""

    limit: int = Field(ge=1, le=10_000)
    on_limit: Literal["queue", "cancel", "fail"] = "queue"


class Budget(Part):
    """What one execution may cost."""

    usd: float | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)
