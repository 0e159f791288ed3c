"""Control tasks: how other tasks run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from workflows.flow.model.base import Condition, Duration, Json, Part, RawTask, Template, refuse

Tasks = list[RawTask]


class Foreach(Part):
    """Run tasks once per element; ``result`` names the task whose output counts (the last one unless said)."""

    items: Template
    concurrency: int = Field(default=10, ge=1, le=1_000)
    on_failure: Literal["fail", "collect"] = "fail"
    result: str | None = None
    tasks: Tasks = Field(min_length=1)


class Parallel(Part):
    """Run every branch at the same time."""

    branches: dict[str, Tasks] = Field(min_length=1)


class Switch(Part):
    """Run the case that equals ``value``, else ``default``; without a match and a default the task fails."""

    value: Template
    cases: dict[str, Tasks] = Field(min_length=1)
    default: Tasks | None = None


class Repeat(Part):
    """Run tasks again until a condition holds, at most ``max`` times."""

    tasks: Tasks = Field(min_length=1)
    until: Condition
    every: Duration = "10s"
    max: int = Field(default=100, ge=1, le=100_000)


class Subflow(Part):
    """Run another flow, pinned to its revision at the parent's start."""

    flow: str
    inputs: dict[str, Json] = Field(default_factory=dict)
    wait: bool = True


class Wait(Part):
    """Wait for a time, or until a moment (a date and time)."""

    for_: Duration | None = Field(default=None, alias="for")
    until: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Wait:
        if (self.for_ is None) == (self.until is None):
            raise refuse("missing-key", "give either `for` (a duration) or `until` (a moment)")
        return self


class Set(Part):
    """Name values: each becomes a field of this task's output."""

    values: dict[str, Template] = Field(min_length=1)


class Stop(Part):
    """End the execution here, as succeeded or as rejected."""

    message: str = ""
    state: Literal["succeeded", "rejected"] = "succeeded"


class Fail(Part):
    """End the execution here, as failed."""

    message: str
    code: str = "failed_by_flow"


CONTROL: dict[str, type[Part]] = {
    "foreach": Foreach,
    "parallel": Parallel,
    "switch": Switch,
    "repeat": Repeat,
    "subflow": Subflow,
    "wait": Wait,
    "set": Set,
    "stop": Stop,
    "fail": Fail,
}
AVAILABLE_CONTROL = frozenset({"foreach", "set", "stop", "fail"})
