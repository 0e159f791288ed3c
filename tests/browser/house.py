"""A console with people, flows and gates in it, served for a real browser. Temporal is away unless a test brings it.

Everything in it was made through the product's own use cases and arbiter, so a page shows what it would show anywhere.
"""

from __future__ import annotations

import asyncio
import csv
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import uvicorn
from temporalio.client import Client

from api.app import create_app
from connectors.connections import ConnectionBook, Secrets
from workflows.activities.catalog import Catalog
from workflows.arbiter import deciding, opening
from workflows.arbiter.model import Decide, Decided, Opened, OpenGate, Refused
from workflows.codec import data_converter
from workflows.flow.planned import GatePlan
from workflows.gates.digest import action_digest, canonical, canonical_view
from workflows.gates.ids import batch_key
from workflows.gates.model import Action, Actor, Evidence
from workflows.gates.rules import failed_rules
from workflows.gates.view import build_view
from workflows.gateway import Gateway
from workflows.interpreter.scope import gate_scope
from workflows.journal.recorder import DbRecorder
from workflows.journal.records import Journal
from workflows.settings import Settings
from workflows.store.db import Database
from workflows.store.repositories import collections, executions, principals
from workflows.usecases import flows, sign_in, start
from workflows.usecases.services import Services

T = TypeVar("T")
Json = Any
NS = "default"
EXAMPLES = Path(__file__).parents[2] / "flows" / "examples"
PATH = "triage/review"
PEOPLE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "Ana": (("reviewer",), ("fraud",)),
    "Ben": (("reviewer",), ("fraud",)),
    "Cleo": (("author", "viewer"), ()),
    "Dora": (("auditor",), ()),
    "Vic": (("viewer",), ()),
    "Root": (("viewer", "author", "reviewer", "admin", "auditor"), ("fraud",)),
}
QUOTE = "Orders above 5,000 EUR are high risk. Orders of 1,000 EUR or more are medium risk."
CITED = {
    "collection": "fraud-policy",
    "document": "fraud-policy.md",
    "chunk": "c1",
    "score": 0.71,
    "quote": QUOTE,
}


@dataclass(frozen=True)
class Operation:
    """A model call as the recorder wants it."""

    key: str
    op_id: str
    request: Json
    request_hash: str
    kind: str = "llm"
    meta: Json = field(default_factory=lambda: {"provider": "offline", "model": "offline", "position": "0"})


@dataclass(frozen=True)
class Usage:
    calls: int = 1
    input_tokens: int = 812
    output_tokens: int = 64
    usd: float | None = 0.0


