"""What the repositories share: rows as dataclasses, and the inserts that tolerate an existing row.

Statements are built once (module constants or ``lru_cache``), so a call costs its parameters and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from workflows.store.db import Tx

T = TypeVar("T")

Statement = sa.Executable
Values = Mapping[str, Any]


def columns(table: sa.Table, cls: type[Any]) -> list[sa.Column[Any]]:
    """The table's columns in the order of the dataclass's fields, so that ``cls(*row)`` is the row."""
    return [table.c[field.name] for field in fields(cls)]


def one(tx: Tx, cls: type[T], statement: Statement, params: Values) -> T | None:
    """The only row as ``cls``, or None."""
    row = tx.conn.execute(statement, params).one_or_none()
    return None if row is None else cls(*row)


def many(tx: Tx, cls: type[T], statement: Statement, params: Values) -> list[T]:
    return [cls(*row) for row in tx.conn.execute(statement, params)]


def changed(tx: Tx, statement: Statement, params: Values) -> int:
    """Execute a write and return how many rows it touched."""
    return tx.conn.execute(statement, params).rowcount


def insert_ignore(tx: Tx, table: sa.Table, values: Values, conflict: Sequence[str] = ()) -> bool:
    """Insert unless a row with the same ``conflict`` columns exists (without columns: any unique index).

    Returns whether it was inserted.
    """
    return changed(tx, _ignore(table, tx.is_postgres, tuple(conflict)), values) == 1


def upsert(tx: Tx, table: sa.Table, values: Values, conflict: Sequence[str], update: Sequence[str]) -> None:
    """Insert, or overwrite the ``update`` columns of the row that has the same ``conflict`` columns."""
    tx.conn.execute(_upsert(table, tx.is_postgres, tuple(conflict), tuple(update)), values)


@lru_cache
def _ignore(table: sa.Table, is_postgres: bool, conflict: tuple[str, ...]) -> Statement:
    insert = postgresql.insert if is_postgres else sqlite.insert
    statement = insert(table).on_conflict_do_nothing(index_elements=conflict or None)
    # psycopg forgets the count of an INSERT unless asked to keep it
    return statement.execution_options(preserve_rowcount=True)


@lru_cache
def _upsert(table: sa.Table, is_postgres: bool, conflict: tuple[str, ...], update: tuple[str, ...]) -> Statement:
    statement: Any = (postgresql.insert if is_postgres else sqlite.insert)(table)
    return statement.on_conflict_do_update(  # type: ignore[no-any-return]
        index_elements=conflict, set_={name: statement.excluded[name] for name in update}
    )
