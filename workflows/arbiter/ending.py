"""The end of an execution, in one transaction: state and results, gates withdrawn, place freed, callback queued."""

from __future__ import annotations

from workflows.arbiter.model import Withdraw
from workflows.arbiter.withdrawing import withdraw
from workflows.contracts import RecordIn, RunResult, Where
from workflows.journal.records import Journal, Record
from workflows.store.db import Tx
from workflows.store.repositories import executions, leases, outbox
from workflows.store.repositories.executions import Execution

SLOT_BELL = "slot"


def end_execution(tx: Tx, journal: Journal, given: RecordIn) -> bool:
    """Write the final state. Returns ``False``, changing nothing, when the execution has ended before."""
    where = given.where
    result = given.result or RunResult(state=given.state, reason=given.reason)
    reason = given.reason.model_dump(exclude_none=True) if given.reason else None
    ended = executions.set_state(
        tx,
        where.namespace,
        where.execution_id,
        given.state,
        reason,
        outputs=result.outputs,
        decision=result.decision,
        failed=result.failed,
    )
    if not ended:
        return False
    why = given.reason.code if given.reason else given.state
    withdraw(tx, journal, Withdraw(namespace=where.namespace, execution_id=where.execution_id, reason=why))
    journal.append(tx, _record(given, result))
    execution = executions.get(tx, where.namespace, where.execution_id)
    if execution is not None:
        tell_next(tx, where, execution.workflow_id)
        _queue_callback(tx, execution)
    return True


def _record(given: RecordIn, result: RunResult) -> Record:
    where = given.where
    return Record(
        namespace=where.namespace,
        kind="execution.ended",
        flow_id=where.flow_id,
        revision_sha256=where.revision_sha256,
        execution_id=where.execution_id,
        outcome=given.state,
        meta={"reason": given.reason.code if given.reason else None, "generation": where.generation},
        content=result.model_dump(mode="json"),
        op_key=f"execution.ended:{where.execution_id}:{where.generation}",
    )


def tell_next(tx: Tx, where: Where, workflow_id: str) -> None:
    """Give the place of the execution's workflow under its flow's limit back, and ring whoever is next in line for one."""
    key = f"flow:{where.flow_id}"
    if not leases.release(tx, where.namespace, key, workflow_id):
        return
    following = leases.next_in_line(tx, where.namespace, key)
    if following is not None:
        outbox.add(
            tx,
            where.namespace,
            kind="doorbell",
            target=following,
            payload={"what": SLOT_BELL},
            item_id=f"slot:{where.execution_id}:{where.generation}:{following}:{tx.now.isoformat()}",
        )


def _queue_callback(tx: Tx, execution: Execution) -> None:
    if execution.callback_url is None:
        return
    outbox.add(
        tx,
        execution.namespace,
        kind="callback",
        target=execution.id,
        payload={"execution_id": execution.id, "generation": execution.generation},
        item_id=f"callback:{execution.id}:{execution.generation}",
    )
