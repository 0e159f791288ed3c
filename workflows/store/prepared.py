"""Statements that are compiled once and run on the driver itself.

SQLAlchemy builds a statement, caches its text and then spends ten times what the database needs on every execution. For
the statements of the hot transactions that text is kept, with the same conversions of parameters and columns, and handed
to the driver directly. Everything else (transactions, errors, pools) stays SQLAlchemy's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

from workflows.store.db import Tx

Values = Mapping[str, Any]
_Convert = Callable[[Any], Any]
_SHAPES = 32
"""How many sets of columns one update may come with before they are forgotten; there are a handful."""


@dataclass(slots=True)
class _Text:
    """One compiled form: the text, the parameters it takes in order, and, once it has run, the columns to convert."""

    sql: str
    names: tuple[str, ...]
    fixed: Mapping[str, Any]
    given: Mapping[str, _Convert]
    positional: bool
    found: tuple[tuple[int, _Convert], ...] | None = None

    def arguments(self, values: Values) -> Any:
        bound = {**self.fixed, **values} if self.fixed else values
        given = self.given
        if self.positional:
            return [given[name](bound[name]) if name in given else bound[name] for name in self.names]
        return {name: given[name](bound[name]) if name in given else bound[name] for name in self.names}

    def row(self, raw: Sequence[Any]) -> Sequence[Any]:
        if not self.found:
            return raw
        row = list(raw)
        for index, convert in self.found:
            row[index] = convert(row[index])
        return row


class Prepared:
    """A statement without lists of unknown length. An update or insert takes the columns that its values name."""

    def __init__(self, statement: sa.SelectBase | sa.Insert | sa.Update | sa.Delete) -> None:
        self._statement = statement
        self._texts: dict[Any, _Text] = {}

    def rows(self, tx: Tx, values: Values) -> list[Sequence[Any]]:
        """Every row, its columns converted as SQLAlchemy does."""
        text = self._text(tx, values)
        found = self._found(tx, text, values).fetchall()
        return [text.row(row) for row in found] if text.found else found

    def row(self, tx: Tx, values: Values) -> Sequence[Any] | None:
        """The first row, or None."""
        text = self._text(tx, values)
        found = self._found(tx, text, values).fetchone()
        return None if found is None else text.row(found)

    def value(self, tx: Tx, values: Values) -> Any:
        """The first column of the first row, or None."""
        found = self.row(tx, values)
        return None if found is None else found[0]

    def change(self, tx: Tx, values: Values) -> int:
        """Run a write; returns how many rows it touched."""
        return int(_run(tx, self._text(tx, values), values).rowcount)

    def change_each(self, tx: Tx, values: Sequence[Values]) -> None:
        """Run a write once for each; all name the same columns."""
        if len(values) == 1:
            self.change(tx, values[0])
            return
        text = self._text(tx, values[0])
        _run_each(tx, text, [text.arguments(each) for each in values])

    def _found(self, tx: Tx, text: _Text, values: Values) -> Any:
        cursor = _run(tx, text, values)
        if text.found is None:
            text.found = _conversions(self._statement, tx.conn.dialect, cursor.description)
        return cursor

    def _text(self, tx: Tx, values: Values) -> _Text:
        key = (tx.is_postgres, tuple(values))
        text = self._texts.get(key)
        if text is None:
            if len(self._texts) >= _SHAPES:
                self._texts.clear()
            text = self._texts[key] = _compiled(self._statement, tx.conn.dialect, list(values))
        return text


def _compiled(statement: Any, dialect: sa.Dialect, names: list[str]) -> _Text:
    written = isinstance(statement, sa.Insert | sa.Update)
    compiled: SQLCompiler = statement.compile(dialect=dialect, column_keys=names if written else None)
    state = compiled.construct_expanded_state(dict.fromkeys(names))
    binds = tuple(state.positiontup if state.positiontup is not None else state.parameters)
    return _Text(
        sql=state.statement,
        names=binds,
        fixed={name: value for name, value in state.parameters.items() if name not in names},
        given=_processors(compiled, dialect),
        positional=state.positiontup is not None,
    )


def _processors(compiled: SQLCompiler, dialect: sa.Dialect) -> dict[str, _Convert]:
    converts = (
        (name, bind.type.dialect_impl(dialect).bind_processor(dialect)) for name, bind in compiled.binds.items()
    )
    return {name: convert for name, convert in converts if convert is not None}


def _conversions(statement: Any, dialect: sa.Dialect, description: Any) -> tuple[tuple[int, _Convert], ...]:
    """What SQLAlchemy does to each column; ``description`` is the driver's, with the types that the database gave."""
    found = []
    for index, column in enumerate(statement.exported_columns):
        convert = column.type.dialect_impl(dialect).result_processor(dialect, description[index][1])
        if convert is not None:
            found.append((index, convert))
    return tuple(found)


def _run(tx: Tx, text: _Text, values: Values) -> Any:
    """The driver's cursor."""
    arguments = text.arguments(values)
    try:
        return _driver(tx).execute(text.sql, arguments)
    except tx.conn.dialect.loaded_dbapi.Error as error:
        raise _explained(tx, text, arguments, error) from error


def _run_each(tx: Tx, text: _Text, arguments: list[Any]) -> None:
    try:
        _driver(tx).cursor().executemany(text.sql, arguments)
    except tx.conn.dialect.loaded_dbapi.Error as error:
        raise _explained(tx, text, arguments, error) from error


def _driver(tx: Tx) -> Any:
    return tx.conn.connection.driver_connection


def _explained(tx: Tx, text: _Text, arguments: Any, error: Exception) -> BaseException:
    """What SQLAlchemy would have raised; a connection that was lost does not go back to the pool."""
    dialect = tx.conn.dialect
    lost = dialect.is_disconnect(cast("Any", error), cast("Any", _driver(tx)), None)
    if lost:
        tx.conn.invalidate(error)
    return DBAPIError.instance(
        text.sql, arguments, error, dialect.loaded_dbapi.Error, connection_invalidated=lost, dialect=dialect
    )
