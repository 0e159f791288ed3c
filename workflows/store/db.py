"""One database, two dialects: SQLite (WAL) on one machine, PostgreSQL in production.

A unit of work is a plain function of a ``Tx``; it awaits nothing, so a transaction can wait for nothing but the
database. ``Database.write`` runs it in a thread: on SQLite one writer thread with ``BEGIN IMMEDIATE`` (deferred
transactions that upgrade fail with "database is locked"), on PostgreSQL a small pool. Readers have their own engine.
Units that wait for SQLite's writer share a transaction, each in a savepoint of its own: see ``group_commit``.

Errors: ``StoreUnavailable`` (locked, full, unreachable; nothing was written or the outcome is unknown to the caller,
who repeats the same idempotent unit). Integrity errors pass through as SQLAlchemy's.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.pool import QueuePool, StaticPool

from workflows.store.group_commit import GroupCommit, Outcome

T = TypeVar("T")
Clock = Callable[[], datetime]

BUSY_TIMEOUT_MS = 10_000
PG_POOL = 8
RETRIES = 6
GROUP_S = 0.01
"""How long a shared transaction may take before it is committed with what it has."""
_RETRYABLE_SQLSTATES = frozenset({"40001", "40P01", "55P03"})  # serialization, deadlock, lock not available
_FULL = ("database or disk is full", "disk I/O error", "No space left")


class StoreUnavailable(Exception):
    """The store did not take the write or did not answer. ``remedy`` says what to look at."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Tx:
    """A running transaction: its connection and the one instant that counts as now for all it writes."""

    conn: sa.Connection
    now: datetime

    @property
    def is_postgres(self) -> bool:
        return self.conn.dialect.name == "postgresql"


class Database:
    """Opens ``url`` (``sqlite:///path`` or ``postgresql+psycopg://...``). Close it when done."""

    def __init__(self, url: str, *, clock: Clock = utc_now) -> None:
        self.url = normalise_url(url)
        self.is_sqlite = self.url.startswith("sqlite")
        self.clock = clock
        self.writer = _sqlite_engine(self.url, StaticPool) if self.is_sqlite else _pg_engine(self.url)
        self.reader = _sqlite_engine(self.url, QueuePool) if self.is_sqlite else _pg_reader(self.writer)
        # SQLite has one writing connection: whoever calls ``write_sync`` from another thread takes turns
        self._one_writer: AbstractContextManager[object] = Lock() if self.is_sqlite else nullcontext()
        self._write_pool = ThreadPoolExecutor(1 if self.is_sqlite else PG_POOL, thread_name_prefix="visto-db-write")
        self._group: GroupCommit[Callable[[Tx], Any]] = GroupCommit(self._write_pool, self._write_group)
        self._read_pool = ThreadPoolExecutor(4, thread_name_prefix="visto-db-read")

    async def write(self, unit: Callable[[Tx], T]) -> T:
        """Run ``unit`` in one transaction and return its result after the commit."""
        if self.is_sqlite:
            return cast("T", await self._group.write(unit))
        return await asyncio.get_running_loop().run_in_executor(self._write_pool, self.write_sync, unit)

    async def read(self, unit: Callable[[Tx], T]) -> T:
        """Run ``unit`` against one consistent snapshot. It must not write."""
        return await asyncio.get_running_loop().run_in_executor(self._read_pool, self.read_sync, unit)

    def write_sync(self, unit: Callable[[Tx], T]) -> T:
        return self._transact(lambda conn: unit(Tx(conn, self.clock())))

    def _write_group(self, units: Sequence[Callable[[Tx], Any]]) -> list[Outcome]:
        """Run the units, or as many of them as ``GROUP_S`` allows, and commit once. On SQLite only."""
        if len(units) == 1:
            return [self._alone(units[0])]
        try:
            return self._transact(lambda conn: self._each(conn, units))
        except (_Spoiled, IntegrityError):  # the latter is a deferred constraint at the commit: find out whose
            return [self._alone(unit) for unit in units]

    def _alone(self, unit: Callable[[Tx], Any]) -> Outcome:
        try:
            return Outcome(self.write_sync(unit))
        except BaseException as error:  # noqa: BLE001  it is the caller's
            return Outcome(error=error)

    def _each(self, conn: sa.Connection, units: Sequence[Callable[[Tx], Any]]) -> list[Outcome]:
        deadline = time.monotonic() + GROUP_S
        outcomes: list[Outcome] = []
        for unit in units:
            outcomes.append(_in_savepoint(conn, unit, self.clock))
            if time.monotonic() > deadline:
                break
        return outcomes

    def _transact(self, work: Callable[[sa.Connection], T]) -> T:
        for attempt in range(RETRIES):
            try:
                with self._one_writer, self.writer.begin() as conn:
                    return work(conn)
            except (OperationalError, DBAPIError) as error:
                if not _retryable(error) or attempt == RETRIES - 1:
                    raise _explained(error) from error
                time.sleep(random.uniform(0.5, 1.5) * 0.02 * 2**attempt)
        raise AssertionError

    def read_sync(self, unit: Callable[[Tx], T]) -> T:
        try:
            with self.reader.connect() as conn, conn.begin():
                return unit(Tx(conn, self.clock()))
        except (OperationalError, DBAPIError) as error:
            raise _explained(error) from error

    def close(self) -> None:
        self._write_pool.shutdown(wait=True)
        self._read_pool.shutdown(wait=True)
        self.writer.dispose()
        self.reader.dispose()


