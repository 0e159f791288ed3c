"""A person's inbox: what waits, grouped by batch, with what they need to choose and to decide many at once.

A line carries the revision and the digest of what it shows, so that a decision made from the list is bound to it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

from workflows.flow.planned import ApprovePlan
from workflows.gates.model import Actor
from workflows.gates.policy import REVIEWING_ROLES, Facts, may_decide
from workflows.store.db import Tx
from workflows.store.repositories import inbox, inbox_facts
from workflows.store.repositories.inbox import InboxItem, Narrowing
from workflows.store.repositories.inbox_facts import Standing

Json = Any

LOOKING = timedelta(minutes=5)
"""For how long somebody who was shown a gate counts as looking at it."""
FACTS = 4
MAX_ASKED = 500


@dataclass(frozen=True, slots=True)
class Fact:
    """A shown field of the view document, or a field of the suggestion where the flow shows none."""

    label: str
    value: Json
    format: str = "text"


@dataclass(frozen=True, slots=True)
class Line:
    """One gate. ``why_not`` is None for whoever may decide on it; ``looking`` and ``claimed_by`` are other people's names."""

    item: InboxItem
    action_digest: str
    facts: tuple[Fact, ...]
    more_facts: int
    failed_rules: int
    effects: int
    why_not: str | None
    reasons: tuple[str, ...]
    looking: tuple[str, ...]
    claimed_by: str | None
    claimed_by_me: bool
    assigned_to: str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines of one task of one execution, in their order; ``open`` counts those that are not on this page too."""

    key: str
    flow_id: str
    execution_id: str
    path: str
    open: int
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Queue:
    """A page of the inbox, the most urgent batch first. ``next_cursor`` is None on the last page."""

    batches: tuple[Batch, ...]
    next_cursor: str | None

    @property
    def lines(self) -> list[Line]:
        return [line for batch in self.batches for line in batch.lines]


@dataclass(frozen=True, slots=True)
class Status:
    """How a gate of a list that is open stands now; the names are other people's."""

    standing: Standing
    decided_by: str | None
    claimed_by: str | None
    claimed_by_me: bool
    looking: tuple[str, ...]


def reviews(actor: Actor) -> bool:
    """Whether this person decides on anything at all in the namespace."""
    return actor.kind == "person" and bool(REVIEWING_ROLES & set(actor.roles))


def queue(tx: Tx, namespace: str, actor: Actor, wanted: Narrowing, *, cursor: str | None, limit: int) -> Queue:
    """A page of the open gates that ``wanted`` describes. Raises ``InvalidCursor``."""
    page = inbox.search(tx, namespace, wanted, cursor=cursor, limit=limit)
    lines = _lines(tx, namespace, actor, page.items)
    keys = dict.fromkeys(line.item.batch_key for line in lines)
    counts = inbox.counts_of_batches(tx, namespace, keys, wanted.eligible) if lines else {}
    batches: dict[str, Batch] = {}
    for line in lines:
        item = line.item
        batch = batches.setdefault(
            item.batch_key,
            Batch(item.batch_key, item.flow_id, item.execution_id, item.path, counts.get(item.batch_key, 1)),
        )
        batch.lines.append(line)
    return Queue(tuple(batches.values()), page.next_cursor)


def _lines(tx: Tx, namespace: str, actor: Actor, items: Sequence[InboxItem]) -> list[Line]:
    if not items:
        return []
    ids = [item.id for item in items]
    shown = inbox_facts.shown(tx, namespace, ids)
    policies = inbox_facts.policies(tx, namespace, ids)
    looking = _looking(tx, namespace, actor, ids)
    people = {name for item in items for name in (item.claimed_by, item.assigned_to) if name is not None}
    called = inbox_facts.names(tx, namespace, sorted(people)) if people else {}
    return [
        _line(item, shown[item.id], policies[item.id], actor, called, looking.get(item.id, ()), tx.now)
        for item in items
        if item.id in shown
    ]


def _line(
    item: InboxItem,
    shown: inbox_facts.Shown,
    policy: inbox_facts.Policy,
    actor: Actor,
    called: dict[str, str],
    looking: tuple[str, ...],
    now: datetime,
) -> Line:
    view = json.loads(shown.view)
    facts = _facts(view)
    plan = ApprovePlan.model_validate(policy.policy)
    known = Facts(requester_id=policy.requester_id, author_id=policy.author_id, assigned_to=item.assigned_to)
    refusal = may_decide(plan, item.stage, actor, known)
    claimed = _holds(item.claimed_by, item.claim_until, now)
    mine = claimed and item.claimed_by == actor.principal_id
    return Line(
        item=item,
        action_digest=shown.action_digest,
        facts=facts[:FACTS],
        more_facts=max(0, len(facts) - FACTS),
        failed_rules=len(view.get("failed_rules") or ()),
        effects=len(view.get("effects") or ()),
        why_not=None if refusal is None else str(refusal),
        reasons=plan.reasons,
        looking=looking,
        claimed_by=called.get(item.claimed_by or "", "Somebody") if claimed and not mine else None,
        claimed_by_me=mine,
        assigned_to=called.get(item.assigned_to, "Somebody") if item.assigned_to else None,
    )


def _facts(view: dict[str, Json]) -> tuple[Fact, ...]:
    shown = view.get("show") or ()
    if shown:
        return tuple(Fact(one["label"], one["value"], one.get("format", "text")) for one in shown)
    return tuple(Fact(name, value) for name, value in (view.get("suggestion") or {}).items())


def _holds(holder: str | None, until: datetime | None, now: datetime) -> bool:
    return holder is not None and until is not None and until > now


def _looking(tx: Tx, namespace: str, actor: Actor, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found = inbox_facts.lookers(tx, namespace, ids, tx.now - LOOKING)
    others = {gate: who - {actor.principal_id} for gate, who in found.items()}
    called = inbox_facts.names(tx, namespace, sorted(set().union(*others.values()))) if others else {}
    return {gate: tuple(sorted(called[one] for one in who if one in called)) for gate, who in others.items() if who}


def statuses(tx: Tx, namespace: str, actor: Actor, gate_ids: Sequence[str]) -> list[Status]:
    """How these gates stand now, at most ``MAX_ASKED``; what is not of this namespace is left out."""
    ids = list(gate_ids)[:MAX_ASKED]
    if not ids:
        return []
    found = inbox_facts.standing(tx, namespace, ids)
    looking = _looking(tx, namespace, actor, ids)
    holders = sorted({one.claimed_by for one in found if one.claimed_by is not None})
    called = inbox_facts.names(tx, namespace, holders) if holders else {}
    return [_status(one, actor, called, looking.get(one.gate_id, ()), tx.now) for one in found]


def _status(one: Standing, actor: Actor, called: dict[str, str], looking: tuple[str, ...], now: datetime) -> Status:
    held = _holds(one.claimed_by, one.claim_until, now)
    mine = held and one.claimed_by == actor.principal_id
    decided_by = None
    if one.outcome is not None:
        own = one.decided_by == actor.principal_id
        decided_by = "you" if own else (one.snapshot or {}).get("name") or "the flow's policy"
    return Status(
        standing=one,
        decided_by=decided_by,
        claimed_by=called.get(one.claimed_by or "", "Somebody") if held and not mine else None,
        claimed_by_me=mine,
        looking=looking,
    )


def done_today(tx: Tx, namespace: str, actor: Actor) -> dict[str, int]:
    """What this person decided since midnight UTC, counted by outcome."""
    midnight = datetime.combine(tx.now.astimezone(UTC).date(), time.min, UTC)
    return inbox_facts.done_since(tx, namespace, actor.principal_id, midnight)
