"""The API with Slack set up, a workspace on this machine, and reviewers who are linked to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from temporalio.client import Client

from api.app import create_app
from connectors.connections import Secrets
from connectors.fakes.slack.people import Somebody
from connectors.fakes.slack.server import Answer, FakeSlack
from connectors.fakes.slack.workspace import Message, Workspace
from tests.workflows.arbiter.conftest import NS, Office, make_plan, opened_office
from tests.workflows.relay.notices.conftest import PUBLIC, SLACK, settings_for
from workflows.activities.catalog import Catalog
from workflows.arbiter import model as m
from workflows.codec import data_converter
from workflows.gateway import Gateway
from workflows.journal.records import Journal
from workflows.store.db import Database, Tx, utc_now
from workflows.store.repositories import principals
from workflows.store.tables import audit_event
from workflows.usecases.services import Services


@dataclass
class Floor:
    """The running API, its office, its Slack, and the people in it."""

    app: FastAPI
    services: Services
    office: Office
    slack: FakeSlack
    client: httpx.AsyncClient
    people: dict[str, Somebody] = field(default_factory=dict)

    def open(self, **more: Any) -> m.Opened:
        approve = more.pop("approve", {})
        plan = make_plan(**({"notify": SLACK, "expire": None} | approve)).model_copy(update=more.pop("gate", {}))
        opened = self.office.open(plan, **more)
        self.app.state.relay.poke()
        return opened

    def join(self, name: str, *, linked: bool = True) -> Somebody:
        """A member of the workspace; ``linked`` to the person of that name."""
        somebody = self.people[name] = Somebody(self.slack, name, f"{name}@example.org")
        if linked:
            who = self.office.people[name].principal_id
            subject = f"{self.slack.world.team}:{somebody.id}"

            def link(tx: Tx) -> None:
                principals.add_identity(tx, NS, who, "slack", subject)

            self.office.tx(link)
        return somebody

    async def card(self, *words: str, within: float = 5.0, without: str | None = None) -> Message:
        """The one card, once it shows these words."""
        return await until(lambda: self._card(words, without), within)

    def _card(self, words: tuple[str, ...], without: str | None) -> Message | None:
        shown = self.slack.world.shown()
        if len(shown) != 1:
            return None
        text = shown[0].words()
        return shown[0] if all(word in text for word in words) and (without is None or without not in text) else None

    async def opened_card(self, **more: Any) -> tuple[m.Opened, Message]:
        gate = self.open(**more)
        return gate, await self.card("Asked:")

    async def told(self, who: Somebody, within: float = 5.0) -> str:
        """What only they were told, once there is something."""
        return await until(lambda: "\n".join(who.told) or None, within)

    def records(self, kind: str) -> list[Any]:
        return self.office.rows(sa.select(audit_event).where(audit_event.c.kind == kind))


async def until(found: Callable[[], Any], within: float = 5.0) -> Any:
    """What ``found`` answers, once it answers something."""
    end = time.monotonic() + within
    while (answer := found()) is None:
        assert time.monotonic() < end, f"not within {within} s"
        await asyncio.sleep(0.01)
    return answer


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    world = Workspace(post_every=0, link_base=PUBLIC)
    world.channel("#risk")
    async with FakeSlack(world) as running:
        yield running
    assert world.violations == [], "a message mentioned, linked or unfurled what it must not"


async def services_for(database: Database, journal: Journal, slack: FakeSlack, home: Path, **more: Any) -> Services:
    settings = settings_for(slack, home, database, **more)
    client = await Client.connect("127.0.0.1:1", lazy=True, data_converter=data_converter({"k": bytes(32)}, "k"))
    return Services(
        db=database, journal=journal, gateway=Gateway(client), settings=settings, world=Catalog(), secrets=Secrets({}),
        callback_key=b"k" * 32,
    )  # fmt: skip


@pytest.fixture
async def floor(database: Database, journal: Journal, slack: FakeSlack, tmp_path: Path) -> AsyncIterator[Floor]:
    office = opened_office(database, journal)
    database.clock = utc_now
    services = await services_for(database, journal, slack, tmp_path / "home")
    app = create_app(services)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        httpx.AsyncClient(transport=transport, base_url=PUBLIC) as client,
        app.router.lifespan_context(app),
    ):

        async def deliver(body: bytes, headers: dict[str, str]) -> Answer:
            answer = await client.post("/slack/events", content=body, headers=headers)
            return Answer(answer.status_code, answer.content)

        slack.deliver_to(deliver)
        yield Floor(app, services, office, slack, client)
