"""Gates: the inbox, one gate, and deciding."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import Response
from pydantic import BaseModel, Field

from api.auth import Caller
from api.deps import CallerDep, Cursor, IdempotencyKey, Limit, ServicesDep
from api.guard import guarded_router
from api.models import Body, Listing
from workflows.arbiter.editing import preview_edit as arbiter_preview
from workflows.arbiter.handling import viewed
from workflows.arbiter.model import BulkItem, Decide, Decided, EditPreview, PreviewEdit, Viewed
from workflows.gates.model import Action, Actor, GateState, Outcome
from workflows.store.db import Tx
from workflows.usecases import decide, gate_views
from workflows.usecases.gate_views import GateDetail, GateLine

router = guarded_router(prefix="/gates", tags=["gates"])

MAX_BULK = 500
MAX_UNDO_S = 60
Text = Annotated[str, Field(max_length=10_000)]


class DecisionBody(Body):
    """A decision on what was seen: ``revision`` and ``action_digest`` as `GET /gates/{id}` gave them.

    For ``edit``, ``fields`` holds the changed ones and ``new_action_digest`` what the preview showed.
    """

    action: Action
    revision: int = Field(ge=1)
    action_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    fields: dict[str, Any] | None = None
    new_action_digest: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    reason_code: str | None = Field(default=None, max_length=200)
    comment: Text | None = None
    undo_seconds: float = Field(default=0, ge=0, le=MAX_UNDO_S)
    override: bool = False
    via: Literal["api", "cli", "console"] = "api"


class BulkDecision(DecisionBody):
    gate_id: str
    idempotency_key: str | None = Field(default=None, max_length=255)


class BulkBody(Body):
    items: list[BulkDecision] = Field(min_length=1, max_length=MAX_BULK)


class DecisionOut(BaseModel):
    """The vote counts. ``outcome`` is ``null`` while others must agree; then ``missing`` says how many."""

    gate: str
    execution: str
    state: GateState
    revision: int
    stage: int
    action_digest: str
    decision: str | None
    outcome: Outcome | None
    missing: int
    decided_at: datetime | None
    effective_at: datetime | None


class Conflict(BaseModel):
    """A gate of a bulk decision that was not decided, and why."""

    gate_id: str
    code: str
    message: str
    remedy: str
    detail: dict[str, Any]


class BulkOut(BaseModel):
    """``decided`` counts the accepted ones; every other stands in ``conflicts`` by name."""

    decided: int
    conflicts: list[Conflict]
    decisions: list[DecisionOut]


class PreviewBody(Body):
    revision: int | None = Field(default=None, ge=1, description="By default the newest.")
    fields: dict[str, Any]
    override: bool = False
    comment: Text | None = None


class ViewBody(Body):
    """Which revision was shown, and where. Only a person who looked calls this."""

    revision: int = Field(ge=1)
    via: Literal["api", "cli", "console"] = "api"


class Seen(BaseModel):
    """``first`` is false when it was recorded before."""

    first: bool


@router.get("")
async def list_gates(
    services: ServicesDep,
    caller: CallerDep,
    state: GateState = GateState.OPEN,
    execution: str | None = None,
    flow: str | None = None,
    batch: str | None = None,
    mine: bool = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Listing[GateLine]:
    """The inbox: by priority, due time and age. `mine` keeps what the caller may decide."""
    page = await services.db.read(
        lambda tx: gate_views.lines(
            tx,
            caller.namespace,
            actor=caller.actor,
            mine=mine,
            state=state,
            execution_id=execution,
            flow_id=flow,
            batch_key=batch,
            cursor=cursor,
            limit=limit,
        )
    )
    return Listing(items=[GateLine.model_validate(item) for item in page.items], next_cursor=page.next_cursor)


@router.get("/{gate_id}")
async def get_gate(gate_id: str, response: Response, services: ServicesDep, caller: CallerDep) -> GateDetail:
    """One gate with its view document. Reading is not seeing: `POST …/view` records that a person looked."""
    found = await services.db.read(lambda tx: gate_views.detail(tx, caller.namespace, gate_id))
    response.headers["ETag"] = f'"{found.revision}-{found.action_digest[:16]}"'
    return found


@router.post("/{gate_id}/view")
async def view_gate(gate_id: str, body: ViewBody, services: ServicesDep, caller: CallerDep) -> Seen:
    """Record that the caller was shown a revision."""
    request = Viewed(namespace=caller.namespace, gate_id=gate_id, actor=_via(caller, body.via), revision=body.revision)
    return Seen(first=await services.db.write(lambda tx: viewed(tx, services.journal, request)))


@router.post("/{gate_id}/preview")
async def preview_edit(gate_id: str, body: PreviewBody, services: ServicesDep, caller: CallerDep) -> EditPreview:
    """What an edit would become, with its effects and the digest to confirm it with; nothing is written."""

    def preview(tx: Tx) -> EditPreview:
        seen = body.revision or gate_views.detail(tx, caller.namespace, gate_id).revision
        request = PreviewEdit(
            namespace=caller.namespace,
            gate_id=gate_id,
            revision=seen,
            fields=body.fields,
            override=body.override,
            comment=body.comment,
        )
        return arbiter_preview(tx, request)

    return await services.db.read(preview)


@router.post("/{gate_id}/decision")
async def decide_gate(
    gate_id: str,
    body: DecisionBody,
    services: ServicesDep,
    caller: CallerDep,
    key: IdempotencyKey,
) -> DecisionOut:
    """Decide on what was seen. 409 names what changed or who decided before; 403 and 422 say what is not allowed."""
    decided = await decide.decide(services, _request(caller, gate_id, body, key))
    return _shown(decided)


@router.post("/decisions")
async def decide_gates(body: BulkBody, services: ServicesDep, caller: CallerDep) -> BulkOut:
    """Decide many gates, each by its own revision and digest; what is stale is named and the rest is decided."""
    requests = [_request(caller, item.gate_id, item, item.idempotency_key) for item in body.items]
    answer = await decide.decide_many(services, requests)
    return BulkOut(
        decided=len(answer.decided),
        conflicts=[_conflict(item) for item in answer.refused],
        decisions=[_shown(item.decided) for item in answer.decided if item.decided],
    )


def _request(caller: Caller, gate_id: str, body: DecisionBody, key: str | None) -> Decide:
    return Decide(
        namespace=caller.namespace,
        gate_id=gate_id,
        actor=_via(caller, body.via),
        action=body.action,
        revision=body.revision,
        action_digest=body.action_digest,
        fields=body.fields,
        new_action_digest=body.new_action_digest,
        reason_code=body.reason_code,
        comment=body.comment,
        undo_window=timedelta(seconds=body.undo_seconds),
        idempotency_key=key,
        override=body.override,
    )


def _via(caller: Caller, channel: str) -> Actor:
    return caller.actor.model_copy(update={"via": channel})


def _shown(decided: Decided) -> DecisionOut:
    return DecisionOut(
        gate=decided.gate_id,
        execution=decided.execution_id,
        decision=decided.decision_id,
        **decided.model_dump(
            include={
                "state", "revision", "stage", "action_digest", "outcome", "missing", "decided_at", "effective_at",
            }
        ),
    )  # fmt: skip


def _conflict(item: BulkItem) -> Conflict:
    refused = item.refused
    assert refused is not None
    return Conflict(
        gate_id=item.gate_id,
        code=refused.code,
        message=refused.message,
        remedy=refused.remedy,
        detail=refused.detail,
    )
