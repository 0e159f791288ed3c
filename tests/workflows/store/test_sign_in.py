"""Sessions, links and passwords in the store: what is kept, for how long, and who is first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from tests.support.clock import FakeClock
from workflows.store.db import Database
from workflows.store.refusals import NotFound
from workflows.store.repositories import passwords, principals, sessions, sign_in_links
from workflows.store.repositories.sessions import IDLE, KEPT, LIFE
from workflows.store.tables import sessions as sessions_table

NS = "sales"


@pytest.fixture
def ana(database: Database) -> str:
    return database.write_sync(lambda tx: principals.create_person(tx, NS, "Ana", "ana@example.com")).id


def opened(database: Database, who: str) -> tuple[sessions.Session, str]:
    return database.write_sync(lambda tx: sessions.create(tx, NS, who, method="password", device="Firefox on Linux"))


def found(database: Database, token: str) -> sessions.Session | None:
    return database.read_sync(lambda tx: sessions.authenticate(tx, NS, token))


def test_a_session_is_found_by_its_token_until_it_ends(database: Database, ana: str) -> None:
    session, token = opened(database, ana)
    assert found(database, token) == session
    assert found(database, token + "x") is None
    assert database.write_sync(lambda tx: sessions.end(tx, NS, ana, session.id))
    assert found(database, token) is None
    assert not database.write_sync(lambda tx: sessions.end(tx, NS, ana, session.id))


def test_a_use_is_noted_once_a_minute_and_moves_the_idle_end(database: Database, ana: str, clock: FakeClock) -> None:
    session, token = opened(database, ana)
    assert not session.use_is_due(clock.now)
    clock.advance(timedelta(minutes=2))
    assert session.use_is_due(clock.now)
    assert database.write_sync(lambda tx: sessions.touch(tx, NS, session.id))
    assert not database.write_sync(lambda tx: sessions.touch(tx, NS, session.id))
    used = found(database, token)
    assert used is not None
    assert used.ends_at == clock.now + IDLE


def test_no_use_moves_the_end_of_its_life_and_none_revives_it(database: Database, ana: str, clock: FakeClock) -> None:
    session, token = opened(database, ana)
    end = clock.now + LIFE
    while clock.now + timedelta(hours=11) < end:
        clock.advance(timedelta(hours=11))
        assert database.write_sync(lambda tx: sessions.touch(tx, NS, session.id))
    last = found(database, token)
    assert last is not None
    assert last.ends_at == end
    clock.now = end
    assert found(database, token) is None
    assert not database.write_sync(lambda tx: sessions.touch(tx, NS, session.id))


def test_sessions_long_over_are_cleared_when_the_person_signs_in(
    database: Database, ana: str, clock: FakeClock
) -> None:
    opened(database, ana)
    clock.advance(LIFE + KEPT + timedelta(seconds=1))
    session, _ = opened(database, ana)
    kept = database.read_sync(lambda tx: tx.conn.execute(sa.select(sessions_table.c.id)).scalars().all())
    assert kept == [session.id]


def test_one_of_many_uses_a_link(database: Database, ana: str) -> None:
    link, token = database.write_sync(lambda tx: sign_in_links.create(tx, NS, ana, "sign-in", life=timedelta(hours=1)))
    with ThreadPoolExecutor(8) as pool:
        used = list(pool.map(lambda _: database.write_sync(lambda tx: sign_in_links.use(tx, NS, link.id)), range(16)))
    assert sorted(used) == [False] * 15 + [True]
    assert database.read_sync(lambda tx: sign_in_links.find(tx, NS, token)) is None


def test_a_rehash_loses_against_a_new_password(database: Database, ana: str) -> None:
    database.write_sync(lambda tx: passwords.put(tx, NS, ana, "old"))
    assert database.write_sync(lambda tx: passwords.rehash(tx, NS, ana, "old", "old, better kept"))
    database.write_sync(lambda tx: passwords.put(tx, NS, ana, "new"))
    assert not database.write_sync(lambda tx: passwords.rehash(tx, NS, ana, "old, better kept", "older"))
    assert database.read_sync(lambda tx: passwords.hash_of(tx, NS, ana)) == "new"


def test_nothing_is_kept_for_people_who_are_not_there(database: Database) -> None:
    for unit in (
        lambda tx: sessions.create(tx, NS, "nobody", method="link", device="x"),
        lambda tx: sign_in_links.create(tx, NS, "nobody", "dev", life=timedelta(hours=1)),
        lambda tx: passwords.put(tx, NS, "nobody", "hash"),
    ):
        with pytest.raises(NotFound):
            database.write_sync(unit)
