"""What activities work with, built once per worker."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio import activity

from agents.settings import ModelSettings
from connectors.artifacts import LocalArtifacts
from connectors.connections import ConnectionBook, Secrets
from rag.knowledge import Knowledge
from workflows.contracts import Where
from workflows.gates.digest import canonical
from workflows.journal.recorder import DbRecorder
from workflows.journal.records import Journal
from workflows.settings import Settings
from workflows.store.db import Database

Json = Any


@dataclass(frozen=True, slots=True)
class Deps:
    """One worker's resources. ``models`` says what the aliases mean here."""

    db: Database
    journal: Journal
    settings: Settings
    knowledge: Knowledge
    connections: ConnectionBook
    secrets: Secrets
    models: ModelSettings

    def artifacts(self, namespace: str) -> LocalArtifacts:
        return LocalArtifacts(self.settings.artifacts, namespace)

    def files(self, namespace: str) -> Path:
        """The folder that file tasks of a namespace may touch."""
        return self.settings.files / namespace

    def recorder(self, where: Where) -> DbRecorder:
        """The operation journal of the attempt that is running now."""
        return DbRecorder(
            self.db,
            self.journal,
            namespace=where.namespace,
            execution_id=where.execution_id,
            flow_id=where.flow_id,
            path=place(where),
            attempt=activity.info().attempt,
            fence=fence(),
        )


def place(where: Where) -> str:
    """``triage/review[57]``: how the journal names a step of an element."""
    return f"{where.path}[{where.item_key}]" if where.item_key else where.path


def fence() -> int | None:
    """A number that grows from attempt to attempt: the server's clock when this attempt began, in microseconds.

    A local activity knows its worker's clock only, and takes its number from the store.
    """
    info = activity.info()
    return None if info.is_local else int(info.started_time.timestamp() * 1_000_000)


def beat(detail: object = None) -> None:
    """Heartbeat with the connector's or the agent's own progress. A local activity has none: its workflow task has."""
    if not activity.info().is_local:
        activity.heartbeat(detail)


def digest(value: Json) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()
