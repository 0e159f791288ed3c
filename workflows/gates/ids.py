"""Names that are equal wherever they are computed: gates, operations, batches.

Every id is a UUIDv5 of the canonical JSON list of its parts, so no two different lists share a name.
"""

from __future__ import annotations

from uuid import UUID, uuid5

from workflows.gates.digest import canonical

_NAMESPACE = UUID("6f1d4c1e-5f0b-5d0e-9a53-0b1f6f6b7a10")


def _name(kind: str, *parts: str | int) -> str:
    return str(uuid5(_NAMESPACE, canonical([kind, *parts])))


def gate_id(execution_id: str, path: str, item_key: str) -> str:
    """The gate of one task, for one item, in one execution."""
    return _name("gate", execution_id, path, item_key)


def op_id(execution_id: str, path: str, item_key: str, revision: int, purpose: str, *, generation: int = 0) -> str:
    """One outside operation; equal on every retry and restart. A deliberate re-run raises ``generation``."""
    return _name("op", execution_id, path, item_key, revision, purpose, generation)


def batch_key(execution_id: str, path: str) -> str:
    """What one reviewer may decide in one go: all items of one task in one execution."""
    return _name("batch", execution_id, path)


def effect_path(gate_path: str, task_id: str) -> str:
    """Where an effect of a yes stands: the task under its gate."""
    return f"{gate_path}/{task_id}"
