"""What the business rows claim must be in the journal, and what it says of them must hold.

Decisions, what people were asked, answers and erasures without a record are forged; a decision whose row is gone was
removed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from workflows.gates.digest import action_digest as digest_of
from workflows.journal.findings import Finding
from workflows.store.db import Tx
from workflows.store.tables import audit_key, decisions, gate_revisions, operations

_DECIDED = frozenset({"decision.submitted", "decision.auto", "decision.expired"})
_ANSWERED = frozenset({"llm.response", "tool.response", "retrieval", "embedding", "action.applied"})
_ERASED = "erasure"

_DECISIONS = sa.select(
    decisions.c.id, decisions.c.namespace, decisions.c.execution_id, decisions.c.outcome, decisions.c.action_digest,
    decisions.c.actor_id, decisions.c.undone_at, decisions.c.revoked_reason,
)  # fmt: skip
_ASKED = sa.select(
    gate_revisions.c.namespace, gate_revisions.c.gate_id, gate_revisions.c.revision, gate_revisions.c.view,
    gate_revisions.c.action_digest, gate_revisions.c.fields,
)  # fmt: skip
_ANSWERS = sa.select(
    operations.c.namespace, operations.c.execution_id, operations.c.key, operations.c.request_hash, operations.c.answer
).where(operations.c.state == "answered")
_DESTROYED = sa.select(audit_key.c.namespace, audit_key.c.key_id, audit_key.c.subject).where(
    audit_key.c.destroyed_at.is_not(None)
)


@dataclass(frozen=True, slots=True)
class Decided:
    """What the journal says of a decision."""

    stream: str
    outcome: str | None
    action_digest: str | None
    actor_id: str | None


@dataclass(slots=True)
class Witness:
    """What sound records say, gathered in passing."""

    decisions: dict[str, Decided] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)
    asked: set[str | None] = field(default_factory=set)
    answers: dict[str, str | None] = field(default_factory=dict)
    destroyed: set[str] = field(default_factory=set)

    def note(self, row: Mapping[str, Any]) -> None:
        """Remember a sound record (a row of ``audit_event``) that a business row may lean on."""
        kind, meta = row["kind"], json.loads(row["meta"])
        decision = meta.get("decision_id")
        if kind in _DECIDED and decision is not None:
            self.decisions[decision] = Decided(row["stream"], row["outcome"], row["action_digest"], row["actor_id"])
        elif kind == "decision.undone":
            self.undone.add(decision)
        elif kind == "decision.revoked":
            self.revoked.add(decision)
        elif kind == "approval.requested":
            self.asked.add(row["action_digest"])
        elif kind in _ANSWERED:
            self.answers[row["event_id"]] = meta.get("request_hash")
        elif kind == _ERASED:
            self.destroyed.update(meta.get("keys", ()))


def findings(tx: Tx, witness: Witness, namespace: str | None) -> Iterator[Finding]:
    """Name the rows that the journal does not bear out."""
    yield from _decisions(tx, witness, namespace)
    yield from _asked(tx, witness, namespace)
    yield from _answers(tx, witness, namespace)
    for space, key_id, subject in tx.conn.execute(_within(_DESTROYED, audit_key, namespace)):
        if key_id not in witness.destroyed:
            yield Finding(
                f"{space}/admin", None, None, f"the key {key_id} of {subject} was destroyed without an erasure"
            )


def _decisions(tx: Tx, witness: Witness, namespace: str | None) -> Iterator[Finding]:
    gone = dict(witness.decisions)
    for row in tx.conn.execute(_within(_DECISIONS, decisions, namespace)):
        known = gone.pop(row.id, None)
        wrong = _contradiction(row, known, witness)
        if wrong is not None:
            yield Finding(f"{row.namespace}/{row.execution_id}", None, None, f"decision {row.id} {wrong}")
    for decision, known in gone.items():
        yield Finding(known.stream, None, None, f"decision {decision} ({known.outcome}) is recorded, its row is gone")


def _contradiction(row: sa.Row[Any], known: Decided | None, witness: Witness) -> str | None:
    """What a decision's row claims against its record."""
    if known is None:
        return f"({row.outcome}) has no record"
    if known.outcome != row.outcome:
        return f"says {row.outcome}, its record {known.outcome}"
    if known.action_digest != row.action_digest:
        return "is bound to another action than its record"
    if known.actor_id != row.actor_id:
        return f"names {row.actor_id} as who decided, its record {known.actor_id}"
    for what, is_so, recorded in (
        ("undone", row.undone_at is not None, row.id in witness.undone),
        ("revoked", row.revoked_reason is not None, row.id in witness.revoked),
    ):
        if is_so != recorded:
            return f"is {what} without a record" if is_so else f"was {what}, and its row does not say so"
    return None


def _asked(tx: Tx, witness: Witness, namespace: str | None) -> Iterator[Finding]:
    """What people were asked: the view is the one that was recorded, and what would become final is what it shows."""
    for row in tx.conn.execute(_within(_ASKED, gate_revisions, namespace)):
        place = f"revision {row.revision} of gate {row.gate_id}"
        if digest_of(row.view) != row.action_digest or row.action_digest not in witness.asked:
            yield Finding(f"{row.namespace}/gates", None, None, f"{place} is not what people were asked")
        elif json.loads(row.view)["suggestion"] != row.fields:
            yield Finding(f"{row.namespace}/gates", None, None, f"{place} has other fields than were shown")


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
