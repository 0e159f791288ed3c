"""The words of a gate: actions, outcomes, states, and the errors that every channel words the same way.

Errors
------
GateError                 the decision was not taken; ``status`` is the HTTP status every channel maps from
├── gate_not_found          404
├── not_permitted           403  no right, self-approval, a service where a person is needed
├── stale_revision          409  the gate has a newer revision than the one that was seen
├── digest_mismatch         409  what was shown is not what would run
├── already_decided         409  ``detail`` names who decided what and when
├── expired                 409  the deadline passed; the expiry was recorded instead
├── withdrawn               409  the execution ended without this decision
├── claimed                 409  somebody else holds the claim
├── already_applied         409  effects have run, so other content needs a new execution
├── not_revisable           409  changes cannot be requested (any more)
├── not_undoable            409  the decision is in effect
├── invalid_edit            422  ``detail.fields`` lists messages per field
├── invalid_reason          422
└── idempotency_key_reused  422
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Json = Any


class Action(StrEnum):
    """What a reviewer does."""

    APPROVE = "approve"
    EDIT = "edit"
    REJECT = "reject"
    REQUEST_CHANGES = "request_changes"


class Outcome(StrEnum):
    """What a gate ended with, or (``changes_requested``) why it goes round once more."""

    APPROVED = "approved"
    EDITED = "edited"
    AUTO = "auto"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    CHANGES_REQUESTED = "changes_requested"


class GateState(StrEnum):
    OPEN = "open"
    DECIDED = "decided"
    WITHDRAWN = "withdrawn"


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FailedRule(Model):
    """A rule that did not hold. ``rule`` is its index, or -1 for the schema; ``error`` when it could not be evaluated."""

    rule: int
    message: str
    error: str | None = None


class Evidence(Model):
    """What an enrichment found, or that it is missing and why."""

    id: str
    type: str
    state: Literal["found", "missing"]
    value: Json = None
    reason: str | None = None


class ResolvedEffect(Model):
    """An effect of a yes, exactly as it will run: the connector, its connection's name and every argument."""

    path: str
    type: str
    properties: dict[str, Json]


class ShownField(Model):
    label: str
    value: Json
    format: str = "text"


class View(Model):
    """The view document: what every channel renders, and what a decision is bound to.

    ``execution_id``, ``path`` and ``item_key`` make it valid for this one gate of this one execution.
    """

    schema_v: int = 1
    execution_id: str
    path: str
    item_key: str
    title: str
    show: tuple[ShownField, ...] = ()
    suggestion: dict[str, Json]
    meta: dict[str, Json] = Field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    failed_rules: tuple[FailedRule, ...] = ()
    effects: tuple[ResolvedEffect, ...] = ()
    policy_version: str


class Actor(Model):
    """Who acts and how they were recognised; snapshotted on every vote and decision."""

    principal_id: str
    name: str
    kind: Literal["person", "service"]
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    via: str
    sign_in: str


class GateError(Exception):
    """A refused decision. See the tree in the module's docstring."""

    def __init__(
        self, code: str, message: str, *, status: int, remedy: str = "", detail: dict[str, Json] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.remedy = remedy
        self.detail = detail or {}
