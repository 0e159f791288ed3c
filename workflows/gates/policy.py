"""Who may decide, how many must agree, and what policy decides alone. Pure: facts come in, verdicts go out.

A person is compared by principal id, so a second identity changes nothing. A service is never a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from workflows.flow import expr
from workflows.flow.planned import ApprovePlan, StagePlan
from workflows.gates.model import Action, Actor, FailedRule, GateError, Json, Model
from workflows.gates.refusals import not_permitted
from workflows.gates.view import suggestion_scope

REVIEWING_ROLES = frozenset({"reviewer", "admin"})
YES = frozenset({Action.APPROVE, Action.EDIT})
STATED = "stated_confidence"


class Facts(Model):
    """What is known of a gate when somebody acts on it. ``editors`` made the revision that is open."""

    requester_id: str | None = None
    author_id: str | None = None
    editors: tuple[str, ...] = ()
    assigned_to: str | None = None


class Vote(Model):
    """A vote that stands on the revision that is open."""

    principal_id: str
    stage: int
    action: Action


class Standing(StrEnum):
    """What the votes amount to."""

    OPEN = "open"
    STAGE_PASSED = "stage_passed"
    APPROVED = "approved"
    REJECTED = "rejected"
    CHANGES = "changes"


class AutoVerdict(Model):
    """Whether policy decides alone, and why not when it was asked and did not."""

    auto: bool
    reason: str | None = None


def excluded(policy: ApprovePlan, facts: Facts) -> dict[str, str]:
    """Principals who may not decide, each with the part they play: requester, author or editor."""
    parts: dict[str, Iterable[str | None]] = {
        "editor": facts.editors,
        "author": (facts.author_id,),
        "requester": (facts.requester_id,),
    }
    return {who: part for part in policy.exclude for who in parts[part] if who is not None}


def right_of(stage: StagePlan, actor: Actor, facts: Facts) -> str | None:
    """By which right the actor may decide at this stage (``group:NAME``, ``person``, ``assigned``, ``role:NAME``)."""
    roles = REVIEWING_ROLES & set(actor.roles)
    if not roles:
        return None
    if actor.principal_id in stage.people:
        return "person"
    groups = sorted(set(stage.groups) & set(actor.groups))
    if groups:
        return f"group:{groups[0]}"
    if facts.assigned_to == actor.principal_id:
        return "assigned"
    if not stage.groups and not stage.people:
        return f"role:{min(roles)}"
    return None


def may_decide(
    policy: ApprovePlan, stage: int, actor: Actor, facts: Facts, action: Action = Action.APPROVE
) -> GateError | None:
    """The one answer to "may this person decide here?": ``None`` for yes, else the refusal to raise.

    ``people`` of the stages are principal ids. Editing is open to an excluded *editor*: they may correct their own
    correction, but it counts no vote (see ``counts``).
    """
    if actor.kind != "person":
        return not_permitted(
            f"{actor.name} is a service; only a person may decide.", "Sign in as yourself and decide.", why="service"
        )
    part = excluded(policy, facts).get(actor.principal_id)
    if part is not None and not (part == "editor" and action is Action.EDIT):
        return not_permitted(
            f"{actor.name} is the {part} here and may not decide on it.", "Ask another reviewer.", why="self_approval"
        )
    if not REVIEWING_ROLES & set(actor.roles):
        return not_permitted(
            f"{actor.name} has no right to review in this namespace.",
            "Ask an admin for the role reviewer.",
            why="no_role",
        )
    if right_of(policy.stages[stage], actor, facts) is None:
        return not_permitted(
            f"{actor.name} is not among the reviewers of this gate ({_named(policy.stages[stage])}).",
            "Ask one of them to decide or to assign it to you.",
            why="no_right",
        )
    return None


def counts(policy: ApprovePlan, facts: Facts, principal_id: str) -> bool:
    """Whether this person's yes counts now (an excluded editor's does not)."""
    return principal_id not in excluded(policy, facts)


def missing(policy: ApprovePlan, stage: int, facts: Facts, votes: Iterable[Vote], members: Iterable[str]) -> int:
    """How many more people must say yes at this stage.

    ``all`` means every member who may decide, and at least one: a stage without members never passes by itself.
    """
    yes = {
        vote.principal_id
        for vote in votes
        if vote.stage == stage and vote.action in YES and counts(policy, facts, vote.principal_id)
    }
    quorum = policy.stages[stage].quorum
    if quorum == "all":
        return max(len(set(members) - set(excluded(policy, facts)) - yes), 0 if yes else 1)
    return max(max(1, quorum) - len(yes), 0)


def tally(policy: ApprovePlan, stage: int, facts: Facts, votes: Iterable[Vote], members: Iterable[str]) -> Standing:
    """What the standing votes of the open revision amount to. One rejection rejects; one request for changes asks."""
    counted = [vote for vote in votes if vote.stage == stage and counts(policy, facts, vote.principal_id)]
    actions = {vote.action for vote in counted}
    if Action.REJECT in actions:
        return Standing.REJECTED
    if Action.REQUEST_CHANGES in actions:
        return Standing.CHANGES
    if missing(policy, stage, facts, counted, members):
        return Standing.OPEN
    return Standing.APPROVED if stage == len(policy.stages) - 1 else Standing.STAGE_PASSED


def auto_verdict(
    policy: ApprovePlan,
    scope: Mapping[str, Json],
    suggestion: Mapping[str, Json],
    meta: Mapping[str, Json],
    failed: Iterable[FailedRule] = (),
) -> AutoVerdict:
    """Whether ``auto_when`` holds. A doubt of any kind is a no: a failed rule, an error, a model's word about itself."""
    if policy.auto_when is None:
        return AutoVerdict(auto=False)
    if any(True for _ in failed):
        return AutoVerdict(auto=False, reason="a validation rule failed")
    if STATED in policy.auto_when:
        return AutoVerdict(auto=False, reason=f"auto_when may not use {STATED}: a model's own statement proves nothing")
    measured = {key: value for key, value in meta.items() if key != STATED}
    try:
        holds = expr.condition(policy.auto_when, suggestion_scope(scope, suggestion, measured))
    except Exception as error:  # noqa: BLE001  whatever goes wrong, a person decides
        return AutoVerdict(auto=False, reason=f"auto_when could not be evaluated: {error}")
    return AutoVerdict(auto=holds is True, reason=None if holds else "auto_when does not hold")


def _named(stage: StagePlan) -> str:
    names = [f"group {group}" for group in stage.groups]
    if stage.people:
        names.append(f"{len(stage.people)} named " + ("person" if len(stage.people) == 1 else "people"))
    return ", ".join(names) or "anyone with the role reviewer"
