"""What an installation has beside its store: the journal's key, its secrets, its connections. Opened here and nowhere else."""

from __future__ import annotations

import os

from connectors.connections import ConnectionBook, Secrets
from workflows.journal.keyring import Keyring
from workflows.settings import Settings

JOURNAL_FILE = "journal.key"
SECRETS_FILE = "secrets.env"
CONNECTIONS_FILE = "connections.yaml"


def keyring(settings: Settings) -> Keyring:
    """The journal's key: from the settings, else a file that is made once. Raises ``KeyringError``."""
    if settings.journal_key is not None:
        return Keyring.from_text(settings.journal_key.get_secret_value(), "VISTO_JOURNAL_KEY")
    return Keyring.from_file(settings.keys / JOURNAL_FILE)


def secrets(settings: Settings) -> Secrets:
    """Secrets by name: from the environment, else the home's file. Raises ``ConnectorError``."""
    return Secrets(os.environ, settings.home / SECRETS_FILE)


def connections(settings: Settings, known: Secrets | None = None) -> ConnectionBook:
    """Connections by name, with ``known`` as their secrets. Raises ``ConnectorError``."""
    return ConnectionBook.load(
        settings.connections_file or settings.home / CONNECTIONS_FILE,
        environment=settings.environment,
        secrets=known or secrets(settings),
    )
