"""Prepared statements say and hear exactly what SQLAlchemy would; only the way there is shorter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.exc import IntegrityError

from tests.support.rows import NS
from workflows.store.db import Database, StoreUnavailable, Tx
from workflows.store.prepared import Prepared
from workflows.store.tables import audit_blob, leases

AT = datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)
ROW: dict[str, Any] = {
    "id": "1", "namespace": NS, "kind": "slot", "key": "k", "owner": "ä'; drop table leases --%s", "amount": 0.1,
    "created_at": AT, "until": None, "meta": {"list": [1, None, "\0"], "text": "%(name)s"},
}  # fmt: skip
INSERT = Prepared(leases.insert())
SELECT = sa.select(leases).where(leases.c.namespace == bindparam("ns"), leases.c.kind.in_(("slot", "idle")))
UPDATE = Prepared(leases.update().where(leases.c.id == bindparam("this")))


def test_what_is_written_and_read_is_what_sqlalchemy_writes_and_reads(database: Database) -> None:
    """Texts that look like SQL or parameters, floats, instants, JSON and NULL."""

    def both(tx: Tx) -> None:
        INSERT.change(tx, ROW)
        tx.conn.execute(leases.insert(), {**ROW, "id": "2", "key": "k2"})
        ours, theirs = Prepared(SELECT).rows(tx, {"ns": NS}), tx.conn.execute(SELECT, {"ns": NS}).all()
        assert sorted(map(tuple, ours)) == sorted(map(tuple, theirs))
        assert {**ROW, "id": "2", "key": "k2"} in [dict(zip(leases.c.keys(), row, strict=True)) for row in ours]

    database.write_sync(both)


def test_bytes_come_back_as_bytes(database: Database) -> None:
    blob = {"event_id": "e", "namespace": NS, "subject": "s", "key_id": "k", "nonce": b"\0\1", "ciphertext": b"\xff%s"}

    def both(tx: Tx) -> None:
        Prepared(audit_blob.insert()).change(tx, blob)
        row = Prepared(sa.select(audit_blob)).row(tx, {})
        assert row is not None
        assert dict(zip(audit_blob.c.keys(), row, strict=True)) == blob

    database.write_sync(both)


def test_an_update_changes_the_columns_it_is_given_and_counts_its_rows(database: Database) -> None:
    def several(tx: Tx) -> None:
        INSERT.change_each(tx, [ROW, {**ROW, "id": "2", "key": "k2"}])
        assert UPDATE.change(tx, {"this": "1", "amount": 2.5}) == 1
        assert UPDATE.change(tx, {"this": "1", "until": AT, "meta": None}) == 1
        assert UPDATE.change(tx, {"this": "nobody", "amount": 1.0}) == 0
        by_id = Prepared(
            sa.select(leases.c.amount, leases.c.until, leases.c.meta).where(leases.c.id == bindparam("this"))
        )
        assert tuple(by_id.row(tx, {"this": "1"}) or ()) == (2.5, AT, None)
        assert by_id.value(tx, {"this": "2"}) == 0.1
        assert by_id.row(tx, {"this": "3"}) is None

    database.write_sync(several)


def test_a_broken_constraint_is_sqlalchemys_error(database: Database) -> None:
    database.write_sync(lambda tx: INSERT.change(tx, ROW))
    with pytest.raises(IntegrityError):
        database.write_sync(lambda tx: INSERT.change(tx, ROW))
    with pytest.raises(IntegrityError):
        database.write_sync(lambda tx: INSERT.change_each(tx, [{**ROW, "id": "2", "key": "a"}, ROW]))
    assert len(database.read_sync(lambda tx: Prepared(SELECT).rows(tx, {"ns": NS}))) == 1


def test_a_connection_that_is_lost_is_not_used_again(pg_url: str) -> None:
    """The database ends the session in the middle: the store was not available, and the next unit finds it again."""
    database = Database(pg_url)

    def ended(tx: Tx) -> None:
        mine = tx.conn.exec_driver_sql("select pg_backend_pid()").scalar_one()
        with database.writer.connect() as other:
            other.exec_driver_sql(f"select pg_terminate_backend({mine})")
        INSERT.change(tx, ROW)

    with pytest.raises(StoreUnavailable):
        database.write_sync(ended)
    database.write_sync(lambda tx: INSERT.change(tx, ROW))
    database.close()
