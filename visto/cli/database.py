"""``visto database``: bring the store's tables up to date."""

from __future__ import annotations

from typing import Annotated

import typer

from visto.cli.output import note

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Bring the database up to date.", rich_markup_mode=None
)


@app.callback()
def group() -> None:
    """Bring the database up to date."""


@app.command()
def upgrade(
    dev_access: Annotated[
        bool, typer.Option("--dev-access", help="Also make the local developer and their key.")
    ] = False,
) -> None:
    """Create or migrate the tables; does nothing when they are up to date.

    Example: VISTO_DATABASE_URL=postgresql://visto@db/visto visto database upgrade
    """
    from workflows.settings import Settings
    from workflows.store.db import Database
    from workflows.store.migrate import upgrade as migrate

    settings = Settings()
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    migrate(settings.database)
    if dev_access:
        from visto.dev_access import ensure

        database = Database(settings.database)
        try:
            ensure(database, settings.home, settings.namespace)
        finally:
            database.close()
    note("The database is up to date.")
