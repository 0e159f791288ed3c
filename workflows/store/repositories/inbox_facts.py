"""What a line of the inbox says besides the gate itself: what was shown, who looks at it, how it ended, what one did today."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.ids import first_id
from workflows.store.sql import many
from workflows.store.tables import OF_GATE, audit_event, decisions, gate_revisions, gates, principals, votes


@dataclass(frozen=True, slots=True)
class Shown:
    """The newest revision of a gate. ``view`` is the canonical JSON text whose SHA-256 is ``action_digest``."""

    gate_id: str
    revision: int
    action_digest: str
    view: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a gate stands now. ``outcome`` and ``decided_by`` are of the decision that counts, if there is one."""

    gate_id: str
    batch_key: str
    title: str
    state: str
    revision: int
    claimed_by: str | None
    claim_until: datetime | None
    outcome: str | None
    decided_by: str | None
    snapshot: dict[str, Any] | None
    effective_at: datetime | None


# SQLite would rather go through every gate of a namespace than look up a list of ids: an expression is in no index
_OURS = gates.c.namespace + "" == bindparam("ns")
_THESE = sa.and_(gates.c.id.in_(bindparam("ids", expanding=True)), _OURS)
_SHOWN = (
    sa.select(
        gate_revisions.c.gate_id, gate_revisions.c.revision, gate_revisions.c.action_digest, gate_revisions.c.view
    )
    .join(
        gates,
        sa.and_(gates.c.id == gate_revisions.c.gate_id, gates.c.revision == gate_revisions.c.revision, _OURS),
    )
    .where(
        gate_revisions.c.namespace == bindparam("ns"), gate_revisions.c.gate_id.in_(bindparam("ids", expanding=True))
    )
)
_STANDING = (
    sa.select(
        gates.c.id, gates.c.batch_key, gates.c.title, gates.c.state, gates.c.revision, gates.c.claimed_by, gates.c.claim_until,
        decisions.c.outcome, decisions.c.actor_id, decisions.c.snapshot, decisions.c.effective_at,
    )
    .outerjoin(
        decisions,
        sa.and_(
            decisions.c.namespace == gates.c.namespace,
            decisions.c.gate_id == gates.c.id,
            decisions.c.undone_at.is_(None),
            decisions.c.outcome != "changes_requested",
        ),
    )
    .where(_THESE)
)  # fmt: skip
_POLICIES = sa.select(gates.c.id, gates.c.policy, gates.c.requester_id, gates.c.author_id).where(_THESE)
_LOOKED = {
    dialect: sa.select(audit_event.c.actor_id, sa.literal_column(gate)).where(
        audit_event.c.namespace == bindparam("ns"),
        sa.literal_column(gate).in_(bindparam("ids", expanding=True)),
        audit_event.c.event_id >= bindparam("first"),
        audit_event.c.kind == "approval.viewed",
    )
    for dialect, gate in OF_GATE.items()
}
_VOTED = (
    sa.select(votes.c.gate_id, votes.c.action)
    .join(
        gates,
        sa.and_(
            gates.c.id == votes.c.gate_id,
            gates.c.revision == votes.c.revision,
            gates.c.stage == votes.c.stage,
            _OURS,
        ),
    )
    .where(
        votes.c.namespace == bindparam("ns"),
        votes.c.gate_id.in_(bindparam("ids", expanding=True)),
        votes.c.principal_id == bindparam("who"),
        votes.c.voided_at.is_(None),
    )
)
_NAMES = sa.select(principals.c.id, principals.c.name).where(
    principals.c.namespace == bindparam("ns"), principals.c.id.in_(bindparam("ids", expanding=True))
)
_DONE = (
    sa.select(decisions.c.outcome, sa.func.count())
    .where(
        decisions.c.namespace == bindparam("ns"),
        decisions.c.decided_at >= bindparam("since"),
        decisions.c.actor_id == bindparam("who"),
        decisions.c.undone_at.is_(None),
    )
    .group_by(decisions.c.outcome)
    .order_by(decisions.c.outcome)
)


@dataclass(frozen=True, slots=True)
class Policy:
    """The approve policy of a gate, and whose request and whose flow it is."""

    gate_id: str
    policy: dict[str, Any]
    requester_id: str | None
    author_id: str | None


def shown(tx: Tx, namespace: str, gate_ids: Sequence[str]) -> dict[str, Shown]:
    """The newest revision of each of these gates, by gate."""
    return {row.gate_id: row for row in many(tx, Shown, _SHOWN, {"ns": namespace, "ids": list(gate_ids)})}


def standing(tx: Tx, namespace: str, gate_ids: Sequence[str]) -> list[Standing]:
    """How these gates stand; those of another namespace are left out."""
    return many(tx, Standing, _STANDING, {"ns": namespace, "ids": list(gate_ids)})


def policies(tx: Tx, namespace: str, gate_ids: Sequence[str]) -> dict[str, Policy]:
    return {row.gate_id: row for row in many(tx, Policy, _POLICIES, {"ns": namespace, "ids": list(gate_ids)})}


def lookers(tx: Tx, namespace: str, gate_ids: Sequence[str], since: datetime) -> dict[str, set[str]]:
    """Who was first shown each of these gates at ``since`` or later, by gate: principal ids."""
    params = {"ns": namespace, "ids": list(gate_ids), "first": first_id(since)}
    found: dict[str, set[str]] = {}
    for who, gate in tx.conn.execute(_LOOKED[tx.conn.dialect.name], params):
        if who is not None:
            found.setdefault(gate, set()).add(who)
    return found


def voted(tx: Tx, namespace: str, gate_ids: Sequence[str], principal_id: str) -> dict[str, str]:
    """The person's vote that stands on each of these gates at its present revision and stage: the action, by gate."""
    params = {"ns": namespace, "ids": list(gate_ids), "who": principal_id}
    return {row[0]: row[1] for row in tx.conn.execute(_VOTED, params)}


def names(tx: Tx, namespace: str, principal_ids: Sequence[str]) -> dict[str, str]:
    """What these people are called."""
    return {row.id: row.name for row in tx.conn.execute(_NAMES, {"ns": namespace, "ids": list(principal_ids)})}


def done_since(tx: Tx, namespace: str, principal_id: str, since: datetime) -> dict[str, int]:
    """How many decisions a person made, by outcome; what was undone does not count."""
    params = {"ns": namespace, "since": since, "who": principal_id}
    return {row[0]: row[1] for row in tx.conn.execute(_DONE, params)}
