"""Journal records of use cases. Meta holds ids and codes; names and texts go into content, which can be erased."""

from __future__ import annotations

from typing import Any

from workflows.gates.model import Actor
from workflows.journal.records import Journal, Record
from workflows.store.db import Tx
from workflows.store.repositories.executions import Execution

SYSTEM = "system"


def record(
    tx: Tx,
    journal: Journal,
    namespace: str,
    kind: str,
    actor: Actor | None,
    *,
    execution: Execution | None = None,
    flow_id: str | None = None,
    revision_sha256: str | None = None,
    outcome: str | None = None,
    content: Any = None,
    subject: str | None = None,
    meta: dict[str, Any] | None = None,
) -> None:
    """Append one record; without an actor the system itself acted. ``subject`` is whom the content is about."""
    journal.append(
        tx,
        Record(
            namespace=namespace,
            kind=kind,
            actor_kind=actor.kind if actor else SYSTEM,
            actor_id=actor.principal_id if actor else None,
            via=actor.via if actor else SYSTEM,
            flow_id=flow_id or (execution.flow_id if execution else None),
            revision_sha256=revision_sha256,
            execution_id=execution.id if execution else None,
            outcome=outcome,
            content=content,
            subject=subject,
            meta={**({"sign_in": actor.sign_in} if actor else {}), **(meta or {})},
        ),
    )
