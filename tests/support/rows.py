"""Rows that store and journal tests need again and again, made by the repositories themselves."""

from __future__ import annotations

from typing import Any

from workflows.store.db import Tx
from workflows.store.repositories import executions, flows, gates
from workflows.store.repositories.decisions import Decision
from workflows.store.repositories.gates import Gate, GateRevision

NS = "sales"
OTHER = "support"


def flow(tx: Tx, namespace: str = NS, flow_id: str = "order-risk", sha256: str = "a" * 64) -> flows.Revision:
    return flows.save_revision(
        tx, namespace, flow_id, sha256=sha256, source_text="id: order-risk", bundle={"files": {}}, plan={"tasks": []},
        author_id="author", source="cli", message="first", managed_by="git",
    )  # fmt: skip


def execution(tx: Tx, namespace: str = NS, execution_id: str = "e1", **more: Any) -> executions.Creation:
    values: dict[str, Any] = {"flow_id": "order-risk", "revision": 1, "workflow_id": f"w-{execution_id}"}
    values |= {"inputs": {"file": "orders.csv"}, "via": "api", **more}
    return executions.create(tx, namespace, execution_id=execution_id, **values)


def gate(tx: Tx, namespace: str = NS, gate_id: str = "g1", **more: Any) -> Gate:
    """An open gate with its first revision."""
    values: dict[str, Any] = {"execution_id": "e1", "workflow_id": "w-e1", "flow_id": "order-risk", "flow_revision": 1}
    values |= {"path": "triage.review", "item_key": "0", "batch_key": "e1/triage.review", "title": "Order 1"}
    values |= {"policy": {"stages": [{"groups": ["fraud"], "people": []}]}, "gate_plan": {}, "scope": {"item": {}}}
    made = Gate(**{**values, "id": gate_id, "opened_at": tx.now, **more})
    gates.insert(tx, namespace, made)
    gates.add_revision(tx, namespace, revision_of(made))
    return made


def revision_of(made: Gate, number: int = 1) -> GateRevision:
    view = f'{{"title":"{made.title}"}}'
    return GateRevision(
        gate_id=made.id, revision=number, kind="suggestion", view=view, action_digest="d" * 64, fields={"risk": "high"}
    )


def decision(tx: Tx, gate_id: str = "g1", decision_id: str = "d1", **more: Any) -> Decision:
    values: dict[str, Any] = {"revision": 1, "execution_id": "e1", "outcome": "approved", "action_digest": "d" * 64}
    values |= {"actor_kind": "person", "actor_id": "ann", "via": "api", "snapshot": {"name": "Ann"}}
    return Decision(
        **{**values, "id": decision_id, "gate_id": gate_id, "decided_at": tx.now, "effective_at": tx.now, **more}
    )
