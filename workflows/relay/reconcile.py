"""Finds executions whose workflow is closed while the store says that they run, and ends them.

That happens when somebody terminates a workflow: none of our code runs then. Their open gates are withdrawn, since
nobody waits for an answer, and it is journalled. A workflow that Temporal does not know at all is only reported: a
wrong address must not end everything that waits.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from workflows.contracts import TERMINAL, Reason
from workflows.gateway import TemporalUnavailable
from workflows.store.db import Tx
from workflows.store.operator import Live, live_executions
from workflows.store.repositories import executions, outbox
from workflows.store.repositories.executions import Execution
from workflows.usecases.delivery import start_row
from workflows.usecases.ending import end
from workflows.usecases.services import Services

log = logging.getLogger("visto.relay")

EVERY = timedelta(seconds=10)
SETTLED = timedelta(seconds=10)
BATCH = 50
LOST = Reason(
    code="workflow_ended",
    message="Its workflow was ended from outside.",
    remedy="Start a new execution; what was decided stays in the journal.",
)
CANCELLED = Reason(code="cancelled", message="Cancelled; its workflow was ended from outside.")


class Reconciler:
    """Looks at a few executions each time and goes round, so that ten thousand waiting ones cost little."""

    def __init__(self, services: Services, *, every: timedelta = EVERY, settled: timedelta = SETTLED) -> None:
        self._services = services
        self._every = every.total_seconds()
        self._settled = settled
        self._next = 0.0
        self._after = ""

    async def maybe(self) -> None:
        """Look if it is time to."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._every
        try:
            await self.look()
        except TemporalUnavailable as error:
            log.info("nothing was reconciled: %s", error)

    async def look(self) -> list[str]:
        """Check the next few executions and return the ids of those that were ended."""
        db = self._services.db
        before = db.clock() - self._settled
        found = await db.read(lambda tx: live_executions(tx, before=before, after=self._after, limit=BATCH))
        self._after = found[-1].id if len(found) == BATCH else ""
        return [live.id for live in found if await self._end_if_lost(live)]

    async def _end_if_lost(self, live: Live) -> bool:
        execution = await self._services.db.read(lambda tx: _begun(tx, live))
        if execution is None:
            return False
        is_open = await self._services.gateway.is_open(execution.workflow_id)
        if is_open is None:
            log.warning("Temporal does not know the workflow of execution %s", execution.id)
        if is_open is not False:
            return False
        return await self._services.db.write(lambda tx: self._end(tx, live))

    def _end(self, tx: Tx, live: Live) -> bool:
        execution = executions.get(tx, live.namespace, live.id)
        if execution is None or execution.state in TERMINAL:
            return False
        if execution.cancel_requested_at is not None:
            return end(tx, self._services.journal, live.namespace, live.id, "cancelled", CANCELLED)
        return end(tx, self._services.journal, live.namespace, live.id, "failed", LOST)


def _begun(tx: Tx, live: Live) -> Execution | None:
    """The execution if its workflow was started; one whose start is still in the outbox is not lost."""
    execution = executions.get(tx, live.namespace, live.id)
    if execution is None:
        return None
    start = outbox.get(tx, live.namespace, start_row(live.id, execution.generation))
    return None if start is not None and start.delivered_at is None else execution
