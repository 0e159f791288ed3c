"""Flows: validate, save, read, and set their state."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from fastapi import Request, Response
from pydantic import BaseModel, Field

from api.deps import CallerDep, Cursor, Limit, ServicesDep
from api.errors import ApiError
from api.guard import guarded_router
from api.models import Body, Listing, Out
from workflows.flow.graph import mermaid
from workflows.flow.planned import FlowPlan
from workflows.flow.schema import language_schema
from workflows.store.db import Tx
from workflows.store.repositories import flows as stored
from workflows.store.repositories.flows import Revision
from workflows.usecases import flows
from workflows.usecases.plans import plan_of
from workflows.usecases.refusals import revision_not_found

router = guarded_router(prefix="/flows", tags=["flows"])

FlowState = Literal["draft", "active", "paused", "archived"]
MAX_SOURCE = 256 * 1024
"""Longest text of a flow, in characters."""
YAML_TYPES = frozenset({"text/yaml", "application/yaml", "application/x-yaml", "text/plain"})


class FlowOut(Out):
    """``revision`` is the number that new executions run."""

    flow_id: str
    state: FlowState
    revision: int
    managed_by: str | None
    created_at: datetime
    updated_at: datetime


class RevisionInfo(Out):
    """A revision without its texts."""

    flow_id: str
    number: int
    sha256: str
    author_id: str | None
    source: str
    message: str | None
    parent: int | None
    managed_by: str | None
    created_at: datetime


class RevisionOut(RevisionInfo):
    """A revision: what its author wrote, and the normalised bundle that runs."""

    source_text: str
    bundle: dict[str, Any]


class FlowDetail(FlowOut):
    """A flow with its current revision and the inputs and triggers that start it."""

    current: RevisionOut
    inputs: list[dict[str, Any]]
    triggers: list[dict[str, Any]]


class DiagnosticOut(BaseModel):
    """One problem of a text. ``line`` and ``column`` count from 1."""

    file: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"


class FlowText(Body):
    """A text to check; ``name`` stands in the diagnostics."""

    source: str = Field(max_length=MAX_SOURCE)
    name: str = Field(default="flow.yaml", max_length=200)


class FlowSave(FlowText):
    """A text to save. ``managed_by`` names the repository that owns the flow, ``adopt`` takes it over."""

    message: str | None = Field(default=None, max_length=1000)
    managed_by: str | None = Field(default=None, max_length=500)
    adopt: bool = False
    origin: Literal["git", "console", "slack", "api", "copilot", "cli"] = "api"
    state: FlowState = "active"


class Saved(RevisionInfo):
    """The revision; ``created`` is false when the content was the current revision's already."""

    created: bool
    warnings: list[DiagnosticOut]


class Verdict(BaseModel):
    """``ok`` means that it can be saved; diagnostics may hold warnings then."""

    ok: bool
    flow_id: str | None
    sha256: str | None
    diagnostics: list[DiagnosticOut]


class StateChange(Body):
    state: FlowState


class Graph(BaseModel):
    """The flow's drawing as a Mermaid flowchart."""

    flow_id: str
    revision: int
    mermaid: str


@router.get("")
async def list_flows(
    services: ServicesDep, caller: CallerDep, state: FlowState | None = None, cursor: Cursor = None, limit: Limit = 50
) -> Listing[FlowOut]:
    """List flows by id."""
    page = await services.db.read(
        lambda tx: stored.list_flows(tx, caller.namespace, state=state, cursor=cursor, limit=limit)
    )
    return Listing(items=[FlowOut.model_validate(flow) for flow in page.items], next_cursor=page.next_cursor)


@router.get("/schema")
async def flow_schema(services: ServicesDep) -> dict[str, Any]:
    """The JSON Schema of flows, for editors."""
    return await asyncio.to_thread(language_schema, services.world)


@router.post("/validate")
async def validate_flow(body: FlowText, services: ServicesDep, caller: CallerDep) -> Verdict:
    """Check a text and return every problem; nothing is saved."""
    made = await flows.check(services, caller.namespace, body.source, body.name)
    return Verdict(
        ok=made.ok,
        flow_id=made.plan.flow_id if made.plan else None,
        sha256=made.sha256 or None,
        diagnostics=[DiagnosticOut(**asdict(diagnostic)) for diagnostic in made.diagnostics],
    )


@router.post(
    "",
    status_code=201,
    responses={200: {"model": Saved, "description": "The content was the current revision's already."}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/FlowSave"}},
                "text/yaml": {"schema": {"type": "string"}},
            },
        }
    },
)
async def save_flow(request: Request, response: Response, services: ServicesDep, caller: CallerDep) -> Saved:
    """Save a flow, as JSON with `source` or as YAML: 201 with a new revision, 200 when nothing changed."""
    return await _save(await _text_of(request), None, response, services, caller)


