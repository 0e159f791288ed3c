"""Executions: start, wait, read, cancel, restart."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import Field

from api.deps import CallerDep, Cursor, IdempotencyKey, Limit, ServicesDep, WaitSeconds
from api.errors import ApiError
from api.guard import guarded_router
from api.models import Body, Listing, Out
from connectors.base import ConnectorError
from workflows.contracts import Reason, State
from workflows.journal.read import timeline
from workflows.relay.callbacks import check_callback_url
from workflows.store.db import Tx
from workflows.store.repositories import executions as stored
from workflows.usecases import results, start
from workflows.usecases.cancel import cancel
from workflows.usecases.restart import restart
from workflows.usecases.results import ExecutionResult
from workflows.usecases.services import Services
from workflows.usecases.timeline import Event, event_of

router = guarded_router(tags=["executions"])

REPLAYED = {"Idempotent-Replayed": "true"}
Label = Annotated[str, Field(max_length=200)]


class StartBody(Body):
    """What to run it with. ``reference`` is the caller's own name for it, ``callback_url`` gets the result at the end."""

    inputs: dict[str, Any] = Field(default_factory=dict)
    reference: str | None = Field(default=None, min_length=1, max_length=200)
    callback_url: str | None = Field(default=None, max_length=2000)
    labels: dict[Label, Label] = Field(default_factory=dict, max_length=50)
    revision: int | None = Field(default=None, ge=1, description="By default the current revision.")
    via: Literal["api", "cli", "console"] = "api"


class WhyBody(Body):
    reason: str = Field(default="", max_length=1000)


class ExecutionLine(Out):
    """A line of the listing."""

    id: str
    flow_id: str
    revision: int
    state: State
    reason: Reason | None
    reference: str | None
    labels: dict[str, str]
    via: str
    created_at: datetime
    ended_at: datetime | None


class ExecutionDetail(ExecutionLine):
    """An execution with what it was given and what it made."""

    inputs: dict[str, Any]
    trigger: dict[str, Any] | None
    outputs: dict[str, Any] | None
    decision: dict[str, Any] | None
    requester_id: str | None
    generation: int
    started_at: datetime | None
    cancel_requested_at: datetime | None


class Timeline(Out):
    """The journal's records of the execution, oldest first."""

    items: list[Event]


@router.post(
    "/flows/{flow_id}/executions",
    status_code=201,
    responses={200: {"model": ExecutionResult, "description": "The idempotency key's first execution."}},
)
async def start_execution(
    flow_id: str,
    body: StartBody,
    response: Response,
    services: ServicesDep,
    caller: CallerDep,
    key: IdempotencyKey,
    wait: WaitSeconds = 0,
) -> ExecutionResult:
    """Start a flow. 201 means that it is stored and will run, also while Temporal is away."""
    _check_callback(services, body.callback_url)
    started = await start.start(
        services,
        start.Start(
            namespace=caller.namespace,
            flow_id=flow_id,
            actor=caller.actor,
            via=body.via,
            inputs=body.inputs,
            labels=body.labels,
            idempotency_key=None if key is None else f"{caller.actor.principal_id}:{key}",
            reference=body.reference,
            callback_url=body.callback_url,
            revision=body.revision,
        ),
    )
    if not started.created:
        response.status_code = 200
        response.headers.update(REPLAYED)
    response.headers["Location"] = f"/api/v1/executions/{started.result.execution}"
    if wait and not started.result.ended:
        return await results.wait(services, caller.namespace, started.result.execution, timedelta(seconds=wait))
    return started.result


def _check_callback(services: Services, url: str | None) -> None:
    if url is None:
        return
    try:
        check_callback_url(services, url)
    except ConnectorError as error:
        raise ApiError(422, "invalid_callback_url", f"The callback_url is refused: {error}", error.remedy) from error


@router.get("/executions")
async def list_executions(
    services: ServicesDep,
    caller: CallerDep,
    flow: str | None = None,
    state: Annotated[list[State] | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Listing[ExecutionLine]:
    """List executions, newest first."""
    page = await services.db.read(
        lambda tx: stored.list_executions(
            tx, caller.namespace, flow_id=flow, states=tuple(state or ()), cursor=cursor, limit=limit
        )
    )
    items = [ExecutionLine.model_validate(execution) for execution in page.items]
    return Listing(items=items, next_cursor=page.next_cursor)


@router.get("/executions/{execution_id}")
async def get_execution(execution_id: str, services: ServicesDep, caller: CallerDep) -> ExecutionDetail:
    """One execution."""
    return ExecutionDetail.model_validate(await results.execution(services, caller.namespace, execution_id))


@router.get("/executions/{execution_id}/result")
async def execution_result(
    execution_id: str, services: ServicesDep, caller: CallerDep, wait: WaitSeconds = 0
) -> ExecutionResult:
    """The result; with `wait`, at the end of the execution or after so many seconds."""
    return await results.wait(services, caller.namespace, execution_id, timedelta(seconds=wait))


@router.get("/executions/{execution_id}/timeline")
async def execution_timeline(execution_id: str, services: ServicesDep, caller: CallerDep) -> Timeline:
    """What happened, record by record, without the contents."""

    def read(tx: Tx) -> list[Event]:
        results.load(tx, caller.namespace, execution_id)
        entries = timeline(tx, services.journal.keyring, caller.namespace, execution_id, contents=False)
        return [event_of(entry) for entry in entries]

    return Timeline(items=await services.db.read(read))


@router.post("/executions/{execution_id}/cancel", status_code=202)
async def cancel_execution(
    execution_id: str, services: ServicesDep, caller: CallerDep, body: WhyBody | None = None
) -> ExecutionResult:
    """Ask it to stop; its open gates are withdrawn."""
    reason = body.reason if body else ""
    return await cancel(services, caller.namespace, execution_id, actor=caller.actor, reason=reason)


@router.post("/executions/{execution_id}/restart", status_code=202)
async def restart_execution(
    execution_id: str, services: ServicesDep, caller: CallerDep, body: WhyBody | None = None
) -> ExecutionResult:
    """Run an ended execution again from what failed: nobody is asked twice, nothing is done twice."""
    reason = body.reason if body else ""
    return await restart(services, caller.namespace, execution_id, actor=caller.actor, reason=reason)
