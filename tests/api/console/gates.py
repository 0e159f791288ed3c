"""Gates on a desk: opened by the arbiter itself, decided by forms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from tests.api.conftest import NS, Callers
from tests.workflows.arbiter.conftest import FIELDS, make_plan
from workflows.arbiter import deciding, opening
from workflows.arbiter.model import Decide, Decided, Opened, OpenGate, Refused
from workflows.flow.planned import GatePlan
from workflows.gates.digest import action_digest, canonical_view
from workflows.gates.ids import batch_key
from workflows.gates.model import Action, Actor, Evidence
from workflows.gates.rules import failed_rules
from workflows.gates.view import build_view
from workflows.store.db import Tx
from workflows.store.repositories import executions, principals
from workflows.store.tables import audit_event
from workflows.usecases.services import Services

PATH = "triage/review"
_HIDDEN = re.compile(r'name="(revision|action_digest|new_action_digest)" value="([^"]*)"')


@dataclass
class Office:
    """``gate = office.open()``; ``office.decide(gate, "admin")`` decides as others do, from another channel."""

    services: Services
    callers: Callers

    def hire(self) -> None:
        """The reviewer and the admin are in group fraud; execution ``e1`` runs."""

        def unit(tx: Tx) -> None:
            principals.create_group(tx, NS, "fraud")
            for who in ("reviewer", "admin"):
                principals.add_member(tx, NS, "fraud", self.callers.ids[who])

        self.services.db.write_sync(unit)
        self.execution("e1")

    def execution(self, number: str) -> None:
        def unit(tx: Tx) -> None:
            executions.create(
                tx, NS, execution_id=number, flow_id="order-risk", revision=1, workflow_id=number, inputs={}, via="api"
            )
            executions.set_state(tx, NS, number, "running", None)

        self.services.db.write_sync(unit)

    def open(
        self,
        plan: GatePlan | None = None,
        *,
        item: str = "",
        fields: dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
        amount: float = 120,
        order: object = 17,
        execution: str = "e1",
        evidence: tuple[Evidence, ...] = (),
        requester: str | None = None,
        asked_round: int = 0,
    ) -> Opened:
        """Open a gate about an order, as the workflow does; ``asked_round`` answers that many requests for changes."""
        plan, fields = plan or make_plan(), fields or FIELDS
        meta = meta or {"confidence": 0.42, "confidence_method": "match_margin", "citations": []}
        scope = {"item": {"order": order, "amount": amount}, "outputs": {}, "execution": {"id": execution}}
        view = build_view(
            plan, scope, execution_id=execution, path=PATH, item_key=item, suggestion=fields, meta=meta,
            evidence=evidence, failed_rules=failed_rules(plan, scope, fields, meta), policy_version="p1",
        )  # fmt: skip
        text = canonical_view(view)
        request = OpenGate(
            namespace=NS, execution_id=execution, workflow_id=execution, flow_id="order-risk", flow_revision=1,
            revision_sha256="0" * 64, path=PATH, item_key=item, batch_key=batch_key(execution, PATH), gate_plan=plan,
            scope=scope, view=text, action_digest=action_digest(text), fields=fields, meta=meta,
            requester_id=self.callers.ids[requester] if requester else None, round=asked_round,
        )  # fmt: skip
        return self.services.db.write_sync(lambda tx: opening.open_gate(tx, self.services.journal, request))

    def actor(self, who: str, via: str = "slack") -> Actor:
        return Actor(principal_id=self.callers.ids[who], name=who.title(), kind="person", via=via, sign_in="test")

    def decide(self, gate: Opened, who: str, action: str = "approve", **more: Any) -> Decided | Refused:
        given: dict[str, Any] = {"revision": gate.revision, "action_digest": gate.action_digest} | more
        if action == "reject":
            given.setdefault("reason_code", "wrong_data")
        request = Decide(namespace=NS, gate_id=gate.gate_id, actor=self.actor(who), action=Action(action), **given)
        return self.services.db.write_sync(lambda tx: deciding.decide(tx, self.services.journal, request))

    def kinds(self) -> list[str]:
        """The kinds of all records about gates, in order."""
        query = sa.select(audit_event.c.kind).where(audit_event.c.path == PATH).order_by(audit_event.c.seq)
        return self.services.db.read_sync(lambda tx: list(tx.conn.execute(query).scalars()))


def seen(gate: Opened, **more: str) -> dict[str, str]:
    """The hidden fields of a gate's forms, and more."""
    return {"revision": str(gate.revision), "action_digest": gate.action_digest, **more}


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of the form on a page."""
    return dict(_HIDDEN.findall(page))


@pytest.fixture(name="office")
def an_office(services: Services, callers: Callers) -> Office:
    made = Office(services, callers)
    made.hire()
    return made
