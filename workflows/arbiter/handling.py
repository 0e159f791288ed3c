"""Taking care of a gate without deciding: claim, release, assign, comment, and having seen it."""

from __future__ import annotations

from datetime import datetime

from workflows.arbiter.current import Current, read
from workflows.arbiter.model import Assign, Claim, Comment, Handle, Viewed
from workflows.arbiter.people import verified
from workflows.arbiter.recording import record
from workflows.arbiter.who import Who, person
from workflows.gates.model import Actor, GateError, GateState
from workflows.gates.policy import excluded, may_decide, right_of
from workflows.gates.refusals import already_decided, claimed, not_permitted, withdrawn
from workflows.journal.records import Journal
from workflows.store.db import Tx
from workflows.store.repositories import gates, once, principals, votes

ADMIN = "admin"


def still_open(current: Current) -> GateError | None:
    """The refusal that a gate which is not open stands for."""
    if current.state is GateState.WITHDRAWN:
        return withdrawn(current.gate.withdrawn_reason)
    decision = current.decision
    if decision is None:
        return None
    return already_decided(
        decision.outcome, decision.snapshot.get("name", decision.actor_kind), decision.decided_at, decision.revision
    )


def claim_of_another(tx: Tx, current: Current, actor: Actor) -> GateError | None:
    """The refusal if somebody else holds the claim. An admin may act anyway."""
    holder, until = current.gate.claimed_by, current.gate.claim_until
    if holder is None or until is None or until <= tx.now or holder == actor.principal_id or ADMIN in actor.roles:
        return None
    found = principals.get(tx, current.namespace, holder)
    return claimed(found.name if found else "Somebody", until)


def entitled(tx: Tx, current: Current, actor: Actor) -> Who:
    """Somebody who may decide here, or an admin, on a gate that is open. Raises the refusal otherwise."""
    actor = verified(tx, current.namespace, actor)
    closed = still_open(current)
    if closed is not None:
        raise closed
    stage = current.gate.stage
    refusal = may_decide(current.policy, stage, actor, current.facts)
    if refusal is None:
        return person(actor, right_of(current.policy.stages[stage], actor, current.facts))
    if actor.kind == "person" and ADMIN in actor.roles:
        return person(actor, "role:admin")
    raise refusal


def claim(tx: Tx, journal: Journal, request: Claim) -> datetime:
    """Keep others from deciding for a while. Returns until when; claiming again renews.

    Raises ``gate_not_found``, ``not_permitted``, ``already_decided``, ``withdrawn``, ``claimed``.
    """
    current = read(tx, request.namespace, request.gate_id)
    who = entitled(tx, current, request.actor)
    held = claim_of_another(tx, current, verified(tx, request.namespace, request.actor))
    if held is not None:
        raise held
    until = tx.now + request.lease
    gates.update(tx, request.namespace, request.gate_id, claimed_by=who.id, claim_until=until)
    record(tx, journal, current, "claim.taken", who, meta={"until": until.isoformat()})
    return until


def release(tx: Tx, journal: Journal, request: Handle) -> bool:
    """Give the claim back: one's own, or as an admin anybody's. Returns whether there was one.

    Raises ``gate_not_found``, ``not_permitted``, ``claimed``.
    """
    current = read(tx, request.namespace, request.gate_id)
    actor = verified(tx, request.namespace, request.actor)
    held = claim_of_another(tx, current, actor)
    if held is not None:
        raise held
    if current.gate.claimed_by is None:
        return False
    gates.update(tx, request.namespace, request.gate_id, claimed_by=None, claim_until=None)
    record(tx, journal, current, "claim.released", person(actor))
    return True


def assign(tx: Tx, journal: Journal, request: Assign) -> None:
    """Ask one person to decide; it gives them the right to, and takes it from nobody.

    Raises ``gate_not_found``, ``not_permitted`` (also for an assignee who may not decide here), ``already_decided``.
    """
    current = read(tx, request.namespace, request.gate_id)
    who = entitled(tx, current, request.actor)
    if request.to is not None:
        _check_assignee(tx, current, request.to)
    gates.update(tx, request.namespace, request.gate_id, assigned_to=request.to)
    record(tx, journal, current, "approval.assigned", who, meta={"to": request.to})


def _check_assignee(tx: Tx, current: Current, principal_id: str) -> None:
    profile = principals.profile(tx, current.namespace, principal_id)
    remedy = "Choose a person with the role reviewer."
    if profile is None or profile.principal.kind != "person" or profile.principal.disabled_at is not None:
        raise not_permitted("There is no such person to assign this to.", remedy, why="unknown")
    part = excluded(current.policy, current.facts).get(principal_id)
    if part is not None:
        raise not_permitted(
            f"{profile.principal.name} is the {part} here and may not decide.", remedy, why="self_approval"
        )
    if not {"reviewer", ADMIN} & set(profile.roles):
        raise not_permitted(f"{profile.principal.name} has no right to review here.", remedy, why="no_role")


def comment(tx: Tx, journal: Journal, request: Comment) -> str:
    """Say something that others will read beside the gate, open or not. Returns the comment's id.

    Raises ``gate_not_found``, ``not_permitted``.
    """
    current = read(tx, request.namespace, request.gate_id)
    actor = verified(tx, request.namespace, request.actor)
    made = votes.add_comment(tx, request.namespace, request.gate_id, actor.principal_id, request.text)
    content = {"by": actor.name, "text": request.text}
    record(tx, journal, current, "comment.added", person(actor), content=content, meta={"comment_id": made.id})
    return made.id


def viewed(tx: Tx, journal: Journal, request: Viewed) -> bool:
    """Record that a person was shown a revision in a channel. Returns whether it was for the first time.

    Raises ``gate_not_found``, ``not_permitted``.
    """
    current = read(tx, request.namespace, request.gate_id)
    actor = verified(tx, request.namespace, request.actor)
    key = f"{request.gate_id}:{request.revision}:{actor.principal_id}:{actor.via}"
    shown = gates.revision(tx, request.namespace, request.gate_id, request.revision)
    if shown is None or not once.first_time(tx, request.namespace, "view", key):
        return False
    record(
        tx,
        journal,
        current,
        "approval.viewed",
        person(actor),
        action_digest=shown.action_digest,
        meta={"revision": request.revision},
    )
    return True
