"""The gate: suggest, validate, enrich, approve, on_approve."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from workflows.flow.model.base import Condition, Duration, Json, Part, RawTask, Template, refuse
from workflows.flow.model.fields import AnyField

Excluded = Literal["requester", "author", "editor"]
_OF = re.compile(r"^([1-9]\d{0,2}) of ([1-9]\d{0,2})$")
_PERCENT = re.compile(r"^(\d{1,3}(?:\.\d{1,4})?)\s*%$")


class Show(Part):
    """One line of what the reviewer sees."""

    label: str
    value: Template
    format: str = "text"


class Rule(Part):
    """Holds when ``when`` is absent or true and ``require`` is true."""

    require: Condition
    message: str = ""
    when: Condition | None = None


def _quorum(value: Json) -> Json:
    if value == "all":
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 999:  # noqa: PLR2004
        return value
    found = _OF.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[1]) > int(found[2]):
        raise refuse("bad-quorum", "`quorum` is a number, `all`, or for example `2 of 3`")
    return value


Quorum = Annotated[
    int | str,
    BeforeValidator(_quorum),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]}),
]


def quorum_number(quorum: int | str) -> int | Literal["all"]:
    """``2 of 3`` asks for two votes."""
    if isinstance(quorum, int):
        return quorum
    return "all" if quorum == "all" else int(quorum.split()[0])


def quorum_pool(quorum: int | str) -> int | None:
    """Return the 3 of ``2 of 3``, else None."""
    found = _OF.fullmatch(quorum) if isinstance(quorum, str) else None
    return int(found[2]) if found else None


class People(Part):
    groups: list[str] = Field(default_factory=list)
    people: list[str] = Field(default_factory=list)


class Stage(People):
    """Who may decide at this stage, and how many must agree."""

    name: str = ""
    quorum: Quorum = 1


class Reviewers(People):
    quorum: Quorum = 1
    exclude: list[Excluded] = Field(default=["requester"])


class Remind(Part):
    every: Duration
    max: int = Field(default=3, ge=1, le=100)


class Escalate(Part):
    after: Duration
    to: People


class Expire(Part):
    """``then: approve`` must be written; nothing is approved by a timeout otherwise."""

    after: Duration
    then: Literal["reject", "approve", "fail"] = "reject"


class Notify(Part):
    type: Literal["slack", "email"]
    channel: str | None = None
    to: list[str] | None = None


def _share(value: Json) -> Json:
    found = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    share = float(found[1]) / 100 if found else value
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
        raise refuse("bad-value", "`second_look` is a share such as `5%`")
    return float(share)


class Approve(Part):
    """Policy first, people next."""

    auto_when: Condition | None = None
    second_look: Annotated[
        float, BeforeValidator(_share), WithJsonSchema({"type": ["string", "number"], "examples": ["5%"]})
    ] = 0.0
    reviewers: Reviewers = Reviewers()
    stages: list[Stage] = Field(default_factory=list)
    editable: list[str] = Field(default_factory=list)
    reasons: list[str] = Field(default_factory=list)
    notify: list[Notify] = Field(default_factory=list)
    remind: Remind | None = None
    escalate: Escalate | None = None
    expire: Expire | None = None
    max_rounds: int = Field(default=5, ge=1, le=50)
    priority: int | str = 0

    def all_stages(self) -> list[Stage]:
        """Return the stages in order; ``reviewers`` alone is one stage."""
        if self.stages:
            return list(self.stages)
        return [Stage(groups=self.reviewers.groups, people=self.reviewers.people, quorum=self.reviewers.quorum)]


class Gate(Part):
    """A suggestion that people (or a policy) decide about."""

    title: str
    show: list[Show] = Field(default_factory=list)
    suggest: RawTask | None = None
    suggestion: Template = None
    output: dict[str, AnyField] | None = None
    validate_: list[Rule] = Field(default_factory=list, alias="validate")
    revise: int = Field(default=0, ge=0, le=10)
    on_invalid: Literal["escalate", "reject", "fail"] = "escalate"
    enrich: list[RawTask] = Field(default_factory=list)
    approve: Approve = Approve()
    on_approve: list[RawTask] = Field(default_factory=list)
    on_reject: Literal["stop", "continue", "fail"] = "stop"

    @model_validator(mode="after")
    def _one_suggestion(self) -> Gate:
        if (self.suggest is None) == (self.suggestion is None):
            raise refuse("missing-key", "a gate needs either `suggest` (a task) or `suggestion` (a value)")
        return self


DECISION_META = frozenset({"decision", "by", "at", "reason", "revision", "confidence", "citations"})
