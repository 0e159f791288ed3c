"""Starts an execution: acknowledged when it is stored, run as soon as Temporal takes it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from workflows.flow.inputs import coerce_inputs
from workflows.flow.planned import FlowPlan
from workflows.gates.digest import canonical
from workflows.gates.model import Actor
from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.refusals import IdempotencyConflict
from workflows.store.repositories import executions, flows, outbox
from workflows.store.repositories.executions import Creation, Execution
from workflows.usecases import delivery
from workflows.usecases.plans import plan_of
from workflows.usecases.recording import record
from workflows.usecases.refusals import (
    flow_not_active,
    flow_not_found,
    idempotency_key_reused,
    invalid_inputs,
    revision_not_found,
)
from workflows.usecases.results import ExecutionResult, result_of
from workflows.usecases.services import Services

Json = Any
Via = Literal["api", "cli", "console", "slack", "webhook", "schedule", "flow"]

IN_LINE_FIRST = timedelta(seconds=2)
"""How long the relay leaves a new row to whoever wrote it."""
WAITING_FOR_TEMPORAL = {
    "code": "waiting_for_temporal",
    "message": "Stored and acknowledged; it starts as soon as Temporal answers.",
    "remedy": "Check that Temporal runs; nothing has to be sent again.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One request to run a flow. ``inputs`` as the caller gave them; ``revision`` None means the current one."""

    namespace: str
    flow_id: str
    actor: Actor | None
    via: Via
    inputs: dict[str, Json] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    idempotency_key: str | None = None
    reference: str | None = None
    callback_url: str | None = None
    trigger: dict[str, Json] | None = None
    revision: int | None = None
    fingerprint: str | None = None

    @property
    def sha256(self) -> str:
        """Equal for equal requests, whoever sends them; ``fingerprint`` stands for a message that may come again."""
        if self.fingerprint is not None:
            return self.fingerprint
        parts = [self.flow_id, self.inputs, self.labels, self.reference, self.callback_url, self.trigger, self.revision]
        return hashlib.sha256(canonical(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Started:
    """``created`` is False for a repeat of an idempotency key: the result is then the first execution's."""

    result: ExecutionResult
    created: bool


@dataclass(frozen=True, slots=True)
class _Target:
    state: str
    number: int
    sha256: str
    author_id: str | None
    plan: FlowPlan


async def start(services: Services, request: Start) -> Started:
    """Store the execution, then try to start its workflow at once.

    Raises ``Refused`` (``flow_not_found``, ``flow_not_active``, ``invalid_inputs``, ``idempotency_key_reused``).
    """
    repeat = await _repeat(services, request)
    if repeat is not None:
        return Started(result_of(services, repeat), created=False)
    target = await services.db.read(lambda tx: _target(tx, request))
    _check_state(request, target.state)
    inputs = _inputs(target.plan, request)
    creation = await services.db.write(lambda tx: _store(tx, services, request, target, inputs))
    if not creation.created:
        return Started(result_of(services, creation.execution), created=False)
    execution = creation.execution
    if not await _start_now(services, execution, target.plan):
        execution = await services.db.write(lambda tx: _explain_wait(tx, execution))
    return Started(result_of(services, execution), created=True)


async def _repeat(services: Services, request: Start) -> Execution | None:
    key = request.idempotency_key
    if key is None:
        return None
    existing = await services.db.read(lambda tx: executions.by_key(tx, request.namespace, key))
    if existing is not None and existing.request_sha256 != request.sha256:
        raise idempotency_key_reused(existing.id)
    return existing


def _target(tx: Tx, request: Start) -> _Target:
    flow = flows.get(tx, request.namespace, request.flow_id)
    if flow is None or not flow.revision:
        raise flow_not_found(request.flow_id)
    number = request.revision or flow.revision
    revision = flows.get_revision(tx, request.namespace, request.flow_id, number)
    if revision is None:
        raise revision_not_found(request.flow_id, number)
    plan = plan_of(request.namespace, revision)
    return _Target(flow.state, number, revision.sha256, revision.author_id, plan)


def _check_state(request: Start, state: str) -> None:
    by_hand = request.trigger is None
    if state not in ({"active", "draft"} if by_hand else {"active"}):
        raise flow_not_active(request.flow_id, state)


def _inputs(plan: FlowPlan, request: Start) -> dict[str, Json]:
    inputs, errors = coerce_inputs(plan.inputs, request.inputs)
    if errors:
        fields: dict[str, list[str]] = {}
        for error in errors:
            fields.setdefault(error.path, []).append(error.message)
        raise invalid_inputs(fields)
    return inputs


def _store(tx: Tx, services: Services, request: Start, target: _Target, inputs: dict[str, Json]) -> Creation:
    flow = flows.get(tx, request.namespace, request.flow_id)
    assert flow is not None, "flows are archived, never removed"
    _check_state(request, flow.state)
    execution_id = new_id(tx.now)
    try:
        creation = executions.create(
            tx,
            request.namespace,
            execution_id=execution_id,
            flow_id=request.flow_id,
            revision=target.number,
            workflow_id=execution_id,
            inputs=inputs,
            via=request.via,
            trigger=request.trigger,
            labels={**target.plan.labels, **request.labels},
            reference=request.reference,
            idempotency_key=request.idempotency_key,
            request_sha256=request.sha256,
            requester_id=request.actor.principal_id if request.actor else None,
            author_id=target.author_id,
            callback_url=request.callback_url,
        )
    except IdempotencyConflict as error:
        raise idempotency_key_reused(error.existing) from error
    if creation.created:
        _record_start(tx, services, request, target, creation.execution)
    return creation


def _record_start(tx: Tx, services: Services, request: Start, target: _Target, execution: Execution) -> None:
    record(
        tx,
        services.journal,
        request.namespace,
        "execution.created",
        request.actor,
        execution=execution,
        revision_sha256=target.sha256,
        content={"inputs": execution.inputs, "trigger": execution.trigger, "reference": execution.reference},
        meta={"revision": target.number, "via": request.via},
    )
    outbox.add(
        tx,
        request.namespace,
        kind=delivery.START,
        target=execution.workflow_id,
        payload={"execution_id": execution.id},
        available_at=tx.now + IN_LINE_FIRST,
        item_id=delivery.start_row(execution.id, execution.generation),
    )


async def _start_now(services: Services, execution: Execution, plan: FlowPlan) -> bool:
    run = delivery.run_input(services, execution, plan)
    call = services.gateway.start(run, workflow_id=execution.workflow_id)
    row = delivery.start_row(execution.id, execution.generation)
    return await delivery.in_line(services, execution.namespace, row, call)


def _explain_wait(tx: Tx, execution: Execution) -> Execution:
    """Say what it waits for, unless the relay was quicker."""
    current = executions.get(tx, execution.namespace, execution.id)
    assert current is not None
    if current.state == "created":
        executions.set_state(tx, execution.namespace, execution.id, "created", dict(WAITING_FOR_TEMPORAL))
        current = executions.get(tx, execution.namespace, execution.id)
        assert current is not None
    return current
