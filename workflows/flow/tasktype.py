"""What the checker and the planner know about the world: task types as data, and a Protocol for names.

The world is filled outside this package (``workflows.activities.catalog``), so that the language stays pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from workflows.flow.planned import Effect, Kind, Queue


@dataclass(frozen=True, slots=True)
class TaskType:
    """One task type: its property model, its output model, and how it runs.

    ``available=False`` means the language knows it but this version does not run it: the diagnostic ``not-available``.
    ``secrets`` names the properties that may hold ``{{ secrets.NAME }}``.
    ``idempotent`` says whether repeating a call with the same ``op_id`` has the effect of one call; ``quick`` that it takes
    milliseconds, waits for nothing outside its process, and answers with little.
    """

    name: str
    summary: str
    kind: Kind
    properties: type[BaseModel]
    output: type[BaseModel] | None
    effect: Effect
    queue: Queue = "visto"
    available: bool = True
    idempotent: bool = True
    quick: bool = False
    secrets: frozenset[str] = frozenset()


class World(Protocol):
    """What exists around a flow. A method that answers ``None`` does not know: the checker then says nothing."""

    def task_types(self) -> Mapping[str, TaskType]:
        """Connector and AI task types by name (control types are the language's own)."""
        ...

    def collections(self, namespace: str) -> frozenset[str] | None: ...

    def connections(self, namespace: str) -> frozenset[str] | None: ...

    def group_sizes(self, namespace: str) -> Mapping[str, int] | None:
        """Members per group, to find gates that can never reach their quorum."""
        ...

    def models(self, namespace: str) -> frozenset[str] | None: ...

    def namespace_vars(self, namespace: str) -> Mapping[str, object]: ...
