"""A stage to run flows on: the real Temporal server, a real worker with every activity, a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecution, WorkflowHandle

from agents.settings import ModelSettings
from connectors.connections import ConnectionBook, Secrets
from rag.knowledge import Knowledge
from rag.settings import KnowledgeSettings
from workflows.activities.catalog import Catalog
from workflows.activities.deps import Deps
from workflows.arbiter.deciding import decide
from workflows.arbiter.model import Decide, accepted
from workflows.codec import data_converter
from workflows.contracts import Limits, RunInput
from workflows.flow.compile import compile_flow
from workflows.flow.planned import FlowPlan
from workflows.gates.model import Action, Actor
from workflows.gateway import Gateway
from workflows.journal.keyring import Keyring
from workflows.journal.records import Journal
from workflows.settings import Settings
from workflows.store.db import Database
from workflows.store.ids import new_id
from workflows.store.repositories import executions, flows, gates, principals
from workflows.store.repositories.executions import Execution
from workflows.store.repositories.gates import Gate

NAMESPACE = "default"
WAIT_S = 90.0


@dataclass
class Stage:
    """Everything a test of the interpreter needs. ``rita`` reviews; group ``fraud`` is hers."""

    deps: Deps
    client: Client
    gateway: Gateway
    rita: Actor
    plans: dict[str, FlowPlan] = field(default_factory=dict)

    @property
    def db(self) -> Database:
        return self.deps.db

    @property
    def files(self) -> Path:
        return self.deps.files(NAMESPACE)

    def compile(self, text: str) -> FlowPlan:
        made = compile_flow(text, "flow.yaml", Catalog(), NAMESPACE, 1)
        assert made.plan is not None, [str(d) for d in made.diagnostics]
        assert made.normalised is not None

        def save(tx: Any) -> None:
            flows.save_revision(
                tx,
                NAMESPACE,
                made.plan.flow_id,
                sha256=made.sha256,
                source_text=text,
                bundle=made.normalised,
                plan=made.plan.model_dump(mode="json"),
                author_id=None,
                source="api",
            )

        self.db.write_sync(save)
        self.plans[made.plan.flow_id] = made.plan
        return made.plan

    async def start(
        self, text: str, inputs: dict[str, Any] | None = None, *, limits: Limits | None = None, **more: Any
    ) -> WorkflowHandle[Any, Any]:
        """Save the flow, store an execution and start its workflow."""
        plan = self.compile(text)
        execution_id = new_id(self.db.clock())
        self.db.write_sync(
            lambda tx: executions.create(
                tx,
                NAMESPACE,
                execution_id=execution_id,
                flow_id=plan.flow_id,
                revision=plan.revision,
                workflow_id=execution_id,
                inputs=inputs or {},
                via="api",
            )
        )
        run = RunInput(
            namespace=NAMESPACE,
            execution_id=execution_id,
            plan=plan,
            inputs=inputs or {},
            limits=limits or Limits(),
            **more,
        )
        await self.gateway.start(run, workflow_id=execution_id)
        return self.client.get_workflow_handle(execution_id)

    async def ended(self, handle: WorkflowHandle[Any, Any]) -> Execution:
        """Wait for the end and return the execution's row."""
        await asyncio.wait_for(handle.result(), WAIT_S)
        return self.execution(handle.id.partition(":")[0])

    async def run(self, text: str, inputs: dict[str, Any] | None = None, **more: Any) -> Execution:
        return await self.ended(await self.start(text, inputs, **more))

    def execution(self, execution_id: str) -> Execution:
        found = self.db.read_sync(lambda tx: executions.get(tx, NAMESPACE, execution_id))
        assert found is not None
        return found

    def gates(self, execution_id: str, *, only_open: bool = True) -> list[Gate]:
        return self.db.read_sync(lambda tx: gates.of_execution(tx, NAMESPACE, execution_id, only_open=only_open))

    def runs(self, workflow_id: str) -> AsyncIterator[WorkflowExecution]:
        """The runs of a workflow, those that continued as new among them."""
        return self.client.list_workflows(f"WorkflowId = '{workflow_id}'")

    async def history(self, workflow_id: str, run_id: str | None = None) -> list[str]:
        """The kinds of a history's events, in short."""
        found = await self.client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
        return [EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in found.events]

    async def until(self, holds: Callable[[], Any]) -> Any:
        """Wait until ``holds`` returns something true, and return it."""
        async with asyncio.timeout(WAIT_S):
            while not (found := holds()):
                await asyncio.sleep(0.02)
        return found

    async def open_gates(self, execution_id: str, count: int = 1) -> list[Gate]:
        def enough() -> list[Gate]:
            found = self.gates(execution_id)
            return found if len(found) >= count else []

        return await self.until(enough)

    def decide(self, gate: Gate, action: str = "approve", *, ring: bool = True, **more: Any) -> Any:
        """Decide as Rita through the arbiter. Ringing is the caller's; see ``approve``."""
        revision = self.db.read_sync(lambda tx: gates.revision(tx, NAMESPACE, gate.id, gate.revision))
        assert revision is not None
        request = Decide(
            namespace=NAMESPACE,
            gate_id=gate.id,
            actor=self.rita,
            action=Action(action),
            revision=gate.revision,
            action_digest=revision.action_digest,
            **more,
        )
        return accepted(self.db.write_sync(lambda tx: decide(tx, self.deps.journal, request)))

    async def answer(self, gate: Gate, action: str = "approve", **more: Any) -> Any:
        decided = self.decide(gate, action, **more)
        await self.gateway.ring(gate.workflow_id, gate.id)
        return decided


async def build(
    address: str,
    database: str,
    folder: Path,
    *,
    models: ModelSettings | None = None,
    chroma: str = "",
    connections: dict[str, Any] | None = None,
) -> Stage:
    settings = Settings(home=folder / "home", database_url=database, temporal_address=address)
    (settings.files / NAMESPACE).mkdir(parents=True, exist_ok=True)
    secrets = Secrets({})
    deps = Deps(
        db=Database(database),
        journal=Journal(Keyring(bytes(range(32)))),
        settings=settings,
        knowledge=Knowledge(KnowledgeSettings(chroma_url=chroma, chroma_path=folder / "chroma", embeddings="hashing")),
        connections=ConnectionBook(connections or {}, environment="test", secrets=secrets),
        secrets=secrets,
        models=models or ModelSettings(),
    )
    client = await Client.connect(address, data_converter=data_converter({"test": bytes(32)}, "test"))
    return Stage(deps, client, Gateway(client), _reviewer(deps.db))


def _reviewer(db: Database) -> Actor:
    def make(tx: Any) -> Actor:
        person = principals.create_person(tx, NAMESPACE, "Rita", f"rita-{uuid4()}@example.com")
        principals.create_group(tx, NAMESPACE, "fraud")
        principals.add_member(tx, NAMESPACE, "fraud", person.id)
        principals.grant_role(tx, NAMESPACE, person.id, "reviewer")
        return Actor(
            principal_id=person.id,
            name="Rita",
            kind="person",
            groups=("fraud",),
            roles=("reviewer",),
            via="api",
            sign_in="key",
        )

    return db.write_sync(make)