@router.put("/{flow_id}", status_code=201)
async def save_flow_as(
    flow_id: str, body: FlowSave, response: Response, services: ServicesDep, caller: CallerDep
) -> Saved:
    """Save a flow under its own address; a text with another `id` is refused."""
    return await _save(body, flow_id, response, services, caller)


async def _text_of(request: Request) -> FlowSave:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in YAML_TYPES:
        try:
            return FlowSave(source=(await request.body()).decode())
        except UnicodeDecodeError as error:
            raise ApiError(400, "not_utf8", "The flow is not UTF-8.", "Send it as UTF-8.") from error
    if kind != "application/json":
        raise ApiError(
            415, "unsupported_media_type", f"{kind or 'No content type'} is not understood here.",
            "Send application/json with `source`, or text/yaml.",
        )  # fmt: skip
    return FlowSave.model_validate(await request.json())


async def _save(
    body: FlowSave, expected_id: str | None, response: Response, services: ServicesDep, caller: CallerDep
) -> Saved:
    saved = await flows.save(
        services,
        flows.Save(
            namespace=caller.namespace,
            text=body.source,
            actor=caller.actor,
            origin=body.origin,
            name=body.name,
            message=body.message,
            managed_by=body.managed_by,
            adopt=body.adopt,
            expected_id=expected_id,
            state=body.state,
        ),
    )
    response.status_code = 201 if saved.created else 200
    info = RevisionInfo.model_validate(saved.revision)
    warnings = [DiagnosticOut.model_validate(warning) for warning in saved.warnings]
    return Saved(**info.model_dump(), created=saved.created, warnings=warnings)


@router.get("/{flow_id}")
async def get_flow(flow_id: str, services: ServicesDep, caller: CallerDep) -> FlowDetail:
    """A flow with its current revision."""
    flow, revision = await services.db.read(lambda tx: _current(tx, caller.namespace, flow_id))
    plan = plan_of(caller.namespace, revision)
    return FlowDetail(
        **FlowOut.model_validate(flow).model_dump(),
        current=RevisionOut.model_validate(revision),
        inputs=[part.model_dump(mode="json", exclude_none=True) for part in plan.inputs],
        triggers=[_trigger(caller.namespace, plan, trigger.id) for trigger in plan.triggers],
    )


def _trigger(namespace: str, plan: FlowPlan, trigger_id: str) -> dict[str, Any]:
    trigger = next(one for one in plan.triggers if one.id == trigger_id)
    shown: dict[str, Any] = {"id": trigger.id, "type": trigger.type}
    if trigger.type == "webhook":
        shown["address"] = f"/api/v1/hooks/{namespace}/{plan.flow_id}/{trigger.id}"
    return shown


def _current(tx: Tx, namespace: str, flow_id: str) -> tuple[stored.Flow, Revision]:
    flow = flows.require(tx, namespace, flow_id)
    return flow, _revision(tx, namespace, flow_id, flow.revision)


def _revision(tx: Tx, namespace: str, flow_id: str, number: int) -> Revision:
    flows.require(tx, namespace, flow_id)
    revision = stored.get_revision(tx, namespace, flow_id, number)
    if revision is None:
        raise revision_not_found(flow_id, number)
    return revision


@router.get("/{flow_id}/revisions")
async def list_revisions(flow_id: str, services: ServicesDep, caller: CallerDep) -> Listing[RevisionInfo]:
    """All revisions, newest first."""

    def read(tx: Tx) -> list[stored.RevisionInfo]:
        flows.require(tx, caller.namespace, flow_id)
        return stored.history(tx, caller.namespace, flow_id)

    return Listing(items=[RevisionInfo.model_validate(revision) for revision in await services.db.read(read)])


@router.get("/{flow_id}/revisions/{number}")
async def get_revision(flow_id: str, number: int, services: ServicesDep, caller: CallerDep) -> RevisionOut:
    """One revision with its texts."""
    revision = await services.db.read(lambda tx: _revision(tx, caller.namespace, flow_id, number))
    return RevisionOut.model_validate(revision)


@router.get("/{flow_id}/graph")
async def flow_graph(flow_id: str, services: ServicesDep, caller: CallerDep) -> Graph:
    """The flow as a drawing."""
    _, revision = await services.db.read(lambda tx: _current(tx, caller.namespace, flow_id))
    made = await flows.check(services, caller.namespace, revision.source_text)
    assert made.flow is not None, "a revision was made of a text that compiles"
    return Graph(flow_id=flow_id, revision=revision.number, mermaid=mermaid(made.flow))


@router.post("/{flow_id}/state")
async def set_flow_state(flow_id: str, body: StateChange, services: ServicesDep, caller: CallerDep) -> FlowOut:
    """Activate, pause or archive. Pausing stops starts and triggers, never decisions that wait."""
    flow = await flows.set_state(services, caller.namespace, flow_id, body.state, actor=caller.actor)
    return FlowOut.model_validate(flow)
