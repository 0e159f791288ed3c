"""How SQLite goes about what a unit of work reads: which indexes, and what it goes through row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from workflows.store.db import Database, Tx


def plans(db: Database, unit: Callable[[Tx], object]) -> list[str]:
    """The steps of every query that ``unit`` makes, in order, as ``EXPLAIN QUERY PLAN`` words them."""
    assert db.is_sqlite, "plans of PostgreSQL depend on what is in the tables"
    with _heard(db.reader) as asked:
        db.read_sync(unit)
    with db.reader.connect() as conn:
        return [
            str(row[-1])
            for text, params in asked
            if not text.lower().startswith("begin")
            for row in conn.exec_driver_sql(f"explain query plan {text}", params)
        ]


@contextmanager
def _heard(engine: sa.Engine) -> Iterator[list[tuple[str, Any]]]:
    asked: list[tuple[str, Any]] = []

    def hear(_conn: object, _cursor: object, text: str, params: Any, _context: object, _many: object) -> None:
        asked.append((text, params))

    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", hear)
