"""The world as a file on disk sees it: every task type of this version, and no installation's names."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.base import Connector
from connectors.registry import CONNECTORS
from workflows.flow.model import AI_TYPES
from workflows.flow.tasktype import TaskType


class LocalWorld:
    """Checks a flow without an installation: unknown collections, connections and groups are no problem here."""

    def task_types(self) -> Mapping[str, TaskType]:
        return {name: _row(connector) for name, connector in CONNECTORS.items()} | AI_TYPES

    def collections(self, namespace: str) -> frozenset[str] | None:  # noqa: ARG002
        return None

    def connections(self, namespace: str) -> frozenset[str] | None:  # noqa: ARG002
        return None

    def group_sizes(self, namespace: str) -> Mapping[str, int] | None:  # noqa: ARG002
        return None

    def models(self, namespace: str) -> frozenset[str] | None:  # noqa: ARG002
        return None

    def namespace_vars(self, namespace: str) -> Mapping[str, object]:  # noqa: ARG002
        return {}


def _row(connector: Connector) -> TaskType:  # type: ignore[type-arg]
    return TaskType(
        name=connector.type,
        summary=connector.summary,
        kind="activity",
        properties=connector.properties,
        output=connector.output,
        effect=connector.effect,
        queue=connector.queue,
        idempotent=connector.idempotent,
        secrets=connector.secrets,
    )
