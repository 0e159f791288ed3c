"""Services over a real store and a real Temporal server, without a worker: histories show what was delivered."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.client import Client

from connectors.connections import Secrets
from tests.support.clock import FakeClock
from workflows.activities.catalog import Catalog
from workflows.codec import data_converter
from workflows.gates.model import Actor
from workflows.gateway import Gateway
from workflows.journal.records import Journal
from workflows.settings import Settings
from workflows.store.db import Database
from workflows.usecases.flows import Save, save
from workflows.usecases.services import Services
from workflows.usecases.start import Start, start

NS = "default"
FLOW = "id: greet\ntasks:\n  - {id: hello, type: set, values: {text: Hello}}\n"
ANN = Actor(principal_id="ann", name="Ann", kind="person", roles=("admin",), via="api", sign_in="key:1")


class Switch:
    """A gateway that can be cut off and counts what goes through; while cut, it fails as a dead server would."""

    def __init__(self, gateway: Gateway, dead: Gateway) -> None:
        self.alive, self.dead = gateway, dead
        self.cut = False
        self.calls: list[str] = []

    def __getattr__(self, name: str):
        target = getattr(self.dead if self.cut else self.alive, name)

        async def call(*args, **more):
            answer = await target(*args, **more)
            self.calls.append(name)
            return answer

        return call


@pytest.fixture
async def switch(temporal_server: str) -> Switch:
    converter = data_converter({"k": bytes(32)}, "k")
    client = await Client.connect(temporal_server, data_converter=converter)
    dead = await Client.connect("127.0.0.1:1", lazy=True, data_converter=converter)
    return Switch(Gateway(client), Gateway(dead))


@pytest.fixture
def services(database: Database, journal: Journal, switch: Switch, tmp_path: Path) -> Services:
    settings = Settings(home=tmp_path / "home", database_url=database.url)
    return Services(
        db=database, journal=journal, gateway=switch, settings=settings, world=Catalog(), secrets=Secrets({}),
        callback_key=b"k" * 32,
    )  # type: ignore[arg-type]  # fmt: skip


@pytest.fixture
async def greet(services: Services) -> str:
    await save(services, Save(namespace=NS, text=FLOW, actor=ANN))
    return "greet"


async def started(services: Services, **more: object) -> str:
    """Start ``greet`` and return the execution's id."""
    request = Start(namespace=NS, flow_id="greet", actor=ANN, via="api", **more)  # type: ignore[arg-type]
    return (await start(services, request)).result.execution


__all__ = ["ANN", "NS", "FakeClock", "Switch", "started"]
