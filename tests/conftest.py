"""What every test may ask for: a database of each dialect, a journal, and a clock that stands still."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clock import FakeClock
from tests.support.postgres import Postgres
from tests.support.temporal import TemporalServer
from workflows.journal.keyring import Keyring
from workflows.journal.records import Journal
from workflows.store import migrate
from workflows.store.db import Database


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The session's server, started by the first test that needs it."""
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture
def pg_url(postgres: Postgres) -> str:
    """A PostgreSQL database with the current schema and no rows. Leave its schema as it is."""
    return postgres.fresh()


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "visto.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """A SQLite database with the current schema, of this test alone."""
    path = tmp_path / "visto.db"
    shutil.copy(_sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The test runs once on each dialect."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "pg_url")
    return url


@pytest.fixture
def database(store_url: str, clock: FakeClock) -> Iterator[Database]:
    """An open store, once on each dialect; its time is ``clock``'s."""
    db = Database(store_url, clock=clock)
    yield db
    db.close()


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(bytes(range(32)))


@pytest.fixture
def journal(keyring: Keyring) -> Journal:
    return Journal(keyring)


@pytest.fixture(scope="session")
def temporal_server() -> Iterator[str]:
    """The address of a real Temporal server, shared by the session: use fresh workflow ids."""
    server = TemporalServer()
    yield server.address
    server.stop()
