"""Personal links: looking changes nothing, using signs in or sets a password, and most work once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.api.conftest import NS, OTHER
from tests.api.console.conftest import PASSWORD, records
from workflows.store.repositories import passwords, principals
from workflows.usecases.sign_in_links import make

NEW = "seven purple boats at noon"


@pytest.fixture
def link(database, journal, callers):
    """``link("viewer", "sign-in")`` is the path of a new link."""

    def made(who: str, purpose: str, *, hours: float = 1) -> str:
        where, life = OTHER if who == "other" else NS, timedelta(hours=hours)
        return database.write_sync(
            lambda tx: make(tx, journal, where, callers.ids[who], purpose, life=life, via="cli")
        )[0]

    return made


async def test_a_link_signs_in_once(browser, link):
    path, one, two = link("viewer", "sign-in"), await browser(), await browser()
    answer = await one.post(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "Sign-in link" in (await one.get("/account")).text
    answer = await two.post(path)
    assert (answer.status_code, "link_not_valid" in answer.text) == (410, True)
    assert not await two.signed_in()


async def test_programs_that_open_every_link_change_nothing(browser, link, database):
    """Mail scanners look; only the button acts."""
    paths = [link("viewer", "sign-in"), link("viewer", "password"), link("author", "dev")]
    one = await browser()
    for path in paths * 5:
        page = await one.get(path)
        assert page.status_code == 200
        assert f'<form method="post" action="{path}"' in page.text
        assert "set-cookie" not in page.headers
        assert (await one.client.head(path)).status_code == 405
    assert records(database, "auth.signed_in") == []
    assert (await one.post(paths[0])).status_code == 303


async def test_the_page_says_for_whom_it_is_and_that_a_present_session_ends(browser, link):
    one = await browser("author")
    page = await one.get(link("viewer", "sign-in"))
    assert "Sign in as Viewer" in page.text
    assert "You are signed in as Author" in page.text


async def test_using_a_link_ends_the_session_that_was_there(browser, link):
    one, copy = await browser("author"), await browser()
    copy.plant(one.client.cookies["visto_session"])
    assert (await one.post(link("viewer", "sign-in"))).status_code == 303
    assert not await copy.signed_in()
    assert "<h1>Viewer</h1>" in (await one.get("/account")).text


async def test_a_link_used_by_many_at_once_opens_one_session(browser, link, database):
    path = link("viewer", "sign-in")
    browsers = [await browser() for _ in range(8)]
    answers = await asyncio.gather(*(one.post(path) for one in browsers))
    assert sorted(answer.status_code for answer in answers) == [303] + [410] * 7
    assert len(records(database, "auth.signed_in")) == 1
    assert [row.outcome for row in records(database, "auth.failed")] == ["link_not_valid"] * 7


async def test_the_developers_link_signs_in_again_and_again_until_the_next_one(browser, link):
    path = link("admin", "dev")
    for _ in range(3):
        assert (await (await browser()).post(path)).status_code == 303
    newer = link("admin", "dev")
    assert (await (await browser()).post(path)).status_code == 410
    assert (await (await browser()).post(newer)).status_code == 303


async def test_a_newer_link_ends_the_older_of_its_purpose_only(browser, link):
    first, reset = link("viewer", "sign-in"), link("viewer", "password")
    second = link("viewer", "sign-in")
    assert (await (await browser()).get(first)).status_code == 410
    for path in (second, reset):
        assert (await (await browser()).get(path)).status_code == 200


async def test_a_link_expires(browser, link, clock):
    paths = [link("viewer", "sign-in"), link("author", "password"), link("admin", "dev")]
    clock.advance(timedelta(hours=1))
    for path in paths:
        assert (await (await browser()).get(path)).status_code == 410
        assert (await (await browser()).post(path, {"new": NEW})).status_code == 410


@pytest.mark.parametrize(
    "token", ["x", "vl_default_" + "a" * 43, "vl_nowhere_" + "a" * 43, "vl__" + "a" * 43, "a" * 5000, "%00"]
)
async def test_a_token_that_is_none_is_told_so(browser, token):
    for way in ("link", "password"):
        answer = await (await browser()).post(f"/sign-in/{way}/{token}", {"new": NEW})
        assert answer.status_code == (400 if token == "%00" else 410)


async def test_a_link_of_one_purpose_does_not_serve_another(browser, link):
    one = await browser()
    swapped = (
        link("viewer", "sign-in").replace("/link/", "/password/"),
        link("viewer", "password").replace("/password/", "/link/"),
    )
    for path in swapped:
        assert (await one.get(path)).status_code == 410
        assert (await one.post(path, {"new": NEW})).status_code == 410


async def test_a_link_of_a_disabled_person_opens_nothing(browser, link, database, callers):
    paths = [link("viewer", "sign-in"), link("viewer", "password")]
    database.write_sync(lambda tx: principals.disable(tx, NS, callers.ids["viewer"]))
    for path in paths:
        assert (await (await browser()).post(path, {"new": NEW})).status_code == 410


async def test_a_link_of_another_namespace_leads_there(browser, link):
    one = await browser()
    assert (await one.post(link("other", "sign-in"))).status_code == 303
    assert "<dd>elsewhere</dd>" in (await one.get("/account")).text


@pytest.mark.usefixtures("with_password")
async def test_a_password_set_by_link_replaces_the_old_one_and_ends_every_session(browser, link):
    before, path = await browser("viewer"), link("viewer", "password")
    answer = await (await browser()).post(path, {"new": NEW})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert not await before.signed_in()
    assert (await (await browser()).sign_in("Viewer", PASSWORD)).status_code == 401
    assert (await (await browser()).sign_in("Viewer", NEW)).status_code == 303
    assert (await (await browser()).post(path, {"new": NEW + "!"})).status_code == 410


async def test_a_weak_password_leaves_the_link_as_it_is(browser, link, database, callers):
    one, path = await browser(), link("viewer", "password")
    for weak in ("", "short", "viewer@example.com", "aaaaaaaaaaaaaaaa", "Viewer-password-1"):
        answer = await one.post(path, {"new": weak})
        assert (answer.status_code, "Take at least 12 characters" in answer.text) == (422, True)
    assert database.read_sync(lambda tx: passwords.hash_of(tx, NS, callers.ids["viewer"])) is None
    assert (await one.post(path, {"new": NEW})).status_code == 303


async def test_making_and_using_links_is_on_the_record_and_tokens_are_nowhere(browser, link, database):
    path = link("viewer", "password")
    await (await browser()).post(path, {"new": NEW})
    made, used = (row.meta for row in records(database, "config.changed"))
    assert '"what":"link.created"' in made
    assert '"what":"password.set"' in used
    token = path.rpartition("/")[2]
    tables = ("sign_in_links", "sessions", "passwords", "audit_event")
    everything = database.read_sync(
        lambda tx: [row for table in tables for row in tx.conn.exec_driver_sql(f"select * from {table}").all()]
    )
    assert token not in str(everything)
    assert NEW not in str(everything)
