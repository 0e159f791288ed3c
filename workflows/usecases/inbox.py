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
FACTS, SUGGESTS = 3, 2
MAX_ASKED = 500


@dataclass(frozen=True, slots=True)
class Fact:
    """A shown field of the view document, or a field of the suggestion where the flow shows none."""

    label: str
    value: Json
    format: str = "text"


@dataclass(frozen=True, slots=True)
class Line:
    """One gate. ``why_not`` is None for whoever may decide on it; ``looking`` and ``claimed_by`` are other people's names.

    ``suggests`` begins the suggestion where ``facts`` are the flow's own; ``voted`` is the action of one's own vote that
    stands while others must agree.
    """

    item: InboxItem
    action_digest: str
    facts: tuple[Fact, ...]
    more_facts: int
    suggests: tuple[Fact, ...]
    failed_rules: int
    effects: tuple[str, ...]
    why_not: str | None
    reasons: tuple[str, ...]
    looking: tuple[str, ...]
    claimed_by: str | None
    claimed_by_me: bool
    assigned_to: str | None
    voted: str | None


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
    voted: str | None


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
    holders = {name for item in items for name in (item.claimed_by, item.assigned_to) if name is not None}
    around = _around(tx, namespace, actor, ids, holders)
    return [_line(item, shown[item.id], policies[item.id], around) for item in items if item.id in shown]


@dataclass(frozen=True, slots=True)
class _Around:
    """Who looks, and what they and others do about some gates now."""

    actor: Actor
    now: datetime
    called: dict[str, str]
    looking: dict[str, tuple[str, ...]]
    voted: dict[str, str]

    def claim(self, holder: str | None, until: datetime | None) -> tuple[str | None, bool]:
        """Another holder's name, and whether one holds it oneself."""
        if holder is None or until is None or until <= self.now:
            return None, False
        if holder == self.actor.principal_id:
            return None, True
        return self.called.get(holder, "Somebody"), False


def _around(tx: Tx, namespace: str, actor: Actor, ids: Sequence[str], people: set[str]) -> _Around:
    found = inbox_facts.lookers(tx, namespace, ids, tx.now - LOOKING)
    others = {gate: who - {actor.principal_id} for gate, who in found.items()}
    wanted = people.union(*others.values())
    called = inbox_facts.names(tx, namespace, sorted(wanted)) if wanted else {}
    looking = {gate: tuple(sorted(called[one] for one in who if one in called)) for gate, who in others.items()}
    return _Around(actor, tx.now, called, looking, inbox_facts.voted(tx, namespace, ids, actor.principal_id))


def _line(item: InboxItem, shown: inbox_facts.Shown, policy: inbox_facts.Policy, around: _Around) -> Line:
    view = json.loads(shown.view)
    facts, suggests = _facts(view)
    plan = ApprovePlan.model_validate(policy.policy)
    known = Facts(requester_id=policy.requester_id, author_id=policy.author_id, assigned_to=item.assigned_to)
    refusal = may_decide(plan, item.stage, around.actor, known)
    claimed_by, mine = around.claim(item.claimed_by, item.claim_until)
    return Line(
        item=item,
        action_digest=shown.action_digest,
        facts=facts[:FACTS],
        more_facts=max(0, len(facts) - FACTS),
        suggests=suggests[:SUGGESTS],
        failed_rules=len(view.get("failed_rules") or ()),
        effects=tuple(str(one.get("type", "")) for one in view.get("effects") or ()),
        why_not=None if refusal is None else str(refusal),
        reasons=plan.reasons,
        looking=around.looking.get(item.id, ()),
        claimed_by=claimed_by,
        claimed_by_me=mine,
        assigned_to=around.called.get(item.assigned_to, "Somebody") if item.assigned_to else None,
        voted=around.voted.get(item.id),
    )


def _facts(view: dict[str, Json]) -> tuple[tuple[Fact, ...], tuple[Fact, ...]]:
    """What the flow shows, and the suggestion; without the former the suggestion alone."""
    # the view's keys are in no order of the flow's; what is short says most on a line
    fields = sorted((view.get("suggestion") or {}).items(), key=lambda field: len(str(field[1])))
    suggestion = tuple(Fact(name, value) for name, value in fields)
    shown = tuple(Fact(one["label"], one["value"], one.get("format", "text")) for one in view.get("show") or ())
    return (shown, suggestion) if shown else (suggestion, ())


def statuses(tx: Tx, namespace: str, actor: Actor, gate_ids: Sequence[str]) -> list[Status]:
    """How these gates stand now, at most ``MAX_ASKED``; what is not of this namespace is left out."""
    ids = list(gate_ids)[:MAX_ASKED]
    if not ids:
        return []
    found = inbox_facts.standing(tx, namespace, ids)
    around = _around(tx, namespace, actor, ids, {one.claimed_by for one in found if one.claimed_by is not None})
    return [_status(one, around) for one in found]


def _status(one: Standing, around: _Around) -> Status:
    claimed_by, mine = around.claim(one.claimed_by, one.claim_until)
    decided_by = None
    if one.outcome is not None:
        own = one.decided_by == around.actor.principal_id
        decided_by = "you" if own else (one.snapshot or {}).get("name") or "the flow's policy"
    looking = around.looking.get(one.gate_id, ())
    return Status(one, decided_by, claimed_by, mine, looking, around.voted.get(one.gate_id))


def done_today(tx: Tx, namespace: str, actor: Actor) -> dict[str, int]:
    """What this person decided since midnight UTC, counted by outcome."""
    midnight = datetime.combine(tx.now.astimezone(UTC).date(), time.min, UTC)
    return inbox_facts.done_since(tx, namespace, actor.principal_id, midnight)
