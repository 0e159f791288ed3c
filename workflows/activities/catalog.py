"""The world as the checker and the planner see it: task types from the registries, names from this installation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from connectors.base import Connector
from connectors.connections import ConnectionBook
from connectors.registry import CONNECTORS, NOT_YET
from workflows.flow.model.ai import AI_TYPES
from workflows.flow.tasktype import TaskType
from workflows.store.db import Database, Tx
from workflows.store.repositories import collections, principals


@cache
def task_types() -> Mapping[str, TaskType]:
    """Connectors that run, connectors that are known but do not run yet, and the AI types."""
    types = dict(AI_TYPES)
    for connector in CONNECTORS.values():
        types[connector.type] = _of_connector(connector)
    for name, known in NOT_YET.items():
        types[name] = TaskType(
            name=name,
            summary=known.summary,
            kind="activity",
            properties=known.properties,
            output=None,
            effect=known.effect,
            available=False,
        )
    return types


def _of_connector(connector: Connector[Any, Any]) -> TaskType:
    return TaskType(
        name=connector.type,
        summary=connector.summary,
        kind="activity",
        properties=connector.properties,
        output=connector.output,
        effect=connector.effect,
        queue=connector.queue,
        idempotent=connector.idempotent,
        quick=connector.quick,
        secrets=connector.secrets,
    )


class Catalog:
    """The world of one installation. Without a database it knows the types and no names."""

    def __init__(
        self,
        db: Database | None = None,
        connections: ConnectionBook | None = None,
        models: frozenset[str] | None = None,
    ) -> None:
        self._db, self._connections, self._models = db, connections, models

    def task_types(self) -> Mapping[str, TaskType]:
        return task_types()

    def collections(self, namespace: str) -> frozenset[str] | None:
        if self._db is None:
            return None
        return self._db.read_sync(lambda tx: frozenset(c.name for c in collections.list_collections(tx, namespace)))

    def connections(self, namespace: str) -> frozenset[str] | None:
        return self._connections.names(namespace) if self._connections else None

    def group_sizes(self, namespace: str) -> Mapping[str, int] | None:
        return self._db.read_sync(lambda tx: _group_sizes(tx, namespace)) if self._db else None

    def models(self, namespace: str) -> frozenset[str] | None:  # noqa: ARG002  aliases are the installation's
        return self._models

    def namespace_vars(self, namespace: str) -> Mapping[str, object]:  # noqa: ARG002  environments have none yet
        return {}


def _group_sizes(tx: Tx, namespace: str) -> dict[str, int]:
    groups = principals.list_groups(tx, namespace)
    return {group: len(principals.members(tx, namespace, group)) for group in groups}
