"""An office whose gates are shown in a Slack workspace on this machine, and a relay that delivers when a test says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from temporalio.client import Client

from connectors.connections import Secrets
from connectors.fakes.slack.server import FakeSlack
from connectors.fakes.slack.workspace import Message, Workspace
from tests.workflows.arbiter.conftest import NS, Office, make_plan, opened_office
from workflows.activities.catalog import Catalog
from workflows.arbiter import model as m
from workflows.codec import data_converter
from workflows.gateway import Gateway
from workflows.journal.records import Journal
from workflows.relay.loop import Relay
from workflows.relay.notices.slack import SlackChannel
from workflows.settings import Settings
from workflows.slack_settings import config_of
from workflows.store.db import Database, Tx
from workflows.store.repositories import notices, principals
from workflows.store.repositories.notices import Notice
from workflows.usecases.services import Services

PUBLIC = "https://visto.example"
SLACK = ({"type": "slack", "channel": "#risk"},)


@dataclass
class Desk:
    """The office, its Slack, and one way to make the relay deliver what is due."""

    office: Office
    slack: FakeSlack
    services: Services

    @property
    def world(self) -> Workspace:
        return self.slack.world

    def open(self, **more: Any) -> m.Opened:
        approve = more.pop("approve", {})
        return self.office.open(make_plan(**({"notify": SLACK} | approve)), **more)

    def channel(self) -> SlackChannel:
        config = config_of(self.services.settings)
        assert config is not None
        return SlackChannel(self.services, config)

    async def deliver(self, *, after: float = 0.0, channel: SlackChannel | None = None) -> None:
        """A fresh relay takes what is due and waits until it is shown: as a process that just started."""
        self.office.clock.forward(seconds=after)
        own = channel or self.channel()
        # the lease of the relay before has lapsed
        self.office.clock.forward(seconds=4)
        relay = Relay(self.services, channels={"slack": own})
        await relay.tick()
        await relay.settled()
        await own.close()

    def cards(self) -> list[Message]:
        return self.world.shown()

    def card(self) -> Message:
        (found,) = self.cards()
        return found

    def notices(self, gate: m.GateOutcome) -> list[Notice]:
        return self.office.tx(lambda tx: notices.of_gate(tx, NS, gate.gate_id, "slack"))

    def linked(self, who: str, user: str) -> None:
        """This person has that Slack account."""
        person = self.office.people[who].principal_id

        def link(tx: Tx) -> None:
            principals.add_identity(tx, NS, person, "slack", f"{self.world.team}:{user}")

        self.office.tx(link)


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    world = Workspace(post_every=0, link_base=PUBLIC)
    world.channel("#risk")
    async with FakeSlack(world) as running:
        yield running
    assert world.violations == [], "a message mentioned, linked or unfurled what it must not"


def settings_for(slack: FakeSlack, home: Path, database: Database, **more: Any) -> Settings:
    return Settings(
        home=home,
        database_url=database.url,
        public_url=PUBLIC,
        slack_bot_token=SecretStr(slack.world.bot_token),
        slack_signing_secret=SecretStr(slack.world.signing_secret),
        slack_api_url=slack.url,
        **more,
    )


@pytest.fixture
async def desk(database: Database, journal: Journal, slack: FakeSlack, tmp_path: Path, office: Office) -> Desk:
    settings = settings_for(slack, tmp_path / "home", database)
    client = await Client.connect("127.0.0.1:1", lazy=True, data_converter=data_converter({"k": bytes(32)}, "k"))
    services = Services(
        db=database, journal=journal, gateway=Gateway(client), settings=settings, world=Catalog(), secrets=Secrets({}),
        callback_key=b"k" * 32,
    )  # fmt: skip
    return Desk(office, slack, services)


@pytest.fixture
def office(database: Database, journal: Journal) -> Office:
    return opened_office(database, journal)
