"""A process that shows what is due in Slack until it is killed. Its arguments: database, home, Slack's address."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from pydantic import SecretStr
from temporalio.client import Client

from connectors.connections import Secrets
from workflows.activities.catalog import Catalog
from workflows.codec import data_converter
from workflows.gateway import Gateway
from workflows.journal.keyring import Keyring
from workflows.journal.records import Journal
from workflows.relay.loop import Relay
from workflows.settings import Settings
from workflows.store.db import Database
from workflows.usecases.services import Services


async def main(url: str, home: str, slack: str) -> None:
    settings = Settings(
        home=Path(home), database_url=url, slack_bot_token=SecretStr("xoxb-fake-bot"), slack_api_url=slack,
        public_url="https://visto.example",
    )  # fmt: skip
    client = await Client.connect("127.0.0.1:1", lazy=True, data_converter=data_converter({"k": bytes(32)}, "k"))
    services = Services(
        db=Database(url), journal=Journal(Keyring(bytes(range(32)))), gateway=Gateway(client), settings=settings,
        world=Catalog(), secrets=Secrets({}), callback_key=b"k" * 32,
    )  # fmt: skip
    await Relay(services).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
