"""``execution.record`` and the slots: what the workflow tells the store about itself, as local activities."""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity

from workflows.activities.deps import Deps
from workflows.arbiter.ending import end_execution, tell_next
from workflows.arbiter.outgoing import waiting_for
from workflows.contracts import (
    EXECUTION_RECORD,
    SLOT_ACQUIRE,
    SLOT_RELEASE,
    TERMINAL,
    Nothing,
    Reason,
    RecordIn,
    SlotIn,
    SlotOut,
)
from workflows.store.db import Tx
from workflows.store.repositories import executions, inbox, leases

SLOT_TTL = timedelta(days=3650)
"""A place is given back by the end of its execution, however it ends; it does not lapse meanwhile."""


class ExecutionActivities:
    """States and places. Each may be repeated."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @activity.defn(name=EXECUTION_RECORD)
    async def record(self, given: RecordIn) -> Nothing:
        """Write a state with its reason; an end also withdraws gates, frees the place and queues the callback."""
        if given.state in TERMINAL:
            await self._deps.db.write(lambda tx: end_execution(tx, self._deps.journal, given))
        else:
            await self._deps.db.write(lambda tx: _state(tx, given))
        return Nothing()

    @activity.defn(name=SLOT_ACQUIRE)
    async def acquire(self, given: SlotIn) -> SlotOut:
        """Take a place under the flow's limit, or queue for one."""
        return await self._deps.db.write(lambda tx: _acquire(tx, given))

    @activity.defn(name=SLOT_RELEASE)
    async def release(self, given: SlotIn) -> Nothing:
        """Give the place back and tell the next in line."""
        await self._deps.db.write(lambda tx: tell_next(tx, given.where, given.workflow_id))
        return Nothing()


def _state(tx: Tx, given: RecordIn) -> None:
    where = given.where
    if given.idle_of > 1 and not _all_idle(tx, given):
        return
    if given.reason:
        reason = given.reason.model_dump(exclude_none=True)
    else:
        reason = waiting_for(inbox.count_open(tx, where.namespace, where.execution_id))
    executions.set_state(tx, where.namespace, where.execution_id, given.state, reason)


def _all_idle(tx: Tx, given: RecordIn) -> bool:
    """Note that one chunk has nothing to do. Whether that holds for all of them, and somebody is asked for something."""
    where = given.where
    key = f"{where.execution_id}:{where.generation}"
    leases.acquire(
        tx, where.namespace, key, given.workflow_id, limit=given.idle_of, ttl=SLOT_TTL, kind="idle", queue=True
    )
    idle = leases.count(tx, where.namespace, key, kind="idle")
    return idle >= given.idle_of and inbox.count_open(tx, where.namespace, where.execution_id) > 0


def _acquire(tx: Tx, given: SlotIn) -> SlotOut:
    where = given.where
    slot = leases.acquire(
        tx,
        where.namespace,
        f"flow:{where.flow_id}",
        given.workflow_id,
        limit=given.limit,
        ttl=SLOT_TTL,
        queue=given.on_limit == "queue",
    )
    if slot.held:
        executions.set_state(tx, where.namespace, where.execution_id, "running", None)
        return SlotOut(granted=True)
    reason = Reason(
        code="queued_behind",
        message=f"{given.limit} executions of {where.flow_id} run already; {slot.ahead} are ahead in the queue.",
        remedy="It starts by itself; raise `concurrency.limit` to run more at once.",
    )
    if given.on_limit == "queue":
        executions.set_state(tx, where.namespace, where.execution_id, "queued", reason.model_dump(exclude_none=True))
    return SlotOut(granted=False, reason=reason)
