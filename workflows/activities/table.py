"""Every activity, by task queue. The worker registers what this table says, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from workflows.activities.agent import AgentActivities
from workflows.activities.connector import ConnectorActivities
from workflows.activities.deps import Deps
from workflows.activities.execution import ExecutionActivities
from workflows.activities.gate import GateActivities
from workflows.activities.items import ItemActivities
from workflows.activities.retrieve import RetrievalActivities
from workflows.contracts import QUEUE, QUEUE_AI, QUEUE_BULK

Activity = Callable[..., Any]


def activities(deps: Deps) -> dict[str, Sequence[Activity]]:
    """Activities per queue: light work, model calls, heavy ingestion."""
    agent, connector, retrieval = AgentActivities(deps), ConnectorActivities(deps), RetrievalActivities(deps)
    gate, execution, items = GateActivities(deps), ExecutionActivities(deps), ItemActivities(deps)
    light: list[Activity] = [
        connector.call,
        gate.open,
        gate.load,
        gate.withdraw,
        execution.record,
        execution.acquire,
        execution.release,
        items.load,
        items.store,
    ]
    return {
        QUEUE: [*light, agent.run, retrieval.search],
        QUEUE_AI: [agent.run, retrieval.search, connector.call],
        QUEUE_BULK: [retrieval.ingest, connector.call],
    }
