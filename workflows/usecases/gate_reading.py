"""A gate as one person meets it: what they may do, why not, who may, how far it is, and what happened to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from workflows.arbiter.current import Current
from workflows.arbiter.expiring import expire_then, is_expired
from workflows.arbiter.handling import ADMIN, claim_of_another, still_open
from workflows.arbiter.people import verified
from workflows.flow.planned import ApprovePlan, GatePlan, StagePlan
from workflows.gates import policy, refusals
from workflows.gates.model import Action, Actor, GateError, GateState, Outcome
from workflows.journal import read
from workflows.journal.read import Entry
from workflows.store.db import Tx
from workflows.store.repositories import inbox_facts, names, reviewers, votes
from workflows.store.repositories.decisions import Decision
from workflows.store.repositories.gates import GateRevision
from workflows.store.repositories.reviewers import Reviewer
from workflows.store.repositories.votes import Vote
from workflows.usecases.gate_views import GateDetail, Rows, detail_of, rows

HISTORY = (
    "approval.requested", "approval.viewed", "approval.assigned", "approval.extended", "approval.reminded",
    "approval.escalated", "claim.taken", "claim.released", "comment.added", "decision.vote", "decision.submitted",
    "decision.auto", "decision.expired", "decision.denied", "decision.undone", "decision.superseded",
    "decision.revoked", "decision.effective", "gate.withdrawn",
)  # fmt: skip
DONE = (
    "permit.granted",
    "permit.refused",
    "action.applied",
    "action.failed",
    "action.unknown_outcome",
    "action.blocked",
)


@dataclass(frozen=True, slots=True)
class Claim:
    """``mine`` for the reader's own. A claim that has run out is none."""

    by: str
    until: datetime
    mine: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """``yes`` names who agreed to the open revision; ``missing`` is how many more must. ``named`` says who is asked."""

    named: str
    quorum: int | str
    yes: tuple[str, ...]
    missing: int
    state: str  # passed | current | later

    @property
    def needed(self) -> int:
        return len(self.yes) + self.missing


@dataclass(frozen=True, slots=True)
class Reading:
    """``refusal`` is why the reader may not decide now, None when they may; ``edit_refusal`` the same for an edit.

    ``deciders`` may decide at the present stage, the reader included if so. ``entitled`` may claim, assign and extend.
    ``decision`` is the one that stands. ``voted`` says that the reader agreed and others still must.
    """

    gate: GateDetail
    plan: GatePlan
    policy: ApprovePlan
    revisions: tuple[GateRevision, ...]
    refusal: GateError | None
    edit_refusal: GateError | None
    entitled: bool
    may_undo: bool
    may_ask_changes: bool
    counts_own_edit: bool
    voted: bool
    claim: Claim | None
    stages: tuple[Stage, ...]
    deciders: tuple[Reviewer, ...]
    assignable: tuple[Reviewer, ...]
    decision: Decision | None
    history: tuple[Entry, ...]
    effects: tuple[Entry, ...]
    names: dict[str, str]
    now: datetime

    @property
    def awaits_others(self) -> bool:
        """Whether the reader's part is done. It is not when nobody is missing any more: a yes is what counts anew."""
        return self.voted and self.missing > 0

    @property
    def missing(self) -> int:
        """How many more must agree at the present stage."""
        return next((stage.missing for stage in self.stages if stage.state == "current"), 0)

    @property
    def is_open(self) -> bool:
        return self.gate.state == GateState.OPEN

    def name(self, principal_id: str | None) -> str:
        """A person's name now, or their id when they are not known any more."""
        return self.names.get(principal_id or "", principal_id or "")


def reading(tx: Tx, namespace: str, gate_id: str, actor: Actor) -> Reading:
    """Read the gate for somebody; nothing is recorded. Raises ``gate_not_found``, ``not_permitted`` for strangers."""
    found = rows(tx, namespace, gate_id)
    actor = verified(tx, namespace, actor)
    standing = tuple(decision for decision in found.decisions if decision.undone_at is None)
    current = Current(namespace, found.gate, found.revisions, standing)
    staff = reviewers.reviewers(tx, namespace)
    history = read.about_gate(tx, namespace, found.gate.execution_id, found.gate.path, found.gate.id, kinds=HISTORY)
    called = {one.id: one.name for one in staff} | names.of_principals(tx, namespace, _mentioned(found, history))
    excluded = policy.excluded(current.policy, current.facts)
    decider = None if current.decision is None else current.decision.actor_id
    undoable = current.decision is not None and current.decision.effective_at > tx.now
    return Reading(
        gate=detail_of(found, called),
        plan=current.plan,
        policy=current.policy,
        revisions=found.revisions,
        refusal=refusal(tx, current, actor, Action.APPROVE),
        edit_refusal=refusal(tx, current, actor, Action.EDIT),
        entitled=_entitled(current, actor),
        may_undo=undoable and actor.kind == "person" and (decider == actor.principal_id or ADMIN in actor.roles),
        may_ask_changes=_may_ask_changes(current),
        counts_own_edit="editor" not in current.policy.exclude,
        voted=gate_id in inbox_facts.voted(tx, namespace, [gate_id], actor.principal_id or ""),
        claim=_claim(current, called, actor, tx.now),
        stages=tuple(_stages(tx, current, staff, called)),
        deciders=tuple(one for one in staff if _may(current, one)),
        assignable=tuple(one for one in staff if one.id not in excluded),
        decision=current.decision,
        history=tuple(history),
        effects=tuple(_effects(tx, current)),
        names=called,
        now=tx.now,
    )


