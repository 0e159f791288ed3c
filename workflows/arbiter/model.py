"""Requests to the arbiter and its answers.

A refusal that must leave a trace (a denial, an expiry that a late decision ran into) is an *answer*, ``Refused``, so
that its transaction commits; ``accepted`` turns it into the ``GateError`` it stands for. Other refusals are raised.
Times are UTC; nothing here trusts the caller's clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from workflows.flow.planned import BudgetPlan, GatePlan
from workflows.gates.model import Action, Actor, GateError, GateState, Json, Model, Outcome, ResolvedEffect


class OpenGate(Model):
    """Opens a gate revision, or finds that it is open or decided already.

    ``view`` is the canonical text whose SHA-256 is ``action_digest``. ``round`` counts the requests for changes that
    the workflow has answered. ``auto`` is policy's verdict, ``rejected_by_rules``
    that of ``on_invalid: reject``. ``parked`` says that the execution has nothing else to do meanwhile.
    """

    namespace: str
    execution_id: str
    workflow_id: str
    flow_id: str
    flow_revision: int
    revision_sha256: str
    path: str
    item_key: str = ""
    item_index: int | None = None
    batch_key: str
    gate_plan: GatePlan
    scope: dict[str, Json]
    view: str
    action_digest: str
    fields: dict[str, Json]
    meta: dict[str, Json] = Field(default_factory=dict)
    requester_id: str | None = None
    author_id: str | None = None
    auto: bool = False
    rejected_by_rules: bool = False
    round: int = 0
    generation: int = 0
    parked: bool = False


class GateOutcome(Model):
    """What the store says about a gate. ``outcome`` is ``None`` while nothing is in effect.

    ``fields`` are the decided ones and ``effects`` what they allow, both only for a yes; ``meta`` is
    ``{decision, by, at, reason, revision, confidence, citations}``. ``comment`` goes back to the agent with
    ``changes_requested``, and ``round`` is the one to answer with. ``next_due`` is the gate's own next deadline (a reminder, the expiry, a decision that is not
    in effect yet); ``permits`` says whether effects may run.
    """

    gate_id: str
    state: GateState
    revision: int
    round: int
    outcome: Outcome | None = None
    permits: bool = False
    action_digest: str
    fields: dict[str, Json] | None = None
    effects: tuple[ResolvedEffect, ...] = ()
    meta: dict[str, Json] = Field(default_factory=dict)
    comment: str | None = None
    expire_then: Literal["reject", "approve", "fail"] | None = None
    next_due: datetime | None = None


class LoadGate(Model):
    """Asked by the workflow when it was rung, and with ``due`` when a deadline has passed."""

    namespace: str
    gate_id: str
    execution_id: str
    due: bool = False
    parked: bool = False


class Opened(GateOutcome):
    """``created`` says whether this call made a revision (else it found one)."""

    created: bool


class Decide(Model):
    """One person's action on the revision they saw.

    ``fields`` are the edited ones only. ``new_action_digest`` is what ``preview_edit`` showed for an edit; when given,
    anything else is refused. ``override`` accepts an edit against failed rules (never against the schema).
    """

    namespace: str
    gate_id: str
    actor: Actor
    action: Action
    revision: int
    action_digest: str
    fields: dict[str, Json] | None = None
    new_action_digest: str | None = None
    reason_code: str | None = None
    comment: str | None = None
    undo_window: timedelta = timedelta(0)
    idempotency_key: str | None = None
    override: bool = False


class Decided(Model):
    """The vote counts. ``outcome`` is ``None`` while others must still agree (``missing`` says how many)."""

    gate_id: str
    execution_id: str
    workflow_id: str
    state: GateState
    revision: int
    stage: int
    action_digest: str
    vote_id: str | None = None
    decision_id: str | None = None
    outcome: Outcome | None = None
    missing: int = 0
    decided_at: datetime | None = None
    effective_at: datetime | None = None


class PreviewEdit(Model):
    """Asks what an edit would become; changes nothing."""

    namespace: str
    gate_id: str
    revision: int
    fields: dict[str, Json]
    override: bool = False
    comment: str | None = None


class Handle(Model):
    """Somebody takes care of a gate without deciding: claim, release, comment, view, undo, withdraw."""

    namespace: str
    gate_id: str
    actor: Actor


class Claim(Handle):
    lease: timedelta = timedelta(minutes=10)


class Assign(Handle):
    """``to`` is a principal id, or ``None`` to take the assignment back."""

    to: str | None


class Extend(Handle):
    """``by`` is added to the present deadline."""

    by: timedelta = Field(gt=timedelta(0))


class Comment(Handle):
    text: str = Field(min_length=1, max_length=10_000)


class Viewed(Handle):
    """``actor.via`` is the channel in which the revision was shown."""

    revision: int


class Withdraw(Model):
    """Ends the open gates of an execution, or one of them, without a decision."""

    namespace: str
    execution_id: str
    gate_id: str | None = None
    reason: str
    actor: Actor | None = None


class Refused(Model):
    """A refusal whose transaction is committed. The fields are those of ``GateError``."""

    code: str
    message: str
    status: int
    remedy: str = ""
    detail: dict[str, Json] = Field(default_factory=dict)

    @classmethod
    def of(cls, error: GateError) -> Refused:
        return cls(code=error.code, message=str(error), status=error.status, remedy=error.remedy, detail=error.detail)

    def error(self) -> GateError:
        return GateError(self.code, self.message, status=self.status, remedy=self.remedy, detail=self.detail)


def accepted(answer: Decided | Refused) -> Decided:
    """The answer, if it is a yes to the request. Raises the ``GateError`` that a refusal stands for."""
    if isinstance(answer, Refused):
        raise answer.error()
    return answer


class EditPreview(Model):
    """What an edit would become: the view to show before it is confirmed, and the digest to confirm it with."""

    gate_id: str
    revision: int
    fields: dict[str, Json]
    view: str
    action_digest: str


class BulkItem(Model):
    """One gate of a bulk decision: its answer, in the order of the request."""

    gate_id: str
    decided: Decided | None = None
    refused: Refused | None = None


class BulkResult(Model):
    items: tuple[BulkItem, ...]

    @property
    def decided(self) -> tuple[BulkItem, ...]:
        return tuple(item for item in self.items if item.decided is not None)

    @property
    def refused(self) -> tuple[BulkItem, ...]:
        return tuple(item for item in self.items if item.refused is not None)


class Preflight(Model):
    """Asks for leave to run one effect, right before it runs.

    ``gate_id`` is ``None`` for an effect that no gate covers: only pause, budget and breaker are checked then.
    ``properties`` are the resolved ones, secret references included as references.
    """

    namespace: str
    execution_id: str
    flow_id: str
    op_id: str
    type: str
    properties: dict[str, Json]
    gate_id: str | None = None
    decision_id: str | None = None
    action_digest: str | None = None
    effect_path: str | None = None
    budget: BudgetPlan | None = None


class Permit(Model):
    """Leave for one operation. ``decision_id`` is what it rests on (``None`` without a gate)."""

    op_id: str
    decision_id: str | None = None
    action_digest: str | None = None
    granted_at: datetime


class PreflightRefused(Exception):
    """An effect may not run.

    ``transient`` is true for ``paused`` and ``breaker_open``: try again later. Otherwise the task fails for good:
    ``gate_not_found``, ``not_decided``, ``not_approved``, ``revoked``, ``digest_mismatch``, ``effect_mismatch``,
    ``permit_used``, ``budget``.
    """

    def __init__(self, code: str, message: str, *, remedy: str, transient: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.remedy = remedy
        self.transient = transient
