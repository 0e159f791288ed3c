"""Cancels an execution: noted and journalled first, then told to its workflow, which withdraws its open gates."""

from __future__ import annotations

from workflows.contracts import TERMINAL
from workflows.gates.model import Actor
from workflows.store.db import Tx
from workflows.store.repositories import executions, outbox
from workflows.store.repositories.executions import Execution
from workflows.usecases import delivery
from workflows.usecases.recording import record
from workflows.usecases.refusals import execution_ended
from workflows.usecases.results import ExecutionResult, load, result
from workflows.usecases.services import Services
from workflows.usecases.start import IN_LINE_FIRST


async def cancel(
    services: Services, namespace: str, execution_id: str, *, actor: Actor, reason: str = ""
) -> ExecutionResult:
    """Ask the execution to stop. Asking again changes nothing. Raises ``execution_not_found``, ``execution_ended``."""
    execution = await services.db.write(lambda tx: _request(tx, services, namespace, execution_id, actor, reason))
    if execution.state not in TERMINAL:
        call = delivery.deliver_cancel(services, namespace, execution_id, execution.generation)
        await delivery.in_line(services, namespace, _row(execution), call)
    return await result(services, namespace, execution_id)


def _request(tx: Tx, services: Services, namespace: str, execution_id: str, actor: Actor, reason: str) -> Execution:
    execution = load(tx, namespace, execution_id)
    if execution.state in TERMINAL:
        raise execution_ended(execution_id, execution.state)
    if executions.request_cancel(tx, namespace, execution_id):
        record(
            tx,
            services.journal,
            namespace,
            "execution.cancel_requested",
            actor,
            execution=execution,
            content={"by": actor.name, "reason": reason},
            meta={"generation": execution.generation},
        )
        _tell(tx, execution)
    return load(tx, namespace, execution_id)


def _tell(tx: Tx, execution: Execution) -> None:
    outbox.add(
        tx,
        execution.namespace,
        kind=delivery.CANCEL,
        target=execution.workflow_id,
        payload={"execution_id": execution.id, "generation": execution.generation},
        available_at=tx.now + IN_LINE_FIRST,
        item_id=_row(execution),
    )


def _row(execution: Execution) -> str:
    return f"cancel:{execution.id}:{execution.generation}"
