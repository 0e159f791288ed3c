"""Units that queue up behind SQLite's one writer share a transaction, and nobody can tell but by the speed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError

from workflows.store import db as store
from workflows.store.db import Database, StoreUnavailable, Tx
from workflows.store.group_commit import MAX_GROUP
from workflows.store.repositories import principals

NS = "default"


@pytest.fixture
def lite(sqlite_url: str, clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """SQLite, with groups that no busy machine cuts short."""
    monkeypatch.setattr(store, "GROUP_S", 60.0)
    made = Database(sqlite_url, clock=clock)
    yield made
    made.close()


def adding(name: str) -> Callable[[Tx], str]:
    def unit(tx: Tx) -> str:
        assert principals.create_group(tx, NS, name)
        return name

    return unit


def names(db: Database) -> list[str]:
    return db.read_sync(lambda tx: principals.list_groups(tx, NS))


@contextmanager
def counted_commits(db: Database) -> Iterator[list[int]]:
    commits: list[int] = []

    def note(_conn: sa.Connection) -> None:
        commits.append(1)

    sa.event.listen(db.writer, "commit", note)
    yield commits
    sa.event.remove(db.writer, "commit", note)


async def behind(db: Database, *units: Callable[[Tx], object]) -> list[object]:
    """Queue the units while the writer is held up, then let it go; returns values and exceptions in order."""
    entered, go = threading.Event(), threading.Event()

    def hold(_tx: Tx) -> None:
        entered.set()
        assert go.wait(10)

    held = asyncio.create_task(db.write(hold))
    await asyncio.to_thread(entered.wait, 10)
    waiting: list[Awaitable[object]] = [asyncio.ensure_future(db.write(unit)) for unit in units]
    await asyncio.sleep(0)
    go.set()
    await held
    return await asyncio.gather(*waiting, return_exceptions=True)


async def test_units_that_queued_up_share_one_commit_and_keep_their_order(lite):
    ran: list[int] = []
    with counted_commits(lite) as commits:
        answers = await behind(lite, *(lambda _tx, n=n: ran.append(n) or n for n in range(10)))
    assert answers == ran == list(range(10))
    assert len(commits) == 2  # the one that held the writer, and everybody else


async def test_a_unit_alone_has_its_own_transaction_without_a_savepoint(lite):
    seen: list[str] = []

    def unit(tx: Tx) -> None:
        tx.conn.connection.driver_connection.set_trace_callback(seen.append)
        adding("only")(tx)

    with counted_commits(lite) as commits:
        await lite.write(unit)
    assert len(commits) == 1
    assert any(text.startswith("INSERT") for text in seen)
    assert not any("SAVEPOINT" in text for text in seen)


async def test_more_than_a_group_takes_several_commits(lite):
    with counted_commits(lite) as commits:
        await behind(lite, *(adding(f"g{n:03}") for n in range(MAX_GROUP * 2 + 1)))
    assert len(commits) == 4
    assert len(names(lite)) == MAX_GROUP * 2 + 1


async def test_a_failing_unit_undoes_itself_alone_and_its_caller_alone_is_told(database):
    """On PostgreSQL each has its own transaction, and it reads the same."""

    def failing(tx: Tx) -> None:
        adding("half")(tx)
        raise LookupError("changed my mind")

    answers = await behind(database, adding("a"), failing, adding("b"))
    assert (answers[0], answers[2]) == ("a", "b")
    assert isinstance(answers[1], LookupError)
    assert names(database) == ["a", "b"]


async def test_a_broken_constraint_and_a_wrong_statement_hurt_nobody_else(lite):
    def twice(tx: Tx) -> None:
        row = {"id": "same", "namespace": NS, "name": "twice", "created_at": "2026-01-01"}
        for _ in range(2):
            tx.conn.exec_driver_sql(
                "insert into groups (id, namespace, name, created_at) values (:id, :namespace, :name, :created_at)", row
            )

    def nonsense(tx: Tx) -> None:
        adding("half")(tx)
        tx.conn.exec_driver_sql("select * from nowhere")

    answers = await behind(lite, adding("a"), twice, nonsense, adding("b"))
    assert isinstance(answers[1], IntegrityError)
    assert isinstance(answers[2], StoreUnavailable)
    assert isinstance(answers[2].__cause__, OperationalError)
    assert names(lite) == ["a", "b"]


async def test_savepoints_of_a_unit_work_inside_the_shared_transaction(lite):
    def unit(tx: Tx) -> str:
        with suppress(LookupError), tx.conn.begin_nested():
            adding("inner")(tx)
            raise LookupError
        return adding("outer")(tx)

    assert await behind(lite, adding("a"), unit, adding("b")) == ["a", "outer", "b"]
    assert names(lite) == ["a", "b", "outer"]


async def test_a_commit_that_fails_is_everybodys_failure_and_nothing_is_written(lite):
    def broken(_conn: sa.Connection) -> None:
        raise OperationalError("COMMIT", None, Exception("disk I/O error"))

    def last(tx: Tx) -> str:
        sa.event.listen(lite.writer, "commit", broken, once=True)
        return adding("c")(tx)

    answers = await behind(lite, adding("a"), adding("b"), last)
    assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
    assert names(lite) == []
    assert await lite.write(adding("later")) == "later"


async def test_a_constraint_that_breaks_at_the_commit_is_its_units_own_failure(lite):
    def make(tx: Tx) -> None:
        tx.conn.exec_driver_sql("create table parent (id integer primary key)")
        tx.conn.exec_driver_sql("create table child (p references parent(id) deferrable initially deferred)")

    await lite.write(make)
    orphan = "insert into child values (7)"
    answers = await behind(lite, adding("a"), lambda tx: tx.conn.exec_driver_sql(orphan) and None, adding("b"))
    assert isinstance(answers[1], IntegrityError)
    assert (answers[0], answers[2], names(lite)) == ("a", "b", ["a", "b"])


async def test_a_full_disk_refuses_those_that_do_not_fit_and_keeps_those_that_do(lite):
    def fill(tx: Tx) -> None:
        pages = tx.conn.exec_driver_sql("pragma page_count").scalar_one()
        tx.conn.exec_driver_sql(f"pragma max_page_count = {pages + 4}")
        adding("x" * 200_000)(tx)

    answers = await behind(lite, adding("a"), fill, adding("b"))
    assert isinstance(answers[1], StoreUnavailable)
    assert "full" in str(answers[1])
    assert (answers[0], answers[2], names(lite)) == ("a", "b", ["a", "b"])


async def test_each_unit_has_its_own_now(lite, clock):
    start = clock()

    def unit(tx: Tx) -> timedelta:
        clock.advance(1)
        return tx.now - start

    assert await behind(lite, *[unit] * 3) == [timedelta(seconds=n) for n in range(3)]


async def test_a_slow_unit_is_committed_before_the_rest_goes_on(lite, monkeypatch):
    """What is done is told after ``GROUP_S``, however much stands in the queue."""
    monkeypatch.setattr(store, "GROUP_S", -1.0)
    with counted_commits(lite) as commits:
        answers = await behind(lite, *(adding(f"g{n}") for n in range(4)))
    assert answers == names(lite) == ["g0", "g1", "g2", "g3"]
    assert len(commits) == 5


async def test_a_unit_whose_caller_gave_up_while_it_was_queued_does_not_run(lite):
    entered, go = threading.Event(), threading.Event()
    held = asyncio.create_task(lite.write(lambda _tx: entered.set() or go.wait(10)))
    await asyncio.to_thread(entered.wait, 10)
    leaving = asyncio.create_task(lite.write(adding("left")))
    staying = asyncio.create_task(lite.write(adding("stayed")))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    go.set()
    await asyncio.gather(held, staying)
    assert names(lite) == ["stayed"]


async def test_threads_and_coroutines_write_at_once_and_nothing_is_lost(database):
    with ThreadPoolExecutor(4) as pool:
        threads = [pool.submit(database.write_sync, adding(f"t{n:02}")) for n in range(40)]
        await asyncio.gather(*(database.write(adding(f"c{n:02}")) for n in range(40)))
        for thread in threads:
            thread.result()
    assert len(names(database)) == 80


def test_several_loops_share_the_writer(lite):
    async def some(prefix: str) -> None:
        await asyncio.gather(*(lite.write(adding(f"{prefix}{n}")) for n in range(10)))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda prefix: asyncio.run(some(prefix)), "abc"))
    assert len(names(lite)) == 30


async def test_closing_finishes_what_was_queued(sqlite_url):
    db = Database(sqlite_url)
    tasks = [asyncio.create_task(db.write(adding(f"g{n}"))) for n in range(50)]
    await asyncio.sleep(0)
    await asyncio.to_thread(db.close)
    await asyncio.gather(*tasks)
    with pytest.raises(RuntimeError):
        await db.write(adding("late"))


KILLED = """
import asyncio, sys
from workflows.store.db import Database
from workflows.store.repositories import principals

async def main():
    db = Database(sys.argv[1])
    async def one(n):
        await db.write(lambda tx: principals.create_group(tx, "default", f"g{n}"))
        print(f"g{n}", flush=True)
    await asyncio.gather(*(one(n) for n in range(100_000)))

asyncio.run(main())
"""


def test_what_was_acknowledged_survives_a_kill(sqlite_url):
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, sqlite_url], stdout=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        assert process.stdout is not None
        told = [process.stdout.readline().strip() for _ in range(100)]
        process.send_signal(signal.SIGKILL)
        told += [line.strip() for line in process.stdout if line.endswith("\n")]
    db = Database(sqlite_url)
    kept = set(names(db))
    db.close()
    assert len(told) >= 100
    assert set(told) <= kept
