"""The schema: what migrations make is what the code expects, on both dialects, whoever starts first."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tests.support.postgres import Postgres
from workflows.store import migrate, migrations
from workflows.store.db import Database, StoreUnavailable
from workflows.store.tables import metadata


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'visto.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    url = postgres.empty()
    yield url
    postgres.drop(url)


def _of(dialect: str) -> Callable[..., bool]:
    """Leave out an index that the code wants on the other dialect only."""

    def wanted(thing: object, _name: object, kind: str, _reflected: bool, _compared: object) -> bool:
        only = getattr(thing, "_ddl_if", None) if kind == "index" else None
        return only is None or only.dialect == dialect

    return wanted


def _differences(url: str) -> list[object]:
    db = Database(url)
    try:
        with db.reader.connect() as conn:
            opts = {"compare_type": True, "compare_server_default": False, "include_object": _of(conn.dialect.name)}
            context = MigrationContext.configure(conn, opts=opts)
            return list(compare_metadata(context, metadata))
    finally:
        db.close()


def test_migrations_make_exactly_the_tables_that_the_code_uses(store_url: str) -> None:
    """No table, column, index or unique constraint differs."""
    assert _differences(store_url) == []


def test_partial_and_unique_indexes_are_those_of_the_code(store_url: str) -> None:
    """The conditions of partial indexes, which the comparison above does not see, are equal too."""
    db = Database(store_url)
    made = sa.MetaData()
    made.reflect(db.reader)
    db.close()
    for table in metadata.sorted_tables:
        partial = {i.name for i in table.indexes if i.dialect_options["sqlite"]["where"] is not None}
        dialect = "sqlite" if store_url.startswith("sqlite") else "postgresql"
        found = {i.name for i in made.tables[table.name].indexes if i.dialect_options[dialect].get("where") is not None}
        assert found == partial, table.name


def test_the_head_constant_is_the_newest_migration() -> None:
    """The quick check and Alembic agree on what is newest."""
    folder = Path(migrations.__file__).parent
    assert ScriptDirectory(str(folder)).get_current_head() == migrations.HEAD


def test_an_empty_database_is_brought_up_and_said_to_be_ready(empty_url: str) -> None:
    assert migrate.status(empty_url) == migrate.Status(None, migrations.HEAD)
    assert migrate.upgrade(empty_url).ready
    assert migrate.status(empty_url).current == migrations.HEAD


def test_upgrading_again_changes_nothing_and_is_quick(store_url: str) -> None:
    """A start with nothing to do costs a query, far under 300 ms."""
    migrate.upgrade(store_url)
    start = time.perf_counter()
    assert migrate.upgrade(store_url).ready
    assert time.perf_counter() - start < 0.3


def test_nothing_to_do_does_not_even_import_alembic(sqlite_url: str) -> None:
    code = (
        "import sys; from workflows.store import migrate; "
        f"migrate.upgrade({sqlite_url!r}); assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_processes_that_start_at_once_do_not_collide(empty_url: str) -> None:
    """One does the work, the others wait for it; all end ready."""
    code = f"from workflows.store import migrate; assert migrate.upgrade({empty_url!r}).ready"

    def start(_: int) -> int:
        return subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(start, range(4))) == [0, 0, 0, 0]
    assert _differences(empty_url) == []


def test_a_schema_that_is_newer_than_the_code_is_left_alone(store_url: str) -> None:
    """Old code goes on beside new code: migrations only add."""
    db = Database(store_url)
    db.write_sync(lambda tx: tx.conn.execute(sa.text("update alembic_version set version_num = '9999'")))
    db.close()
    assert migrate.upgrade(store_url).ready
    assert migrate.status(store_url).current == "9999"


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty_url: str) -> None:
    """A table in the way stops the first migration; none of its other tables remain."""
    db = Database(empty_url)
    db.write_sync(lambda tx: tx.conn.execute(sa.text("create table audit_head (x integer)")))
    with pytest.raises(Exception, match="audit_head"):
        migrate.upgrade(empty_url)
    assert sa.inspect(db.reader).get_table_names() == ["audit_head"]
    db.close()


def test_a_file_that_is_no_database_is_named_with_its_remedy(tmp_path: Path) -> None:
    path = tmp_path / "visto.db"
    path.write_text("this is a letter, not a database; " * 100)
    with pytest.raises(StoreUnavailable) as caught:
        migrate.status(f"sqlite:///{path}")
    assert "backup" in caught.value.remedy


def test_a_server_that_is_not_there_is_named_with_its_remedy() -> None:
    with pytest.raises(StoreUnavailable) as caught:
        migrate.status("postgresql://nobody@127.0.0.1:1/none")
    assert "running" in caught.value.remedy
