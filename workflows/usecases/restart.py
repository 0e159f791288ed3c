"""Restarts an ended execution: the same execution, from what failed.

The workflow runs the plan from the top under a new workflow id. What was answered, decided or done before is found in
the journal and the store and is not repeated; the tasks that failed get new operations, because a person asked for it.
An effect that was applied, or that its receiver recognises when it comes again, keeps its operation: whatever the task
failed of later (a timeout, a lost answer), the effect happens once.
"""

from __future__ import annotations

from workflows.flow.planned import FlowPlan
from workflows.gates.ids import gate_id, op_id
from workflows.gates.model import Actor
from workflows.journal.effects import effect_key
from workflows.store.db import Tx
from workflows.store.repositories import executions, flows, gates, operations, outbox
from workflows.store.repositories.executions import Execution
from workflows.usecases import delivery
from workflows.usecases.plans import plan_of
from workflows.usecases.recording import record
from workflows.usecases.refusals import execution_not_ended
from workflows.usecases.results import ExecutionResult, load, result
from workflows.usecases.services import Services
from workflows.usecases.start import IN_LINE_FIRST


async def restart(
    services: Services, namespace: str, execution_id: str, *, actor: Actor, reason: str = ""
) -> ExecutionResult:
    """Run an ended execution again from where it failed. Raises ``execution_not_found``, ``execution_not_ended``."""
    execution = await services.db.write(lambda tx: _reopen(tx, services, namespace, execution_id, actor, reason))
    plan = await services.db.read(lambda tx: _plan(tx, execution))
    call = services.gateway.start(delivery.run_input(services, execution, plan), workflow_id=execution.workflow_id)
    row = delivery.start_row(execution_id, execution.generation)
    await delivery.in_line(services, namespace, row, call)
    return await result(services, namespace, execution_id)


def _reopen(tx: Tx, services: Services, namespace: str, execution_id: str, actor: Actor, reason: str) -> Execution:
    before = load(tx, namespace, execution_id)
    generation = before.generation + 1
    reruns = dict(before.reruns or {})
    for name in before.failed or ():
        if not _keeps_its_operation(tx, services, before, name):
            reruns[name] = reruns.get(name, 0) + 1
    workflow_id = f"{execution_id}:{generation}"
    if not executions.reopen(tx, namespace, execution_id, workflow_id=workflow_id, reruns=reruns):
        raise execution_not_ended(execution_id, before.state)
    execution = load(tx, namespace, execution_id)
    record(
        tx,
        services.journal,
        namespace,
        "execution.restarted",
        actor,
        execution=execution,
        content={"by": actor.name, "reason": reason, "was": before.state, "failed": before.failed or []},
        meta={"generation": generation},
    )
    outbox.add(
        tx,
        namespace,
        kind=delivery.START,
        target=workflow_id,
        payload={"execution_id": execution_id},
        available_at=tx.now + IN_LINE_FIRST,
        item_id=delivery.start_row(execution_id, generation),
    )
    return execution


def _keeps_its_operation(tx: Tx, services: Services, execution: Execution, name: str) -> bool:
    """Whether a new operation for this failed task (``triage/review/write[57]``) could repeat its effect."""
    path, _, rest = name.partition("[")
    item_key = rest.removesuffix("]")
    gate = gates.get(tx, execution.namespace, gate_id(execution.id, path.rpartition("/")[0], item_key))
    generation = (execution.reruns or {}).get(name, 0)
    types = services.world.task_types()
    for revision in range(gate.revision + 1 if gate else 1):
        operation = op_id(execution.id, path, item_key, revision, "call", generation=generation)
        row = operations.get(tx, execution.namespace, effect_key(operation))
        if row is None or row.state == "failed":
            continue
        known = types.get((row.meta or {}).get("type", ""))
        if row.state == "answered" or (known is not None and known.idempotent):
            return True
    return False


def _plan(tx: Tx, execution: Execution) -> FlowPlan:
    revision = flows.get_revision(tx, execution.namespace, execution.flow_id, execution.revision)
    assert revision is not None, "an execution's revision is immutable and never removed"
    return plan_of(execution.namespace, revision)
