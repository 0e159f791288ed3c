"""The journal records of a gate: same transaction, canonical kinds, names of people only in erasable content.

What is recorded is also what other channels are told: nothing can change a gate and leave its messages as they were.
"""

from __future__ import annotations

from typing import Any

from workflows.arbiter import outgoing
from workflows.arbiter.current import Current
from workflows.arbiter.who import Who
from workflows.journal.records import Journal, Record
from workflows.store.db import Tx


def record(
    tx: Tx,
    journal: Journal,
    current: Current,
    kind: str,
    who: Who,
    *,
    outcome: str | None = None,
    action_digest: str | None = None,
    content: Any = None,
    meta: dict[str, Any] | None = None,
    revision_sha256: str | None = None,
    op_key: str | None = None,
) -> None:
    """Append one record about the gate to its execution's stream, and tell the gate's channels."""
    gate = current.gate
    outgoing.changed(tx, current, kind)
    facts = {"gate_id": gate.id, "item_key": gate.item_key, "revision": current.revision.revision}
    right = {"right": who.right, "sign_in": who.sign_in, "groups": list(who.groups), "roles": list(who.roles)}
    journal.append(
        tx,
        Record(
            namespace=current.namespace,
            kind=kind,
            actor_kind=who.kind,
            actor_id=who.id,
            via=who.via,
            flow_id=gate.flow_id,
            revision_sha256=revision_sha256,
            execution_id=gate.execution_id,
            path=gate.path,
            outcome=outcome,
            action_digest=action_digest,
            content=content,
            meta={**facts, **(right if who.id else {}), **(meta or {})},
            op_key=op_key,
        ),
    )
