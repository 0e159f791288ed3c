"""A small office: one flow with a gate, people who may and may not decide, and a clock that tests move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa

from workflows.arbiter import deciding, expiring, opening, preflight, settling, undoing, withdrawing
from workflows.arbiter import model as m
from workflows.flow.planned import (
    ApprovePlan,
    ExpirePlan,
    GatePlan,
    RulePlan,
    ShowField,
    StagePlan,
    TaskPlan,
)
from workflows.gates.digest import action_digest, canonical_view
from workflows.gates.ids import batch_key
from workflows.gates.model import Action, Actor
from workflows.gates.rules import failed_rules
from workflows.gates.view import build_view
from workflows.journal.records import Journal
from workflows.store.db import Database, Tx
from workflows.store.repositories import executions, principals
from workflows.store.tables import audit_event, decisions, outbox

T = TypeVar("T")
NS = "sales"
START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SCHEMA = {
    "type": "object",
    "properties": {"risk": {"type": "string", "enum": ["low", "medium", "high"]}, "reason": {"type": "string"}},
    "required": ["risk", "reason"],
    "additionalProperties": False,
}
FIELDS = {"risk": "low", "reason": "small order"}


class ManualClock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


def make_plan(**approve: Any) -> GatePlan:
    """The gate of the examples: one group, two editable fields, one rule, one effect."""
    options: dict[str, Any] = {
        "stages": (StagePlan(groups=("fraud",)),),
        "editable": ("risk", "reason"),
        "reasons": ("wrong_data",),
        "expire": ExpirePlan(after_ms=3_600_000),
        "max_rounds": 2,
    }
    effect = TaskPlan(
        id="write",
        type="sheets.append",
        kind="activity",
        effect="write",
        properties={"connection": "sheet", "rows": [["{{ item.order }}", "{{ final.risk }}"]]},
    )
    return GatePlan(
        title="Order {{ item.order }}",
        show=(ShowField(label="Amount", value="{{ item.amount }}", format="money EUR"),),
        suggest=TaskPlan(id="suggest", type="agent", kind="agent"),
        output_schema=SCHEMA,
        rules=(
            RulePlan(require="item.amount < 5000", when="suggestion.risk == 'low'", message="Over 5000 is never low."),
        ),
        approve=ApprovePlan(**(options | approve)),
        on_approve=(effect,),
    )


@dataclass
class Office:
    """Everything a test needs to act: each method is one committed transaction."""

    database: Database
    journal: Journal
    clock: ManualClock
    people: dict[str, Actor] = field(default_factory=dict)

    def tx(self, unit: Callable[[Tx], T]) -> T:
        return self.database.write_sync(unit)

    def hire(
        self, name: str, *, groups: tuple[str, ...] = (), roles: tuple[str, ...] = (), kind: str = "person"
    ) -> Actor:
        def unit(tx: Tx) -> Actor:
            made = (
                principals.create_person(tx, NS, name, f"{name}@example.org")
                if kind == "person"
                else principals.create_service(tx, NS, name)
            )
            for group in groups:
                principals.create_group(tx, NS, group)
                principals.add_member(tx, NS, group, made.id)
            for role in roles:
                principals.grant_role(tx, NS, made.id, role)
            return Actor(principal_id=made.id, name=name, kind=kind, via="api", sign_in="key:1")  # type: ignore[arg-type]

        self.people[name] = self.tx(unit)
        return self.people[name]

    def execution(self, number: str = "e1") -> str:
        def unit(tx: Tx) -> None:
            executions.create(
                tx,
                NS,
                execution_id=number,
                flow_id="order-risk",
                revision=1,
                workflow_id=f"wf-{number}",
                inputs={},
                via="api",
            )
            executions.set_state(tx, NS, number, "running", None)

        self.tx(unit)
        return number

    def asking(
        self,
        plan: GatePlan | None = None,
        *,
        fields: dict[str, Any] | None = None,
        item: str = "",
        execution_id: str = "e1",
        order: int = 17,
        amount: int = 120,
        requester: str | None = None,
        author: str | None = None,
        **more: Any,
    ) -> m.OpenGate:
        plan = plan or make_plan()
        fields = fields or FIELDS
        scope = {"item": {"order": order, "amount": amount}, "outputs": {}, "execution": {"id": execution_id}}
        meta = {"confidence": 0.95, "citations": []}
        view = build_view(
            plan,
            scope,
            execution_id=execution_id,
            path="triage/review",
            item_key=item,
            suggestion=fields,
            meta=meta,
            failed_rules=failed_rules(plan, scope, fields, meta),
            policy_version="p1",
        )
        text = canonical_view(view)
        return m.OpenGate(
            namespace=NS,
            execution_id=execution_id,
            workflow_id=f"wf-{execution_id}",
            flow_id="order-risk",
            flow_revision=1,
            revision_sha256="0" * 64,
            path="triage/review",
            item_key=item,
            batch_key=batch_key(execution_id, "triage/review"),
            gate_plan=plan,
            scope=scope,
            view=text,
            action_digest=action_digest(text),
            fields=fields,
            meta=meta,
            requester_id=self.people[requester].principal_id if requester else None,
            author_id=self.people[author].principal_id if author else None,
            **more,
        )

    def open(self, plan: GatePlan | None = None, **asking: Any) -> m.Opened:
        return self.send(self.asking(plan, **asking))

    def send(self, request: m.OpenGate) -> m.Opened:
        return self.tx(lambda tx: opening.open_gate(tx, self.journal, request))

    def deciding(self, gate: m.GateOutcome, who: str, action: str = "approve", **more: Any) -> m.Decide:
        given: dict[str, Any] = {"revision": gate.revision, "action_digest": gate.action_digest} | more
        if action == "reject":
            given.setdefault("reason_code", "wrong_data")
        return m.Decide(namespace=NS, gate_id=gate.gate_id, actor=self.people[who], action=Action(action), **given)

    def decide(self, gate: m.GateOutcome, who: str, action: str = "approve", **more: Any) -> m.Decided | m.Refused:
        return self.tx(lambda tx: deciding.decide(tx, self.journal, self.deciding(gate, who, action, **more)))

    def decided(self, gate: m.GateOutcome, who: str, action: str = "approve", **more: Any) -> m.Decided:
        return m.accepted(self.decide(gate, who, action, **more))

    def refused(self, gate: m.GateOutcome, who: str, action: str = "approve", **more: Any) -> m.Refused:
        answer = self.decide(gate, who, action, **more)
        assert isinstance(answer, m.Refused), answer
        return answer

    def load(self, gate: m.GateOutcome, **more: Any) -> m.GateOutcome:
        request = m.LoadGate(namespace=NS, gate_id=gate.gate_id, execution_id=more.pop("execution_id", "e1"), **more)
        return self.tx(lambda tx: settling.load(tx, self.journal, request))

    def undo(self, gate: m.GateOutcome, who: str) -> int:
        return self.tx(lambda tx: undoing.undo(tx, self.journal, self.handle(gate, who)))

    def handle(self, gate: m.GateOutcome, who: str) -> m.Handle:
        return m.Handle(namespace=NS, gate_id=gate.gate_id, actor=self.people[who])

    def expire(self, gate: m.GateOutcome) -> bool:
        return self.tx(lambda tx: expiring.expire(tx, self.journal, NS, gate.gate_id))

    def withdraw(self, execution_id: str = "e1", gate: m.GateOutcome | None = None) -> list[str]:
        request = m.Withdraw(
            namespace=NS, execution_id=execution_id, gate_id=gate.gate_id if gate else None, reason="cancelled"
        )
        return self.tx(lambda tx: withdrawing.withdraw(tx, self.journal, request))

    def preflight(self, outcome: m.GateOutcome, **changes: Any) -> m.Permit:
        effect = outcome.effects[0]
        given: dict[str, Any] = {
            "namespace": NS,
            "execution_id": "e1",
            "flow_id": "order-risk",
            "gate_id": outcome.gate_id,
            "action_digest": outcome.action_digest,
            "effect_path": effect.path,
            "type": effect.type,
            "properties": effect.properties,
            "op_id": "op-1",
        } | changes
        return self.tx(lambda tx: preflight.preflight(tx, self.journal, m.Preflight(**given)))

    # Looking without touching -----------------------------------------------

    def rows(self, statement: sa.Select[Any]) -> list[Any]:
        return self.database.read_sync(lambda tx: list(tx.conn.execute(statement)))

    def kinds(self) -> list[str]:
        return [row.kind for row in self.rows(sa.select(audit_event).order_by(audit_event.c.stream, audit_event.c.seq))]

    def standing(self, gate_id: str) -> list[Any]:
        """Decisions that count: the database must never hold two."""
        counted = decisions.c.undone_at.is_(None) & (decisions.c.outcome != "changes_requested")
        return self.rows(sa.select(decisions).where(decisions.c.gate_id == gate_id, counted))

    def doorbells(self) -> list[Any]:
        live = (outbox.c.kind == "doorbell") & outbox.c.dropped_at.is_(None)
        return self.rows(sa.select(outbox).where(live).order_by(outbox.c.created_at))

    def execution_state(self, number: str = "e1") -> tuple[str, str | None]:
        execution = self.database.read_sync(lambda tx: executions.get(tx, NS, number))
        assert execution is not None
        return execution.state, (execution.reason or {}).get("code")


def staff(office: Office) -> Office:
    """Two fraud reviewers, two leads, the person who asked, an admin, a stranger to the group, and a service."""
    office.hire("ann", groups=("fraud",), roles=("reviewer",))
    office.hire("bob", groups=("fraud",), roles=("reviewer",))
    office.hire("lea", groups=("leads",), roles=("reviewer",))
    office.hire("leo", groups=("leads",), roles=("reviewer",))
    office.hire("req", groups=("fraud",), roles=("reviewer",))
    office.hire("adm", roles=("admin",))
    office.hire("out", roles=("reviewer",))
    office.hire("viv", groups=("fraud",), roles=("viewer",))
    office.hire("bot", groups=("fraud",), roles=("reviewer",), kind="service")
    office.execution()
    return office


def opened_office(database: Database, journal: Journal) -> Office:
    clock = ManualClock()
    database.clock = clock
    return staff(Office(database, journal, clock))


@pytest.fixture
def office(database: Database, journal: Journal) -> Office:
    return opened_office(database, journal)


@pytest.fixture
def make_office() -> Callable[[Database, Journal], Office]:
    return opened_office


@pytest.fixture
def plan() -> Callable[..., GatePlan]:
    return make_plan