def refusal(tx: Tx, current: Current, actor: Actor, action: Action) -> GateError | None:
    """What the arbiter would say to this person now, or None."""
    closed = still_open(current)
    if closed is not None:
        return closed
    if is_expired(current, tx.now):
        assert current.gate.expires_at is not None
        return refusals.expired(current.gate.expires_at, expire_then(current))
    denied = policy.may_decide(current.policy, current.gate.stage, actor, current.facts, action)
    return denied or claim_of_another(tx, current, actor)


def _entitled(current: Current, actor: Actor) -> bool:
    if still_open(current) is not None or actor.kind != "person":
        return False
    return ADMIN in actor.roles or policy.may_decide(current.policy, current.gate.stage, actor, current.facts) is None


def _may_ask_changes(current: Current) -> bool:
    suggest = current.plan.suggest
    return suggest is not None and suggest.kind == "agent" and len(current.changes) < current.policy.max_rounds


def _claim(current: Current, called: dict[str, str], actor: Actor, now: datetime) -> Claim | None:
    holder, until = current.gate.claimed_by, current.gate.claim_until
    if holder is None or until is None or until <= now:
        return None
    return Claim(called.get(holder, holder), until, holder == actor.principal_id)


def _may(current: Current, one: Reviewer) -> bool:
    actor = Actor(
        principal_id=one.id, name=one.name, kind="person", groups=one.groups, roles=one.roles, via="", sign_in=""
    )
    return policy.may_decide(current.policy, current.gate.stage, actor, current.facts) is None


def _stages(tx: Tx, current: Current, staff: list[Reviewer], called: dict[str, str]) -> Iterable[Stage]:
    agreed = current.final is not None and current.final.outcome in (Outcome.APPROVED, Outcome.EDITED, Outcome.AUTO)
    cast = votes.standing(tx, current.namespace, current.gate.id, current.revision.revision)
    counted = [policy.Vote(principal_id=v.principal_id, stage=v.stage, action=Action(v.action)) for v in cast]
    for number, stage in enumerate(current.policy.stages):
        yes = [vote for vote in cast if vote.stage == number and _is_yes(current, vote)]
        asked = [one.id for one in staff if _asked(stage, one)]
        open_now = current.state is GateState.OPEN and number == current.gate.stage
        yield Stage(
            named=_named(stage, called),
            quorum=stage.quorum,
            yes=tuple(str(vote.snapshot.get("name") or called.get(vote.principal_id, "")) for vote in yes),
            missing=policy.missing(current.policy, number, current.facts, counted, asked),
            state="current" if open_now else "passed" if agreed or number < current.gate.stage else "later",
        )


def _is_yes(current: Current, vote: Vote) -> bool:
    return Action(vote.action) in policy.YES and policy.counts(current.policy, current.facts, vote.principal_id)


def _asked(stage: StagePlan, one: Reviewer) -> bool:
    if not stage.groups and not stage.people:
        return True
    return one.id in stage.people or bool(set(stage.groups) & set(one.groups))


def _named(stage: StagePlan, called: dict[str, str]) -> str:
    asked = [*stage.groups, *(called.get(person, person) for person in stage.people)]
    return ", ".join(asked) or "any reviewer"


def _effects(tx: Tx, current: Current) -> list[Entry]:
    """What became of the effects of a yes."""
    if current.final is None or not current.view.effects:
        return []
    item = f"[{current.gate.item_key}]" if current.gate.item_key else ""
    paths = {place for effect in current.view.effects for place in (effect.path, f"{effect.path}{item}")}
    found = read.at_places(tx, None, current.namespace, current.gate.execution_id, sorted(paths), kinds=DONE)
    return [entry for entry in found if entry.meta.get("gate_id", current.gate.id) == current.gate.id]


def _mentioned(found: Rows, history: list[Entry]) -> set[str]:
    gate = found.gate
    ids = [
        gate.claimed_by,
        gate.assigned_to,
        gate.requester_id,
        gate.author_id,
        *(person for stage in gate.policy.get("stages", ()) for person in stage.get("people", ())),
        *(revision.made_by for revision in found.revisions),
        *(comment.principal_id for comment in found.comments),
        *(entry.actor_id for entry in history),
        *(entry.meta.get("to") for entry in history),
        *(decision.undone_by for decision in found.decisions),
    ]
    return {one for one in ids if isinstance(one, str)}
