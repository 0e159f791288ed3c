"""A gate as a reviewer reads it: the view document, its digest, who said what, and what they may do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from workflows.gates.model import Actor
from workflows.gates.refusals import gate_not_found
from workflows.store.db import Tx
from workflows.store.paging import Page
from workflows.store.repositories import decisions, gates, inbox, names, votes
from workflows.store.repositories.decisions import Decision
from workflows.store.repositories.gates import Gate, GateRevision
from workflows.store.repositories.inbox import InboxItem
from workflows.store.repositories.votes import Comment, Vote

Json = Any


class Shown(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class GateLine(Shown):
    """A line of the inbox: enough to choose, not enough to decide."""

    id: str
    execution: str = Field(validation_alias=AliasChoices("execution", "execution_id"))
    flow: str = Field(validation_alias=AliasChoices("flow", "flow_id"))
    path: str
    item_key: str
    batch_key: str
    title: str
    state: str
    revision: int
    stage: int
    priority: int
    due_at: datetime | None
    expires_at: datetime | None
    opened_at: datetime
    assigned_to: str | None
    claimed_by: str | None
    claim_until: datetime | None
    decided_at: datetime | None


class VoteShown(Shown):
    """``by`` is the name as it was when they voted."""

    revision: int
    stage: int
    action: str
    by: str
    principal_id: str
    via: str
    reason_code: str | None
    comment: str | None
    created_at: datetime
    voided_at: datetime | None
    void_reason: str | None


class DecisionShown(Shown):
    """``effective_at`` is when effects may begin; until then the decision can be undone."""

    id: str
    outcome: str
    revision: int
    action_digest: str
    by: str
    actor_kind: str
    actor_id: str | None
    via: str
    fields: dict[str, Json] | None
    reason_code: str | None
    comment: str | None
    decided_at: datetime
    effective_at: datetime
    undone_at: datetime | None


class CommentShown(Shown):
    by: str
    principal_id: str
    text: str
    created_at: datetime


class RevisionShown(Shown):
    """``kind`` is suggestion, edit or changes."""

    revision: int
    kind: str
    action_digest: str
    made_by: str | None
    created_at: datetime | None


class GateDetail(GateLine):
    """A gate to decide on. Send ``revision`` and ``action_digest`` back with the decision: they are what was seen.

    ``view`` is the document whose canonical text has the SHA-256 ``action_digest``.
    """

    flow_revision: int
    kind: str
    action_digest: str
    view: dict[str, Json]
    fields: dict[str, Json]
    editable: tuple[str, ...]
    reasons: tuple[str, ...]
    policy: dict[str, Json]
    withdrawn_reason: str | None
    revisions: tuple[RevisionShown, ...]
    votes: tuple[VoteShown, ...]
    decisions: tuple[DecisionShown, ...]
    comments: tuple[CommentShown, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """Everything the store holds about one gate, each list oldest first."""

    gate: Gate
    revisions: tuple[GateRevision, ...]
    votes: tuple[Vote, ...]
    decisions: tuple[Decision, ...]
    comments: tuple[Comment, ...]


def rows(tx: Tx, namespace: str, gate_id: str) -> Rows:
    """Raises ``gate_not_found``."""
    gate = gates.get(tx, namespace, gate_id)
    if gate is None:
        raise gate_not_found(gate_id)
    return Rows(
        gate,
        tuple(gates.revisions(tx, namespace, gate_id)),
        tuple(votes.of_gate(tx, namespace, gate_id)),
        tuple(decisions.of_gate(tx, namespace, gate_id)),
        tuple(votes.comments_of(tx, namespace, gate_id)),
    )


def detail(tx: Tx, namespace: str, gate_id: str) -> GateDetail:
    """Everything about a gate. Raises ``gate_not_found``."""
    found = rows(tx, namespace, gate_id)
    return detail_of(found, names.of_principals(tx, namespace, {comment.principal_id for comment in found.comments}))


def detail_of(found: Rows, called: Mapping[str, str]) -> GateDetail:
    """The same from rows that were read; ``called`` are the names of those who commented."""
    gate, newest = found.gate, found.revisions[-1]
    own = GateLine.model_validate(gate).model_dump()
    return GateDetail(
        **own,
        flow_revision=gate.flow_revision,
        kind=newest.kind,
        action_digest=newest.action_digest,
        view=json.loads(newest.view),
        fields=newest.fields,
        editable=tuple(gate.policy.get("editable") or ()),
        reasons=tuple(gate.policy.get("reasons") or ()),
        policy=gate.policy,
        withdrawn_reason=gate.withdrawn_reason,
        revisions=tuple(RevisionShown.model_validate(revision) for revision in found.revisions),
        votes=tuple(_vote(vote) for vote in found.votes),
        decisions=tuple(_decision(decision) for decision in found.decisions),
        comments=tuple(_comment(comment, called) for comment in found.comments),
    )


def _vote(vote: Vote) -> VoteShown:
    own = {name: getattr(vote, name) for name in VoteShown.model_fields if name != "by"}
    return VoteShown(by=vote.snapshot.get("name", ""), **own)


def _decision(decision: Decision) -> DecisionShown:
    own = {name: getattr(decision, name) for name in DecisionShown.model_fields if name != "by"}
    return DecisionShown(by=decision.snapshot.get("name", decision.actor_kind), **own)


def _comment(comment: Comment, called: Mapping[str, str]) -> CommentShown:
    return CommentShown(
        by=called.get(comment.principal_id, ""),
        principal_id=comment.principal_id,
        text=comment.text,
        created_at=comment.created_at,
    )


def lines(
    tx: Tx,
    namespace: str,
    *,
    actor: Actor,
    mine: bool,
    state: str,
    execution_id: str | None,
    flow_id: str | None,
    batch_key: str | None,
    cursor: str | None,
    limit: int,
) -> Page[InboxItem]:
    """A page of the inbox; ``mine`` keeps what this person may decide."""
    return inbox.list_inbox(
        tx,
        namespace,
        state=state,
        eligible=(actor.principal_id, actor.groups) if mine else None,
        execution_id=execution_id,
        flow_id=flow_id,
        batch_key=batch_key,
        cursor=cursor,
        limit=limit,
    )
