"""Taking back what was decided about content that no longer counts, as long as nothing of it has been done."""

from __future__ import annotations

from collections.abc import Iterable

from workflows.arbiter import outgoing
from workflows.arbiter.current import Current
from workflows.arbiter.recording import record
from workflows.arbiter.who import SYSTEM
from workflows.journal.records import Journal
from workflows.store.db import Tx
from workflows.store.repositories import decisions, permits
from workflows.store.repositories.decisions import Decision


def applied(tx: Tx, current: Current) -> bool:
    """Whether an effect of the final decision may have run."""
    return current.final is not None and permits.any_for(tx, current.namespace, current.final.id)


def supersede(tx: Tx, journal: Journal, current: Current, stale: Iterable[Decision]) -> None:
    """Take back the final decision, if there is one, and the ``stale`` requests for changes."""
    final = () if current.final is None else (current.final,)
    for decision in (*stale, *final):
        decisions.supersede(tx, current.namespace, decision.id, "superseded")
        outgoing.unring(tx, current.namespace, cause=decision.id)
        record(
            tx,
            journal,
            current,
            "decision.superseded",
            SYSTEM,
            outcome=decision.outcome,
            action_digest=decision.action_digest,
            meta={"decision_id": decision.id, "revision": decision.revision},
        )
