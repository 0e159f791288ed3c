"""Gates and their revisions: what waits for people, in the order in which they should look at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypedDict

import sqlalchemy as sa
from sqlalchemy import bindparam
from typing_extensions import Unpack

from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.prepared import Prepared
from workflows.store.refusals import NotFound
from workflows.store.repositories.inbox import audience_of, sort_key_of
from workflows.store.sql import changed, columns, insert_ignore
from workflows.store.tables import gate_revisions, gates


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One gate. ``policy`` is an ``ApprovePlan`` with its groups resolved, ``scope`` the names its expressions use.

    ``revision`` is the newest one; ``due_at`` orders the inbox, ``expires_at`` is what the arbiter enforces.
    """

    id: str
    execution_id: str
    workflow_id: str
    flow_id: str
    flow_revision: int
    path: str
    item_key: str
    batch_key: str
    title: str
    policy: dict[str, Any]
    gate_plan: dict[str, Any]
    scope: dict[str, Any]
    opened_at: datetime
    state: str = "open"
    revision: int = 1
    stage: int = 0
    rounds: int = 0
    generation: int = 0
    priority: int = 0
    due_at: datetime | None = None
    expires_at: datetime | None = None
    requester_id: str | None = None
    author_id: str | None = None
    assigned_to: str | None = None
    claimed_by: str | None = None
    claim_until: datetime | None = None
    decided_at: datetime | None = None
    withdrawn_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRevision:
    """``view`` is the canonical JSON text that was hashed; ``fields`` the suggestion or the edit."""

    gate_id: str
    revision: int
    kind: str
    view: str
    action_digest: str
    fields: dict[str, Any]
    meta: dict[str, Any] | None = None
    made_by: str | None = None
    created_at: datetime | None = None


class GateChanges(TypedDict, total=False):
    """The columns that may change after the opening."""

    state: str
    workflow_id: str
    revision: int
    stage: int
    rounds: int
    generation: int
    title: str
    priority: int
    due_at: datetime | None
    expires_at: datetime | None
    policy: dict[str, Any]
    gate_plan: dict[str, Any]
    scope: dict[str, Any]
    assigned_to: str | None
    claimed_by: str | None
    claim_until: datetime | None
    opened_at: datetime
    decided_at: datetime | None
    withdrawn_reason: str | None


_ORDERING = frozenset({"priority", "due_at", "opened_at"})
_AUDIENCE = frozenset({"policy", "stage", "assigned_to"})
_NAMES = tuple(field.name for field in fields(Gate))
_REVISION_NAMES = tuple(field.name for field in fields(GateRevision))
_MINE = gates.c.namespace == bindparam("ns")
_ALL = sa.select(*columns(gates, Gate)).where(_MINE)
_ONE = _ALL.where(gates.c.id == bindparam("gate"))
_GET = Prepared(_ONE)
_LOCK = Prepared(_ONE.with_for_update())
_INSERT = Prepared(gates.insert())
_OF_EXECUTION = _ALL.where(gates.c.execution_id == bindparam("execution")).order_by(gates.c.opened_at, gates.c.id)
_ALL_OF_EXECUTION = Prepared(_OF_EXECUTION)
_OPEN_OF_EXECUTION = Prepared(_OF_EXECUTION.where(gates.c.state == "open"))
_AT = _ALL.where(
    gates.c.execution_id == bindparam("execution"),
    gates.c.path == bindparam("path"),
    gates.c.item_key == bindparam("item"),
).order_by(gates.c.generation.desc())
_UPDATE = Prepared(gates.update().where(_MINE, gates.c.id == bindparam("gate")))
_REVISION = sa.select(*columns(gate_revisions, GateRevision)).where(
    gate_revisions.c.namespace == bindparam("ns"), gate_revisions.c.gate_id == bindparam("gate")
)
_ONE_REVISION = Prepared(_REVISION.where(gate_revisions.c.revision == bindparam("n")))
_ALL_REVISIONS = Prepared(_REVISION.order_by(gate_revisions.c.revision))
_INSERT_REVISION = Prepared(gate_revisions.insert())
_OWNED = Prepared(sa.select(gates.c.id).where(_MINE, gates.c.id == bindparam("gate")))


def _gate(row: Sequence[Any]) -> Gate:
    return Gate(**dict(zip(_NAMES, row, strict=True)))


def _revision(row: Sequence[Any]) -> GateRevision:
    return GateRevision(**dict(zip(_REVISION_NAMES, row, strict=True)))


