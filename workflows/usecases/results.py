"""The one result of an execution: what wait, status, callback and CLI return. A rejection is data, not an error."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from workflows.contracts import TERMINAL, Reason, State
from workflows.store.db import Tx
from workflows.store.repositories import executions
from workflows.store.repositories.executions import Execution
from workflows.usecases.refusals import execution_not_found
from workflows.usecases.services import Services

Json = Any

ACCEPTED = {"code": "accepted", "message": "Accepted and stored; it starts now."}
FIRST_LOOK_S = 0.02
LONGEST_PAUSE_S = 0.5


class ExecutionResult(BaseModel):
    """``decision`` and ``decided_by`` are the last gate's, ``None`` without one. ``links`` are absolute addresses.

    ``reason`` says why the execution is in its state, with the words every channel prints.
    """

    model_config = ConfigDict(extra="forbid")

    execution: str
    flow: str
    revision: int
    reference: str | None = None
    state: State
    decision: str | None = None
    decided_by: str | None = None
    outputs: dict[str, Json] | None = None
    reason: Reason | None = None
    created_at: datetime
    ended_at: datetime | None = None
    links: dict[str, str] = Field(default_factory=dict)

    @property
    def ended(self) -> bool:
        return self.state in TERMINAL


def result_of(services: Services, execution: Execution) -> ExecutionResult:
    """The result of a row."""
    decision = execution.decision or {}
    by = decision.get("by")
    return ExecutionResult.model_validate(
        {
            "execution": execution.id,
            "flow": execution.flow_id,
            "revision": execution.revision,
            "reference": execution.reference,
            "state": execution.state,
            "decision": decision.get("decision") or decision.get("outcome"),
            "decided_by": by.get("name") if isinstance(by, dict) else by,
            "outputs": execution.outputs,
            "reason": execution.reason or (dict(ACCEPTED) if execution.state == "created" else None),
            "created_at": execution.created_at,
            "ended_at": execution.ended_at,
            "links": _links(services, execution.id),
        }
    )


def _links(services: Services, execution_id: str) -> dict[str, str]:
    here = f"{services.settings.api_url}/api/v1/executions/{execution_id}"
    return {
        "self": here,
        "result": f"{here}/result",
        "timeline": f"{here}/timeline",
        "gates": f"{services.settings.api_url}/api/v1/gates?execution={execution_id}",
    }


async def execution(services: Services, namespace: str, execution_id: str) -> Execution:
    """The row. Raises ``execution_not_found``."""
    return await services.db.read(lambda tx: load(tx, namespace, execution_id))


def load(tx: Tx, namespace: str, execution_id: str) -> Execution:
    found = executions.get(tx, namespace, execution_id)
    if found is None:
        raise execution_not_found(execution_id)
    return found


async def result(services: Services, namespace: str, execution_id: str) -> ExecutionResult:
    """The result as it is now. Raises ``execution_not_found``."""
    return result_of(services, await execution(services, namespace, execution_id))


async def wait(services: Services, namespace: str, execution_id: str, timeout: timedelta) -> ExecutionResult:  # noqa: ASYNC109  a long poll answers at its end, it does not fail
    """The result at the end of the execution, or as it is after ``timeout``. Raises ``execution_not_found``.

    Looks at one row from time to time, so any number of processes may end the execution.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout.total_seconds()
    pause = FIRST_LOOK_S
    while True:
        current = await result(services, namespace, execution_id)
        left = deadline - loop.time()
        if current.ended or left <= 0:
            return current
        await asyncio.sleep(min(pause * random.uniform(0.8, 1.2), left))
        pause = min(pause * 1.5, LONGEST_PAUSE_S)
