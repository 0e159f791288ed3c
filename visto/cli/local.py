"""This installation from the inside, for commands that work on its database and files without the API."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from visto.cli.errors import CommandError, Exit
from visto.supervisor.state import running
from workflows.settings import Settings

if TYPE_CHECKING:
    from workflows.journal.records import Journal
    from workflows.store.db import Database


@dataclass(frozen=True, slots=True)
class Local:
    """The store, the journal and the settings that belong together."""

    settings: Settings
    db: Database
    journal: Journal


def settings() -> Settings:
    """Read the settings; a stack that runs on the same home adds where its parts are."""
    found = Settings()
    state = running(found.home.absolute())
    if state is None:
        return found
    for name, value in state.env.items():
        os.environ.setdefault(name, value)
    return Settings()


@contextmanager
def opened() -> Iterator[Local]:
    """Open the store of this installation. Raises ``CommandError`` when there is none or it needs an upgrade."""
    from workflows.journal.records import Journal
    from workflows.store.db import Database
    from workflows.store.migrate import status
    from workflows.usecases.installation import keyring

    found = settings()
    if found.database_url is None and not (found.home / "visto.db").is_file():
        raise CommandError(
            f"There is no database in {found.home.absolute()}.",
            exit_code=Exit.UNREACHABLE,
            code="no_database",
            remedy="Start with `visto dev`, or set VISTO_HOME or VISTO_DATABASE_URL.",
        )
    if not status(found.database).ready:
        raise CommandError(
            "The database needs an upgrade.",
            exit_code=Exit.UNREACHABLE,
            code="upgrade",
            remedy="Run `visto database upgrade`.",
        )
    keys = keyring(found)
    db = Database(found.database)
    try:
        yield Local(found, db, Journal(keys))
    finally:
        db.close()
