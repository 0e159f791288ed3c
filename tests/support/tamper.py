"""Changes journal rows behind the triggers' back, as somebody with the database's password could."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from workflows.store.db import Database, Tx

_SQLITE = ("audit_event_no_update", "audit_event_no_delete")


def run(db: Database, sql: str, **params: Any) -> int:
    """Execute ``sql`` with the journal's triggers out of the way; returns the rows touched."""

    def unit(tx: Tx) -> int:
        if tx.is_postgres:
            tx.conn.execute(sa.text("set local session_replication_role = replica"))
            return tx.conn.execute(sa.text(sql), params).rowcount
        made = tx.conn.execute(sa.text("select sql from sqlite_master where type = 'trigger'")).scalars().all()
        for name in _SQLITE:
            tx.conn.execute(sa.text(f"drop trigger {name}"))
        touched = tx.conn.execute(sa.text(sql), params).rowcount
        for statement in made:
            tx.conn.exec_driver_sql(statement)
        return touched

    return db.write_sync(unit)