def insert(tx: Tx, namespace: str, gate: Gate) -> None:
    """Open the gate. Its first revision is a separate ``add_revision`` in the same transaction."""
    _INSERT.change(tx, _row(namespace, gate))


def insert_new(tx: Tx, namespace: str, gate: Gate) -> bool:
    """As ``insert``; returns False, changing nothing, when the gate is there."""
    return insert_ignore(tx, gates, _row(namespace, gate), ("id",))


def _row(namespace: str, gate: Gate) -> dict[str, Any]:
    values = {name: getattr(gate, name) for name in _NAMES}
    derived = {
        "audience": _audience(gate.policy, gate.stage, gate.assigned_to, gate),
        "sort_key": sort_key_of(gate.priority, gate.due_at, gate.opened_at, gate.id),
    }
    return {"namespace": namespace, **values, **derived}


def _audience(policy: dict[str, Any], stage: int, assigned_to: str | None, gate: Gate) -> str:
    return audience_of(policy, stage, assigned_to, requester_id=gate.requester_id, author_id=gate.author_id)


def get(tx: Tx, namespace: str, gate_id: str) -> Gate | None:
    row = _GET.row(tx, {"ns": namespace, "gate": gate_id})
    return None if row is None else _gate(row)


def get_for_update(tx: Tx, namespace: str, gate_id: str) -> Gate | None:
    """Like ``get``, and nobody else can change the gate until this transaction ends."""
    row = _LOCK.row(tx, {"ns": namespace, "gate": gate_id})
    return None if row is None else _gate(row)


def find(tx: Tx, namespace: str, execution_id: str, path: str, item_key: str) -> Gate | None:
    """The newest gate at a place of an execution, so that a restart can reuse its decision."""
    params = {"ns": namespace, "execution": execution_id, "path": path, "item": item_key}
    row = tx.conn.execute(_AT, params).first()
    return None if row is None else _gate(row)


def of_execution(tx: Tx, namespace: str, execution_id: str, *, only_open: bool = False) -> list[Gate]:
    """The execution's gates, oldest first."""
    statement = _OPEN_OF_EXECUTION if only_open else _ALL_OF_EXECUTION
    return [_gate(row) for row in statement.rows(tx, {"ns": namespace, "execution": execution_id})]


def update(tx: Tx, namespace: str, gate_id: str, **changes: Unpack[GateChanges]) -> None:
    """Change columns. Order and audience of the inbox follow. Raises ``NotFound``."""
    values: dict[str, Any] = {**changes}
    if changes.keys() & (_ORDERING | _AUDIENCE):
        values.update(_derived(tx, namespace, gate_id, values))
    if not changed(tx, _UPDATE, {"ns": namespace, "gate": gate_id, **values}):
        raise NotFound("gate", gate_id)


def _derived(tx: Tx, namespace: str, gate_id: str, changes: dict[str, Any]) -> dict[str, str]:
    gate = get(tx, namespace, gate_id)
    if gate is None:
        raise NotFound("gate", gate_id)

    def new(name: str) -> Any:
        return changes[name] if name in changes else getattr(gate, name)

    return {
        "audience": _audience(new("policy"), new("stage"), new("assigned_to"), gate),
        "sort_key": sort_key_of(new("priority"), new("due_at"), new("opened_at"), gate.id),
    }


def add_revision(tx: Tx, namespace: str, revision: GateRevision) -> None:
    """Store a revision of a gate of this namespace; the caller updates ``gates.revision``. Raises ``NotFound``."""
    if _OWNED.row(tx, {"ns": namespace, "gate": revision.gate_id}) is None:
        raise NotFound("gate", revision.gate_id)
    values = {name: getattr(revision, name) for name in _REVISION_NAMES}
    values["created_at"] = revision.created_at or tx.now
    _INSERT_REVISION.change(tx, {"id": new_id(tx.now), "namespace": namespace, **values})


def revision(tx: Tx, namespace: str, gate_id: str, number: int) -> GateRevision | None:
    row = _ONE_REVISION.row(tx, {"ns": namespace, "gate": gate_id, "n": number})
    return None if row is None else _revision(row)


def revisions(tx: Tx, namespace: str, gate_id: str) -> list[GateRevision]:
    """Every revision, first to last."""
    return [_revision(row) for row in _ALL_REVISIONS.rows(tx, {"ns": namespace, "gate": gate_id})]
