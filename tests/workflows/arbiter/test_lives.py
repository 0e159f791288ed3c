"""Random lives of a gate: whatever people, timers and restarts do in whatever order, at most one decision stands."""

from __future__ import annotations

import json
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from workflows.arbiter.model import Decided, GateOutcome, PreflightRefused
from workflows.flow.planned import StagePlan
from workflows.gates.model import GateError
from workflows.journal.keyring import Keyring
from workflows.journal.records import Journal
from workflows.store import migrate
from workflows.store.db import Database
from workflows.store.repositories import gates
from workflows.store.tables import audit_event, votes

PEOPLE = st.sampled_from(["ann", "bob"]) | st.sampled_from(["ann", "bob", "req", "lea", "out", "bot", "adm"])
NS = "sales"


class Life(RuleBasedStateMachine):
    """One gate with a quorum of one or two, in one SQLite file."""

    template: bytes
    make_office: object
    make_plan: object

    @initialize(quorum=st.sampled_from([1, 2]))
    def start(self, quorum: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "visto.db"
        path.write_bytes(self.template)
        self.office = type(self).make_office(Database(f"sqlite:///{path}"), Journal(Keyring(bytes(32))))
        self.plan = type(self).make_plan(stages=(StagePlan(groups=("fraud",), quorum=quorum),))
        self.amount = 100
        self.round = 0
        self.applied: dict[str, str] = {}
        self.gate: GateOutcome = self.office.open(self.plan, requester="req", amount=self.amount)

    def teardown(self) -> None:
        if hasattr(self, "office"):
            self.office.database.close()
            self.folder.cleanup()

    @rule(
        who=PEOPLE,
        action=st.sampled_from(["approve", "reject", "edit", "request_changes"]),
        window=st.sampled_from([0, 5]),
    )
    def decide(self, who: str, action: str, window: int) -> None:
        now = self._newest()
        answer = self.office.decide(
            now,
            who,
            action,
            revision=now.revision,
            fields={"risk": "high" if now.revision % 2 else "medium"},
            comment="because",
            undo_window=timedelta(seconds=window),
        )
        if isinstance(answer, Decided):
            assert who in {"ann", "bob"}

    @rule(who=PEOPLE)
    def undo(self, who: str) -> None:
        try:
            self.office.undo(self.gate, who)
        except GateError as error:
            assert error.code in {"not_undoable", "not_permitted"}  # noqa: PT017  it may also succeed

    @rule(minutes=st.sampled_from([0, 0.05, 1, 40]))
    def wait(self, minutes: float) -> None:
        self.office.clock.forward(minutes=minutes)

    @rule(due=st.booleans())
    def look(self, due: bool) -> None:
        outcome = self.office.load(self.gate, due=due)
        self.round = max(self.round, outcome.round) if outcome.outcome == "changes_requested" else self.round

    @rule(change=st.booleans(), generation=st.integers(0, 2), from_start=st.booleans())
    def open_again(self, change: bool, generation: int, from_start: bool) -> None:
        self.amount += change
        asked = 0 if from_start else self.round
        try:
            opened = self.office.open(
                self.plan, requester="req", amount=self.amount, generation=generation, round=asked
            )
        except GateError as error:
            assert error.code == "already_applied"  # noqa: PT017  it may also succeed
            assert self.applied
        else:
            self.round = opened.round

    @rule()
    def withdraw(self) -> None:
        self.office.withdraw()

    @rule()
    def apply(self) -> None:
        """An effect gets its permit only under a decision in effect that permits, and then that decision stays."""
        self.office.clock.forward(seconds=5)
        outcome = self.office.load(self.gate)
        if not outcome.permits:
            return
        try:
            permit = self.office.preflight(outcome, op_id=f"op-{outcome.revision}")
        except PreflightRefused as refusal:
            assert refusal.code == "permit_used"  # noqa: PT017  it may also succeed
            return
        self.applied[permit.op_id] = str(permit.decision_id)

    @invariant()
    def at_most_one_decision_stands_and_the_gate_agrees(self) -> None:
        if not hasattr(self, "gate"):
            return
        standing = self.office.standing(self.gate.gate_id)
        assert len(standing) <= 1
        stored = self.office.database.read_sync(lambda tx: gates.get(tx, NS, self.gate.gate_id))
        if standing:
            assert stored.state == "decided"
            assert standing[0].actor_id != self.office.people["req"].principal_id
        assert len(self.office.doorbells()) >= len([row for row in standing if row.actor_kind == "person"])

    @invariant()
    def what_was_applied_stays_decided(self) -> None:
        if hasattr(self, "applied"):
            for decision_id in self.applied.values():
                assert [row.id for row in self.office.standing(self.gate.gate_id)] == [decision_id]

    @invariant()
    def votes_that_stand_are_on_the_open_revision(self) -> None:
        if not hasattr(self, "gate"):
            return
        now = self.office.database.read_sync(lambda tx: gates.get(tx, NS, self.gate.gate_id))
        live = self.office.rows(sa.select(votes).where(votes.c.voided_at.is_(None)))
        assert {row.revision for row in live} <= {now.revision}
        assert len({row.principal_id for row in live}) == len(live)

    @invariant()
    def each_decision_is_requested_submitted_and_effective_in_this_order(self) -> None:
        if not hasattr(self, "office"):
            return
        seen: dict[str, set[str]] = {}
        asked: set[str] = set()
        for row in self.office.rows(sa.select(audit_event).order_by(audit_event.c.stream, audit_event.c.seq)):
            if row.kind == "approval.requested":
                asked.add(row.action_digest)
            if row.kind in {"decision.submitted", "decision.expired", "decision.effective"}:
                assert row.action_digest in asked
                kinds = seen.setdefault(_decision(row.meta), set())
                assert row.kind not in kinds
                assert (row.kind == "decision.effective") == bool(kinds)
                kinds.add(row.kind)

    def _newest(self) -> GateOutcome:
        stored = self.office.database.read_sync(
            lambda tx: gates.revision(tx, NS, self.gate.gate_id, gates.get(tx, NS, self.gate.gate_id).revision)
        )
        return self.gate.model_copy(update={"revision": stored.revision, "action_digest": stored.action_digest})


def _decision(meta: str) -> str:
    return str(json.loads(meta)["decision_id"])


@pytest.fixture
def life(plan, make_office, tmp_path):
    path = tmp_path / "template.db"
    migrate.upgrade(f"sqlite:///{path}")

    class Here(Life):
        template = path.read_bytes()

    Here.make_office = staticmethod(make_office)
    Here.make_plan = staticmethod(plan)
    return Here.TestCase


def test_whatever_happens_at_most_one_decision_stands(life):
    life.settings = settings(
        phases=(Phase.generate,),  # shrinking a life takes minutes, and twenty steps can be read
        max_examples=30,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    life("runTest").runTest()