def normalise_url(url: str) -> str:
    """Accept the short forms people type (``postgres://``, ``postgresql://``) and pin the driver."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def _sqlite_engine(url: str, pool: type[sa.Pool]) -> sa.Engine:
    engine = sa.create_engine(
        url, poolclass=pool, connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000}
    )
    begin = "BEGIN IMMEDIATE" if pool is StaticPool else "BEGIN"

    @event.listens_for(engine, "connect")
    def configure(dbapi: Any, _record: object) -> None:
        dbapi.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
            dbapi.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def start(conn: sa.Connection) -> None:
        conn.exec_driver_sql(begin)

    return engine


def _pg_engine(url: str) -> sa.Engine:
    return sa.create_engine(url, pool_size=PG_POOL, max_overflow=4, pool_pre_ping=True)


def _pg_reader(writer: sa.Engine) -> sa.Engine:
    """The same pool; several statements of one ``read`` see one snapshot, and cannot write."""
    return writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


class _Spoiled(Exception):
    """SQLite rolled the whole transaction back (disk full, I/O error): each unit is to run by itself."""


def _in_savepoint(conn: sa.Connection, unit: Callable[[Tx], Any], clock: Clock) -> Outcome:
    """Run one unit of a shared transaction; what it wrote before it failed is undone, and nothing else."""
    driver: Any = conn.connection.driver_connection
    driver.execute("SAVEPOINT unit")
    try:
        value = unit(Tx(conn, clock()))
    except BaseException as error:
        if not driver.in_transaction:
            raise _Spoiled from error
        driver.execute("ROLLBACK TO unit")
        driver.execute("RELEASE unit")
        return Outcome(error=_told(error) if isinstance(error, DBAPIError) else error)
    driver.execute("RELEASE unit")
    return Outcome(value)


def _told(error: DBAPIError) -> Exception:
    """As ``raise _explained(error) from error`` would be caught."""
    explained = _explained(error)
    if explained is not error:
        explained.__cause__ = error
    return explained


def _retryable(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return state in _RETRYABLE_SQLSTATES or "database is locked" in str(error.orig)


def _explained(error: DBAPIError) -> Exception:
    text = str(error.orig)
    if any(sign in text for sign in _FULL):
        return StoreUnavailable(f"The store could not be written: {text}.", "Free disk space, then try again.")
    if "database is locked" in text:
        return StoreUnavailable("The store is locked by another program.", "Close what holds it, then try again.")
    if isinstance(error, OperationalError):
        return StoreUnavailable(f"The store did not answer: {text.strip()}.", "Check the database, then try again.")
    return error
