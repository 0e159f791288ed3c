"""What use cases work with, built once at a process's root and passed in."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from agents.settings import model_settings_from_env
from connectors.connections import Secrets
from workflows.codec import data_converter
from workflows.flow.tasktype import World
from workflows.gateway import Gateway, connect
from workflows.journal.records import Journal
from workflows.settings import Settings
from workflows.store.db import Database
from workflows.usecases import installation
from workflows.usecases.keys import callback_key, payload_keys


@dataclass(frozen=True, slots=True)
class Services:
    """``rung`` holds outbox rows that were delivered in line; the relay marks them in one transaction for all.

    A process that dies before that delivers them once more, which changes nothing. ``instant_models`` are the aliases
    whose model answers without a call, as far as this process knows. ``wakes`` are told of commits that leave work.
    """

    db: Database
    journal: Journal
    gateway: Gateway
    settings: Settings
    world: World
    secrets: Secrets
    callback_key: bytes
    instant_models: tuple[str, ...] = ()
    rung: deque[tuple[str, str]] = field(default_factory=deque)
    wakes: list[Callable[[], None]] = field(default_factory=list)

    def wake(self) -> None:
        """Tell whoever delivers in this process that a commit may have left something to deliver."""
        for told in self.wakes:
            told()

    def with_world(self, world: World) -> Services:
        """The same services with another view of what exists."""
        return replace(self, world=world)

    def close(self) -> None:
        self.db.close()


async def build_services(settings: Settings, world: World) -> Services:
    """Open the store and the keys, and prepare the connection to Temporal, which need not answer yet.

    The store's schema is expected to be current. Raises ``InvalidKey``, ``KeyringError``, ``ConnectorError``,
    ``SettingsError``.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    keys = payload_keys(settings)
    client = await connect(settings, data_converter(keys.keys, keys.current))
    return Services(
        db=Database(settings.database),
        journal=Journal(installation.keyring(settings)),
        gateway=Gateway(client),
        settings=settings,
        world=world,
        secrets=installation.secrets(settings),
        callback_key=callback_key(settings),
        instant_models=model_settings_from_env(os.environ).instant,
    )
