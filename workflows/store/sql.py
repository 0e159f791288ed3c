"""What the repositories share: rows as dataclasses, and the inserts that tolerate an existing row.

Statements are built once (module constants or ``lru_cache``); those of the hot transactions are ``Prepared``, so that a
call costs its parameters and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from workflows.store.db import Tx
from workflows.store.prepared import Prepared

T = TypeVar("T")

Statement = sa.Executable | Prepared
Values = Mapping[str, Any]


def columns(table: sa.Table, cls: type[Any]) -> list[sa.Column[Any]]:
    """The table's columns in the order of the dataclass's fields, so that ``cls(*row)`` is the row."""
    return [table.c[field.name] for field in fields(cls)]


def one(tx: Tx, cls: type[T], statement: Statement, params: Values) -> T | None:
    """The only row as ``cls``, or None."""
    if isinstance(statement, Prepared):
        found = statement.row(tx, params)
        return None if found is None else cls(*found)
    row = tx.conn.execute(statement, params).one_or_none()
    return None if row is None else cls(*row)


def many(tx: Tx, cls: type[T], statement: Statement, params: Values) -> list[T]:
    if isinstance(statement, Prepared):
        return [cls(*row) for row in statement.rows(tx, params)]
    return [cls(*row) for row in tx.conn.execute(statement, params)]


def changed(tx: Tx, statement: Statement, params: Values) -> int:
    """Execute a write and return how many rows it touched."""
    if isinstance(statement, Prepared):
        return statement.change(tx, params)
    return tx.conn.execute(statement, params).rowcount


def insert_ignore(tx: Tx, table: sa.Table, values: Values, conflict: Sequence[str] = ()) -> bool:
    """Insert unless a row with the same ``conflict`` columns exists (without columns: any unique index).

    Returns whether it was inserted.
    """
    return _ignore(table, tx.is_postgres, tuple(conflict)).change(tx, values) == 1


def upsert(tx: Tx, table: sa.Table, values: Values, conflict: Sequence[str], update: Sequence[str]) -> None:
    """Insert, or overwrite the ``update`` columns of the row that has the same ``conflict`` columns."""
    _upsert(table, tx.is_postgres, tuple(conflict), tuple(update)).change(tx, values)


@lru_cache
def _ignore(table: sa.Table, is_postgres: bool, conflict: tuple[str, ...]) -> Prepared:
    insert = postgresql.insert if is_postgres else sqlite.insert
    return Prepared(insert(table).on_conflict_do_nothing(index_elements=conflict or None))


@lru_cache
def _upsert(table: sa.Table, is_postgres: bool, conflict: tuple[str, ...], update: tuple[str, ...]) -> Prepared:
    statement: Any = (postgresql.insert if is_postgres else sqlite.insert)(table)
    return Prepared(
        statement.on_conflict_do_update(
            index_elements=conflict, set_={name: statement.excluded[name] for name in update}
        )
    )
