"""Votes and comments on gates. A person has one standing vote per gate revision and stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.prepared import Prepared
from workflows.store.refusals import AlreadyExists, NotFound
from workflows.store.sql import changed, columns, insert_ignore, many
from workflows.store.tables import comments, gates, votes


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """``snapshot`` is who voted, by which right and signed in how; ``voided_at`` when an edit or a round voided it."""

    id: str
    gate_id: str
    revision: int
    stage: int
    principal_id: str
    action: str
    via: str
    snapshot: dict[str, Any]
    created_at: datetime
    reason_code: str | None = None
    comment: str | None = None
    idempotency_key: str | None = None
    voided_at: datetime | None = None
    void_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Comment:
    id: str
    gate_id: str
    principal_id: str
    text: str
    created_at: datetime


_NAMES = tuple(field.name for field in fields(Vote))
_ALL = sa.select(*columns(votes, Vote)).where(
    votes.c.namespace == bindparam("ns"), votes.c.gate_id == bindparam("gate")
)
_ORDERED = _ALL.order_by(votes.c.created_at, votes.c.id)
_LEFT = _ORDERED.where(votes.c.voided_at.is_(None), votes.c.revision == bindparam("revision"))
_OF_GATE, _STANDING = Prepared(_ORDERED), Prepared(_LEFT)
_STANDING_AT = Prepared(_LEFT.where(votes.c.stage == bindparam("stage")))
_VOID = votes.update().where(
    votes.c.namespace == bindparam("ns"), votes.c.gate_id == bindparam("gate"), votes.c.voided_at.is_(None)
)
_VOID_ONE = Prepared(_VOID.where(votes.c.principal_id == bindparam("who")))
_COMMENTS = (
    sa.select(*columns(comments, Comment))
    .where(comments.c.namespace == bindparam("ns"), comments.c.gate_id == bindparam("gate"))
    .order_by(comments.c.created_at, comments.c.id)
)
_OWNED = Prepared(sa.select(gates.c.id).where(gates.c.namespace == bindparam("ns"), gates.c.id == bindparam("gate")))


def _vote(row: Sequence[Any]) -> Vote:
    return Vote(**dict(zip(_NAMES, row, strict=True)))


def _require_gate(tx: Tx, namespace: str, gate_id: str) -> None:
    if _OWNED.row(tx, {"ns": namespace, "gate": gate_id}) is None:
        raise NotFound("gate", gate_id)


def add(tx: Tx, namespace: str, vote: Vote) -> None:
    """Write a vote. Raises ``AlreadyExists`` when the person has a standing one here, ``NotFound`` without the gate."""
    _require_gate(tx, namespace, vote.gate_id)
    values = {name: getattr(vote, name) for name in _NAMES}
    if not insert_ignore(tx, votes, {"namespace": namespace, **values}):
        raise AlreadyExists("vote of", vote.principal_id)


def standing(tx: Tx, namespace: str, gate_id: str, revision: int, stage: int | None = None) -> list[Vote]:
    """Votes that count on a revision, oldest first; of every stage unless one is named."""
    params = {"ns": namespace, "gate": gate_id, "revision": revision, "stage": stage}
    statement = _STANDING if stage is None else _STANDING_AT
    return [_vote(row) for row in statement.rows(tx, params)]


def of_gate(tx: Tx, namespace: str, gate_id: str) -> list[Vote]:
    """Every vote ever cast on the gate, voided ones included, oldest first."""
    return [_vote(row) for row in _OF_GATE.rows(tx, {"ns": namespace, "gate": gate_id})]


def void(tx: Tx, namespace: str, gate_id: str, reason: str, *, principal_id: str | None = None) -> int:
    """Void the gate's standing votes, or one person's. Returns how many."""
    params = {"ns": namespace, "gate": gate_id, "voided_at": tx.now, "void_reason": reason}
    if principal_id is None:
        return changed(tx, _VOID, params)
    return changed(tx, _VOID_ONE, {**params, "who": principal_id})


def add_comment(tx: Tx, namespace: str, gate_id: str, principal_id: str, text: str) -> Comment:
    """Raises ``NotFound`` without the gate."""
    _require_gate(tx, namespace, gate_id)
    comment = Comment(new_id(tx.now), gate_id, principal_id, text, tx.now)
    values = {name: getattr(comment, name) for name in Comment.__slots__}
    tx.conn.execute(comments.insert(), {"namespace": namespace, **values})
    return comment


def comments_of(tx: Tx, namespace: str, gate_id: str) -> list[Comment]:
    """Oldest first."""
    return many(tx, Comment, _COMMENTS, {"ns": namespace, "gate": gate_id})
