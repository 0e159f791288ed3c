"""What the business rows claim must be in the journal: decisions, answers and erasures without a record are forged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from workflows.journal.findings import Finding
from workflows.store.db import Tx
from workflows.store.tables import audit_key, decisions, operations

_DECIDED = frozenset({"decision.submitted", "decision.auto", "decision.expired"})
_ANSWERED = frozenset({"llm.response", "tool.response", "retrieval", "embedding", "action.applied"})
_ERASED = "erasure"

_EFFECTIVE = sa.select(
    decisions.c.id, decisions.c.namespace, decisions.c.execution_id, decisions.c.outcome, decisions.c.action_digest
).where(decisions.c.undone_at.is_(None))
_ANSWERS = sa.select(
    operations.c.namespace, operations.c.execution_id, operations.c.key, operations.c.request_hash, operations.c.answer
).where(operations.c.state == "answered")
_DESTROYED = sa.select(audit_key.c.namespace, audit_key.c.key_id, audit_key.c.subject).where(
    audit_key.c.destroyed_at.is_not(None)
)


@dataclass(slots=True)
class Witness:
    """What sound records say, gathered in passing."""

    decisions: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    answers: dict[str, str | None] = field(default_factory=dict)
    destroyed: set[str] = field(default_factory=set)

    def note(self, kind: str, event_id: str, meta: str, outcome: str | None, action_digest: str | None) -> None:
        """Remember a sound record that a business row may lean on."""
        if kind in _DECIDED:
            decision = json.loads(meta).get("decision_id")
            if decision is not None:
                self.decisions[decision] = (outcome, action_digest)
        elif kind in _ANSWERED:
            self.answers[event_id] = json.loads(meta).get("request_hash")
        elif kind == _ERASED:
            self.destroyed.update(json.loads(meta).get("keys", ()))


def findings(tx: Tx, witness: Witness, namespace: str | None) -> Iterator[Finding]:
    """Name the rows that the journal does not bear out."""
    yield from _decisions(tx, witness, namespace)
    yield from _answers(tx, witness, namespace)
    for space, key_id, subject in tx.conn.execute(_within(_DESTROYED, audit_key, namespace)):
        if key_id not in witness.destroyed:
            yield Finding(
                f"{space}/admin", None, None, f"the key {key_id} of {subject} was destroyed without an erasure"
            )


def _decisions(tx: Tx, witness: Witness, namespace: str | None) -> Iterator[Finding]:
    for decision, space, execution, outcome, digest in tx.conn.execute(_within(_EFFECTIVE, decisions, namespace)):
        recorded = witness.decisions.get(decision)
        if recorded is None:
            yield Finding(f"{space}/{execution}", None, None, f"decision {decision} ({outcome}) has no record")
        elif recorded != (outcome, digest):
            yield Finding(
                f"{space}/{execution}", None, None, f"decision {decision} says {outcome}, its record {recorded[0]}"
                if recorded[0] != outcome
                else f"decision {decision} is bound to another action than its record",
            )  # fmt: skip


def _answers(tx: Tx, witness: Witness, namespace: str | None) -> Iterator[Finding]:
    for space, execution, key, request_hash, answer in tx.conn.execute(_within(_ANSWERS, operations, namespace)):
        event_id = (answer or {}).get("event")
        if event_id not in witness.answers:
            yield Finding(
                f"{space}/{execution}", None, event_id, f"operation {key} is answered and has no sound record"
            )
        elif witness.answers[event_id] != request_hash:
            yield Finding(f"{space}/{execution}", None, event_id, f"operation {key} points to another call's answer")


def _within(statement: sa.Select[Any], table: sa.Table, namespace: str | None) -> sa.Select[Any]:
    return statement if namespace is None else statement.where(table.c.namespace == namespace)
