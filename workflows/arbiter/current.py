"""What the arbiter knows about one gate inside one transaction, read under the gate's lock."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from workflows.flow.planned import ApprovePlan, GatePlan
from workflows.gates.model import GateState, Outcome, View
from workflows.gates.policy import Facts
from workflows.gates.refusals import gate_not_found
from workflows.store.db import Tx
from workflows.store.repositories import decisions, gates
from workflows.store.repositories.decisions import Decision
from workflows.store.repositories.gates import Gate, GateRevision


@dataclass(frozen=True)
class Current:
    """A gate, its revisions (first to last) and its decisions that were not taken back (oldest first)."""

    namespace: str
    gate: Gate
    revisions: tuple[GateRevision, ...]
    standing: tuple[Decision, ...]

    @property
    def state(self) -> GateState:
        return GateState(self.gate.state)

    @property
    def revision(self) -> GateRevision:
        """The newest revision: the one that people decide on."""
        return self.revisions[-1]

    @cached_property
    def policy(self) -> ApprovePlan:
        return ApprovePlan.model_validate(self.gate.policy)

    @cached_property
    def plan(self) -> GatePlan:
        return GatePlan.model_validate(self.gate.gate_plan)

    @cached_property
    def view(self) -> View:
        return View.model_validate_json(self.revision.view)

    @property
    def changes(self) -> tuple[Decision, ...]:
        """Requests for changes that stand, oldest first; their number is the gate's round."""
        return tuple(decision for decision in self.standing if decision.outcome == Outcome.CHANGES_REQUESTED)

    @property
    def final(self) -> Decision | None:
        """The decision that ends the gate, in effect or not yet."""
        ends = (decision for decision in self.standing if decision.outcome != Outcome.CHANGES_REQUESTED)
        return next(ends, None)

    @property
    def decision(self) -> Decision | None:
        """What the gate waits on: the final decision, else a request for changes that nobody has answered yet."""
        if self.state is not GateState.DECIDED:
            return None
        return self.final or self.changes[-1]

    @property
    def facts(self) -> Facts:
        return Facts(
            requester_id=self.gate.requester_id,
            author_id=self.gate.author_id,
            editors=self._editors(),
            assigned_to=self.gate.assigned_to,
        )

    def _editors(self) -> tuple[str, ...]:
        """Everybody whose hand is in the open revision: the edits since the last suggestion."""
        editors: list[str] = []
        for revision in reversed(self.revisions):
            if revision.kind != "edit":
                break
            if revision.made_by is not None:
                editors.append(revision.made_by)
        return tuple(editors)


def read(tx: Tx, namespace: str, gate_id: str, *, lock: bool = True) -> Current:
    """The gate as it is now; with ``lock`` nobody changes it until the transaction ends. Raises ``gate_not_found``."""
    current = find(tx, namespace, gate_id, lock=lock)
    if current is None:
        raise gate_not_found(gate_id)
    return current


def find(tx: Tx, namespace: str, gate_id: str, *, lock: bool = True) -> Current | None:
    """Like ``read``; ``None`` without the gate."""
    gate = gates.get_for_update(tx, namespace, gate_id) if lock else gates.get(tx, namespace, gate_id)
    if gate is None:
        return None
    return Current(
        namespace=namespace,
        gate=gate,
        revisions=tuple(gates.revisions(tx, namespace, gate_id)),
        standing=tuple(d for d in decisions.of_gate(tx, namespace, gate_id) if d.undone_at is None),
    )
