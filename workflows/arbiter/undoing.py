"""Taking a decision back: by whoever made it while it is not in effect, or by revoking what it still allows."""

from __future__ import annotations

from workflows.arbiter import outgoing
from workflows.arbiter.current import Current, read
from workflows.arbiter.handling import ADMIN
from workflows.arbiter.model import Handle
from workflows.arbiter.people import verified
from workflows.arbiter.recording import record
from workflows.arbiter.who import Who, person
from workflows.gates.model import Outcome
from workflows.gates.refusals import not_permitted, not_undoable
from workflows.gates.transitions import Event, after
from workflows.journal.records import Journal
from workflows.store.db import Tx
from workflows.store.repositories import decisions, gates, votes
from workflows.store.repositories.decisions import Decision
from workflows.store.repositories.gates import GateRevision


def undo(tx: Tx, journal: Journal, request: Handle) -> int:
    """Take back the decision that is not in effect yet; the gate is open again. Returns its revision.

    An undone edit brings the earlier content back as a new revision. Raises ``gate_not_found``, ``not_permitted`` (only
    the person who decided, or an admin), ``not_undoable``.
    """
    current = read(tx, request.namespace, request.gate_id)
    actor = verified(tx, request.namespace, request.actor)
    decision = current.decision
    if decision is None:
        raise not_undoable("There is no decision to undo.")
    if actor.kind != "person" or (decision.actor_id != actor.principal_id and ADMIN not in actor.roles):
        raise not_permitted(
            f"{actor.name} did not make this decision.", "Ask whoever decided, or an admin.", why="not_decider"
        )
    if not decisions.undo(tx, request.namespace, decision.id, actor.principal_id):
        raise not_undoable("The decision is in effect already.")
    return _reopen(tx, journal, current, decision, person(actor))


def _reopen(tx: Tx, journal: Journal, current: Current, decision: Decision, who: Who) -> int:
    outgoing.unring(tx, current.namespace, cause=decision.id)
    votes.void(tx, current.namespace, current.gate.id, "undone", principal_id=decision.actor_id)
    changes = decision.outcome == Outcome.CHANGES_REQUESTED
    gates.update(
        tx,
        current.namespace,
        current.gate.id,
        state=after(current.state, Event.UNDO),
        decided_at=None,
        rounds=current.gate.rounds - (1 if changes else 0),
    )
    outgoing.park(tx, current)
    record(
        tx,
        journal,
        current,
        "decision.undone",
        who,
        outcome=decision.outcome,
        action_digest=decision.action_digest,
        meta={"decision_id": decision.id},
    )
    if current.revision.kind == "edit" and current.revision.made_by == decision.actor_id:
        return _restore(tx, current)
    return current.revision.revision


def _restore(tx: Tx, current: Current) -> int:
    """Bring back what the undone edit had replaced."""
    before, number = current.revisions[-2], current.revision.revision + 1
    gates.add_revision(
        tx,
        current.namespace,
        GateRevision(
            gate_id=current.gate.id,
            revision=number,
            kind=before.kind,
            view=before.view,
            action_digest=before.action_digest,
            fields=before.fields,
            meta=before.meta,
            made_by=before.made_by,
            created_at=tx.now,
        ),
    )
    votes.void(tx, current.namespace, current.gate.id, f"superseded by revision {number}")
    gates.update(tx, current.namespace, current.gate.id, revision=number, stage=0)
    return number


def revoke(tx: Tx, journal: Journal, request: Handle, reason: str) -> None:
    """Forbid the effects of a decision that have not run yet; the decision stands in the record.

    Raises ``gate_not_found``, ``not_permitted`` (only an admin), ``not_undoable`` without a decision.
    """
    current = read(tx, request.namespace, request.gate_id)
    actor = verified(tx, request.namespace, request.actor)
    if actor.kind != "person" or ADMIN not in actor.roles:
        raise not_permitted(f"{actor.name} may not revoke decisions.", "Ask an admin.", why="no_role")
    if current.final is None:
        raise not_undoable("There is no decision to revoke.")
    decisions.revoke(tx, request.namespace, current.final.id, reason)
    record(
        tx,
        journal,
        current,
        "decision.revoked",
        person(actor, "role:admin"),
        action_digest=current.final.action_digest,
        content={"by": actor.name, "reason": reason},
        meta={"decision_id": current.final.id},
    )
