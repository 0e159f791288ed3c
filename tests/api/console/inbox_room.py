"""Gates for the inbox: opened by the arbiter as a flow opens them, for people whom ``callers`` made."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from tests.api.conftest import NS, Callers
from tests.workflows.arbiter.conftest import FIELDS, make_plan
from workflows.arbiter import deciding, handling, opening
from workflows.arbiter.model import Assign, Claim, Decide, Decided, Opened, OpenGate, Refused, Viewed
from workflows.flow.planned import GatePlan, StagePlan
from workflows.gates.digest import action_digest, canonical_view
from workflows.gates.ids import batch_key
from workflows.gates.model import Action, Actor
from workflows.gates.view import build_view
from workflows.store.db import Tx
from workflows.store.repositories import executions, principals
from workflows.usecases.services import Services

PATH = "triage/review"
_LINE = re.compile(r'<li class="line" data-gate="([^"]+)" data-revision="(\d+)" data-digest="([0-9a-f]{64})"')


def lines(text: str) -> list[str]:
    """The gates of a page, in its order."""
    return [match[0] for match in _LINE.findall(text)]


def seen(text: str) -> dict[str, str]:
    """What a page's forms send of each of its gates: ``{"seen.<id>": "<revision>:<digest>"}``."""
    return {f"seen.{gate}": f"{revision}:{digest}" for gate, revision, digest in _LINE.findall(text)}


def words(text: str) -> str:
    """A page as it is read: without marks, space collapsed."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


@dataclass
class Room:
    """Each method is one committed transaction."""

    services: Services
    callers: Callers

    def actor(self, who: str) -> Actor:
        return Actor(principal_id=self.callers.ids[who], name=who.title(), kind="person", via="api", sign_in="key:1")

    def join(self, who: str, group: str) -> None:
        def unit(tx: Tx) -> None:
            principals.create_group(tx, NS, group)
            principals.add_member(tx, NS, group, self.callers.ids[who])

        self.services.db.write_sync(unit)

    def ask(
        self, item: str = "1", *, execution: str = "e1", flow: str = "order-risk", order: Any = None, amount: int = 120,
        plan: GatePlan | None = None, fields: dict[str, Any] | None = None, requester: str | None = None, **approve: Any,
    ) -> Opened:  # fmt: skip
        """Open a gate, or ask there again with other content."""
        approve.setdefault("stages", (StagePlan(),))
        plan = plan or make_plan(**approve)
        scope = {"item": {"order": item if order is None else order, "amount": amount}, "outputs": {}}
        scope["execution"] = {"id": execution}
        view = build_view(
            plan, scope, execution_id=execution, path=PATH, item_key=item, suggestion=fields or FIELDS,
            meta={}, failed_rules=(), policy_version="p1",
        )  # fmt: skip
        text = canonical_view(view)
        request = OpenGate(
            namespace=NS, execution_id=execution, workflow_id=execution, flow_id=flow, flow_revision=1,
            revision_sha256="0" * 64, path=PATH, item_key=item, batch_key=batch_key(execution, PATH), gate_plan=plan,
            scope=scope, view=text, action_digest=action_digest(text), fields=fields or FIELDS,
            requester_id=self.callers.ids[requester] if requester else None,
        )  # fmt: skip

        def unit(tx: Tx) -> Opened:
            if executions.get(tx, NS, execution) is None:
                executions.create(
                    tx,
                    NS,
                    execution_id=execution,
                    flow_id=flow,
                    revision=1,
                    workflow_id=execution,
                    inputs={},
                    via="api",
                )
                executions.set_state(tx, NS, execution, "running", None)
            return opening.open_gate(tx, self.services.journal, request)

        return self.services.db.write_sync(unit)

    def decide(self, gate: Opened, who: str = "admin", action: str = "approve", **more: Any) -> Decided | Refused:
        given = {"reason_code": "wrong_data"} if action == "reject" else {}
        request = Decide(
            namespace=NS, gate_id=gate.gate_id, actor=self.actor(who), action=Action(action), revision=gate.revision,
            action_digest=gate.action_digest, **given, **more,
        )  # fmt: skip
        return self.services.db.write_sync(lambda tx: deciding.decide(tx, self.services.journal, request))

    def claim(self, gate: Opened, who: str, **lease: float) -> None:
        request = Claim(
            namespace=NS, gate_id=gate.gate_id, actor=self.actor(who), lease=timedelta(**(lease or {"minutes": 10}))
        )
        self.services.db.write_sync(lambda tx: handling.claim(tx, self.services.journal, request))

    def assign(self, gate: Opened, to: str) -> None:
        request = Assign(namespace=NS, gate_id=gate.gate_id, actor=self.actor("admin"), to=self.callers.ids[to])
        self.services.db.write_sync(lambda tx: handling.assign(tx, self.services.journal, request))

    def look_at(self, gate: Opened, who: str) -> None:
        request = Viewed(namespace=NS, gate_id=gate.gate_id, actor=self.actor(who), revision=gate.revision)
        self.services.db.write_sync(lambda tx: handling.viewed(tx, self.services.journal, request))


@pytest.fixture(name="room")
def a_room(services: Services, callers: Callers) -> Room:
    """For a test module that imports it."""
    return Room(services, callers)
