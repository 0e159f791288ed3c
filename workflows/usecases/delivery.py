"""Delivers one outbox row: the same functions serve the call in line after a commit and the relay's second try.

Every delivery may happen twice and changes nothing the second time.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass

from workflows.contracts import TERMINAL, Limits, RunInput
from workflows.flow.planned import FlowPlan
from workflows.gateway import TemporalUnavailable
from workflows.store.db import Tx
from workflows.store.repositories import executions, flows, outbox
from workflows.store.repositories.executions import Execution
from workflows.usecases.ending import CANCELLED_EARLY, end
from workflows.usecases.plans import plan_of
from workflows.usecases.services import Services

START = "start"
DOORBELL = "doorbell"
CANCEL = "cancel"
CALLBACK = "callback"


class NotYet(Exception):
    """The row cannot be delivered before something else happens; the message says what."""


def start_row(execution_id: str, generation: int) -> str:
    """The id of an execution's start row, so that a cancellation finds it."""
    return f"start:{execution_id}:{generation}"


def mark(tx: Tx, namespace: str, row: str) -> bool:
    """Note that a row was delivered; False when it was before. A start that was delivered is an execution that runs."""
    kind, _, rest = row.partition(":")
    marked = outbox.delivered(tx, namespace, row)
    if marked and kind == START:
        executions.started(tx, namespace, rest.rpartition(":")[0])
    return marked


@dataclass(frozen=True, slots=True)
class _Runnable:
    execution: Execution
    plan: FlowPlan


async def deliver_start(services: Services, namespace: str, execution_id: str) -> None:
    """Start the workflow from the stored rows; an execution that was cancelled first is ended instead."""
    found = await services.db.read(lambda tx: _runnable(tx, namespace, execution_id))
    if found is None or found.execution.state in TERMINAL:
        return
    if found.execution.cancel_requested_at is not None and found.execution.state == "created":
        await services.db.write(
            lambda tx: end(tx, services.journal, namespace, execution_id, "cancelled", CANCELLED_EARLY)
        )
        return
    await services.gateway.start(
        run_input(services, found.execution, found.plan), workflow_id=found.execution.workflow_id
    )


def _runnable(tx: Tx, namespace: str, execution_id: str) -> _Runnable | None:
    execution = executions.get(tx, namespace, execution_id)
    if execution is None:
        return None
    revision = flows.get_revision(tx, namespace, execution.flow_id, execution.revision)
    assert revision is not None, "an execution's revision is immutable and never removed"
    return _Runnable(execution, plan_of(namespace, revision))


def run_input(services: Services, execution: Execution, plan: FlowPlan) -> RunInput:
    """What the workflow is started with; equal whoever starts it."""
    return RunInput(
        namespace=execution.namespace,
        execution_id=execution.id,
        plan=plan,
        inputs=execution.inputs,
        trigger=execution.trigger,
        labels=execution.labels,
        requester_id=execution.requester_id,
        author_id=execution.author_id,
        reference=execution.reference,
        generation=execution.generation,
        reruns=execution.reruns or {},
        limits=Limits(separate_ai=services.settings.separate_ai, instant_models=services.instant_models),
    )


async def deliver_doorbell(services: Services, workflow_id: str, what: str) -> None:
    """Ring. A workflow that is not there any more needs no bell."""
    await services.gateway.ring(workflow_id, what)


async def deliver_cancel(services: Services, namespace: str, execution_id: str, generation: int) -> None:
    """Cancel the workflow. One that was never started waits for its start row, which then ends it instead."""
    execution = await services.db.read(lambda tx: executions.get(tx, namespace, execution_id))
    if execution is None or execution.state in TERMINAL:
        return
    if await services.gateway.cancel(execution.workflow_id) == "delivered":
        return
    start = await services.db.read(lambda tx: outbox.get(tx, namespace, start_row(execution_id, generation)))
    if start is not None and start.delivered_at is None and start.dropped_at is None:
        raise NotYet("the execution's start is not settled yet")


async def in_line(services: Services, namespace: str, row: str, delivery: Awaitable[None]) -> bool:
    """Run a delivery right after the commit. Without Temporal the row stays and the relay delivers it."""
    try:
        await delivery
    except (TemporalUnavailable, NotYet):
        return False
    services.rung.append((namespace, row))
    return True