class House:
    """``with House(url, home)``: people work there, and the console answers at ``url``."""

    def __init__(self, database_url: str, home: Path, temporal: str) -> None:
        self.settings = Settings(home=home, database_url=database_url, temporal_address=temporal)
        self._database_url = database_url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="house", daemon=True)
        self.actors: dict[str, Actor] = {}
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self.services = self.run(self._services())
        self._hire()
        self.save((EXAMPLES / "order-risk.yaml").read_text())
        self._server = uvicorn.Server(self._config())
        self._serving = asyncio.run_coroutine_threadsafe(self._server.serve(), self._loop)
        self.run(self._until_started())
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._serving.result(10)
        self.services.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Await something on the house's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    @property
    def db(self) -> Database:
        return self.services.db

    @property
    def journal(self) -> Journal:
        return self.services.journal

    async def _services(self) -> Services:
        from workflows.journal.keyring import Keyring

        db = Database(self._database_url)
        client = await Client.connect(
            self.settings.temporal_address, lazy=True, data_converter=data_converter({"k": bytes(32)}, "k")
        )
        secrets = Secrets({"VISTO_SECRET_ORDERS_HOOK": "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"})
        book = ConnectionBook({}, environment="test", secrets=secrets)
        self.settings.home.mkdir(parents=True, exist_ok=True)
        journal = Journal(Keyring(bytes(range(32))))
        return Services(db, journal, Gateway(client), self.settings, Catalog(db, book), secrets, callback_key=b"k" * 32)

    def _config(self) -> uvicorn.Config:
        self.app = create_app(self.services, relay=False)
        self.app.state.feed.stopping = lambda: self._server.should_exit
        return uvicorn.Config(
            self.app, host="127.0.0.1", port=0, log_level="warning", ws="none", timeout_graceful_shutdown=3
        )

    async def _until_started(self) -> None:
        while not self._server.started:
            assert not self._serving.done(), self._serving.exception()
            await asyncio.sleep(0.01)

    def _hire(self) -> None:
        def unit(tx: Any) -> None:
            principals.create_group(tx, NS, "fraud")
            collections.put(tx, NS, "fraud-policy", {"embedding": "hashing"})
            for name, (roles, groups) in PEOPLE.items():
                person = principals.create_person(tx, NS, name, f"{name.lower()}@example.com")
                for role in roles:
                    principals.grant_role(tx, NS, person.id, role)
                for group in groups:
                    principals.add_member(tx, NS, group, person.id)
                self.actors[name] = Actor(
                    principal_id=person.id,
                    name=name,
                    kind="person",
                    roles=roles,
                    groups=groups,
                    scopes=("admin",),
                    via="api",
                    sign_in="key:test",
                )

        self.db.write_sync(unit)

    # What goes on in the house ------------------------------------------------

    def save(self, text: str, *, who: str = "Cleo", **more: Any) -> flows.Saved:
        """Save a flow."""
        request = flows.Save(namespace=NS, text=text, actor=self.actors[who], origin="console", **more)
        return self.run(flows.save(self.services, request))

    def execute(self, flow: str = "order-risk", *, who: str = "Cleo", state: str = "running", **inputs: Json) -> str:
        """Start an execution, as far as that goes without Temporal, and put it into ``state``."""
        given = inputs or ({"file": "orders.csv"} if flow == "order-risk" else {})
        request = start.Start(namespace=NS, flow_id=flow, actor=self.actors[who], via="console", inputs=given)
        number = self.run(start.start(self.services, request)).result.execution
        if state != "created":
            self.db.write_sync(lambda tx: executions.set_state(tx, NS, number, state, None, started_at=tx.now))
        return number

    @property
    def gate_plan(self) -> GatePlan:
        """The gate of ``order-risk``."""
        from workflows.store.repositories import flows as stored
        from workflows.usecases.plans import plan_of

        def unit(tx: Any) -> GatePlan:
            flow = stored.get(tx, NS, "order-risk")
            revision = stored.get_revision(tx, NS, "order-risk", flow.revision)
            loop = plan_of(NS, revision).tasks[1].foreach
            assert loop is not None
            gate = loop.tasks[0].gate
            assert gate is not None
            return gate

        return self.db.read_sync(unit)

    def gate(
        self,
        execution: str,
        order: Json | None = None,
        *,
        key: str = "0",
        risk: str = "medium",
        reason: str = "The amount is over 1,000 EUR, which the policy rates as medium risk.",
        confidence: float = 0.62,
        evidence: tuple[Evidence, ...] = (),
        citations: Sequence[Json] = (CITED,),
        plan: GatePlan | None = None,
        path: str = PATH,
        **more: Any,
    ) -> Opened:
        """Open a gate about one order, its prompt and answer journalled as the agent would."""
        item = order or orders()[int(key) % 60 if key.isdigit() else 0]
        plan = plan or self.gate_plan
        meta = {
            "generator": "offline",
            "is_llm": False,
            "confidence": confidence,
            "confidence_method": "match margin",
            "citations": list(citations),
        }
        fields = {"risk": risk, "reason": reason}
        scope = {"item": item, "index": int(key) if key.isdigit() else 0, "vars": {"sheet": "sheets/order-risk.csv"}}
        scope |= {"inputs": {}, "outputs": {}, "labels": {}, "execution": {"id": execution}}
        view = build_view(
            plan,
            scope,
            execution_id=execution,
            path=path,
            item_key=key,
            suggestion=fields,
            meta=meta,
            evidence=evidence,
            failed_rules=failed_rules(plan, scope, fields, meta),
            policy_version="p1",
        )
        text = canonical_view(view)
        self._think(execution, path, key, item, fields)
        request = OpenGate(
            namespace=NS,
            execution_id=execution,
            workflow_id=execution,
            flow_id="order-risk",
            flow_revision=1,
            revision_sha256="0" * 64,
            path=path,
            item_key=key,
            item_index=int(key) if key.isdigit() else None,
            batch_key=batch_key(execution, path),
            gate_plan=plan,
            scope=gate_scope(plan, scope),
            view=text,
            action_digest=action_digest(text),
            fields=fields,
            meta=meta,
            requester_id=self.actors["Cleo"].principal_id,
            author_id=self.actors["Cleo"].principal_id,
            parked=True,
            **more,
        )
        return self.db.write_sync(lambda tx: opening.open_gate(tx, self.journal, request))

    def _think(self, execution: str, path: str, key: str, item: Json, fields: Json) -> None:
        where = f"{path}[{key}]" if key else path
        recorder = DbRecorder(
            self.db, self.journal, namespace=NS, execution_id=execution, flow_id="order-risk", path=where
        )
        request = {
            "messages": [
                {"role": "system", "content": "You are a fraud analyst."},
                {"role": "user", "content": canonical(item)},
            ]
        }
        op = f"{execution}:{where}"
        operation = Operation(f"{op}:h:0", op, request, action_digest(canonical(request)))

        async def think() -> None:
            if await recorder.begin(operation) is None:
                await recorder.finish(operation, {"content": canonical(fields)}, Usage())

        self.run(think())

    def batch(self, count: int, *, execution: str | None = None) -> list[Opened]:
        """Open so many gates in one execution."""
        number = execution or self.execute(state="waiting")
        risks = ("low", "medium", "high")
        return [self.gate(number, key=str(n), risk=risks[n % 3]) for n in range(count)]

    def decide(self, gate: Opened, who: str = "Ben", action: str = "approve", **more: Any) -> Decided | Refused:
        """Decide as somebody else would, by API."""
        given = {"reason_code": "policy"} if action == "reject" else {}
        request = Decide(
            namespace=NS,
            gate_id=gate.gate_id,
            actor=self.actors[who],
            action=Action(action),
            revision=gate.revision,
            action_digest=gate.action_digest,
            **given,
            **more,
        )
        return self.db.write_sync(lambda tx: deciding.decide(tx, self.journal, request))

    def cookie(self, who: str) -> dict[str, str]:
        """A session of somebody, as Playwright's ``add_cookies`` wants it."""
        visitor = sign_in.Visitor(device="Chromium on Linux", address="127.0.0.1")
        token = self.run(
            sign_in.open_session(self.services, NS, self.actors[who].principal_id, method="password", visitor=visitor)
        )
        return {"name": "visto_session", "value": token, "url": self.url}


def orders() -> list[Json]:
    """The demo's sixty orders as the flow reads them."""
    with (EXAMPLES / "orders.csv").open(newline="", encoding="utf-8") as file:
        return [
            {**row, "amount": float(row["amount"]), "purchases_24h": int(row["purchases_24h"])}
            for row in csv.DictReader(file)
        ]
