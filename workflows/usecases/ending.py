"""Ends executions that no workflow will end: cancelled before they started, or ended from outside."""

from __future__ import annotations

from workflows.arbiter.ending import end_execution
from workflows.contracts import Reason, RecordIn, State, Where
from workflows.journal.records import Journal
from workflows.store.db import Tx
from workflows.store.repositories import executions, flows

CANCELLED_EARLY = Reason(
    code="cancelled", message="Cancelled before it started.", remedy="Start a new execution to run the flow."
)


def end(tx: Tx, journal: Journal, namespace: str, execution_id: str, state: State, reason: Reason) -> bool:
    """Write the end as the workflow itself would have. Returns False when the execution has ended already."""
    execution = executions.get(tx, namespace, execution_id)
    if execution is None:
        return False
    revision = flows.get_revision(tx, namespace, execution.flow_id, execution.revision)
    assert revision is not None, "an execution's revision is immutable and never removed"
    where = Where(
        namespace=namespace,
        execution_id=execution_id,
        flow_id=execution.flow_id,
        revision=execution.revision,
        revision_sha256=revision.sha256,
        generation=execution.generation,
    )
    return end_execution(tx, journal, RecordIn(where=where, state=state, reason=reason))
