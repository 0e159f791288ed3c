"""Bring a database to the schema that this code needs, safely when several processes start at once.

The version is checked before Alembic is imported, so that a start with nothing to do costs one query.
A schema that is newer than the code is left alone: migrations only add, so that two versions can run side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, OperationalError

from workflows.store.db import Database, StoreUnavailable, Tx
from workflows.store.migrations import HEAD

_VERSION = sa.text("select version_num from alembic_version")
_LOCK = sa.text("select pg_advisory_xact_lock(hashtextextended('visto migrations', 0))")


@dataclass(frozen=True, slots=True)
class Status:
    """``current`` is None for an empty database."""

    current: str | None
    head: str

    @property
    def ready(self) -> bool:
        """Whether this code can run on the database."""
        return self.current is not None and self.current >= self.head


def status(url: str) -> Status:
    """Read the schema's version. Raises ``StoreUnavailable``."""
    db = Database(url)
    try:
        return Status(_current(db), HEAD)
    finally:
        db.close()


def upgrade(url: str) -> Status:
    """Apply what is missing and return the status after it. Raises ``StoreUnavailable``; a failed step undoes itself."""
    db = Database(url)
    try:
        if not Status(_current(db), HEAD).ready:
            db.write_sync(_upgrade)
        return Status(_current(db), HEAD)
    finally:
        db.close()


def _current(db: Database) -> str | None:
    try:
        with db.reader.connect() as conn:
            if not sa.inspect(conn).has_table("alembic_version"):
                return None
            version: str | None = conn.execute(_VERSION).scalar_one_or_none()
            return version
    except OperationalError as error:
        message = f"The store did not answer: {str(error.orig).strip()}."
        raise StoreUnavailable(message, "Check the database's address and that it is running.") from error
    except DatabaseError as error:
        message = f"The store is not a database that can be read: {str(error.orig).strip()}."
        raise StoreUnavailable(
            message, "Check the address; restore the file from a backup if it was damaged."
        ) from error


def _upgrade(tx: Tx) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    if tx.is_postgres:
        tx.conn.execute(_LOCK)
    folder = Path(__file__).parent / "migrations"
    script = ScriptDirectory(str(folder))
    context = EnvironmentContext(
        Config(),
        script,
        fn=lambda revision, _context: script._upgrade_revs(HEAD, revision),  # noqa: SLF001 - as its own command does
        destination_rev=HEAD,
    )
    with context:
        context.configure(connection=tx.conn)
        context.run_migrations()
