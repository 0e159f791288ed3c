"""One's own account: sessions that one sees and ends, and a password that one changes."""

from __future__ import annotations

import html
import re

import pytest

from tests.api.conftest import NS
from tests.api.console.conftest import PASSWORD, records
from workflows.store.repositories import passwords, sessions
from workflows.usecases.sign_in_attempts import PER_ACCOUNT

NEW = "seven purple boats at noon"
END = re.compile(r'action="(/account/sessions/[0-9a-f-]+/end)"')

AGENTS = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": "Firefox on Linux",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605 Version/18.5 Safari/604": "Safari on iPhone",
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0": "Edge on Windows",
    "<script>alert(1)</script>": "A browser",
    "": "A browser",
}


@pytest.mark.usefixtures("with_password")
async def test_each_session_is_listed_with_its_browser(browser):
    for agent in AGENTS:
        one = await browser()
        one.headers["user-agent"] = agent
        assert (await one.sign_in("Viewer")).status_code == 303
    page = html.unescape((await one.get("/account")).text)
    found = re.findall(r"<td>((?:A browser|\w+ on \w+))", page)
    assert sorted(found) == sorted(AGENTS.values())
    assert page.count("this one") == 1
    assert "alert(1)" not in page


async def test_one_ends_another_session_of_ones_own(browser, database):
    here, there = await browser("viewer"), await browser("viewer")
    mine = database.read_sync(lambda tx: sessions.authenticate(tx, NS, here.client.cookies["visto_session"])).id
    other = next(path for path in END.findall((await here.get("/account")).text) if mine not in path)
    answer = await here.post(other)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert not await there.signed_in()
    assert await here.signed_in()
    assert (await here.post(other)).status_code == 303
    assert len(records(database, "auth.signed_out")) == 1


async def test_ending_the_present_session_signs_out(browser):
    one = await browser("viewer")
    (path,) = END.findall((await one.get("/account")).text)
    assert (await one.post(path)).headers["location"] == "/sign-in"
    assert not await one.signed_in()


async def test_all_others_end_at_once(browser):
    here, others = await browser("viewer"), [await browser("viewer") for _ in range(3)]
    assert (await here.post("/account/sessions/end-others")).status_code == 303
    assert [await one.signed_in() for one in others] == [False] * 3
    assert await here.signed_in()


async def test_nobody_ends_the_session_of_somebody_else(browser):
    """Not even an admin, by this address: the id of another person's session is no session of mine."""
    victim, other = await browser("viewer"), await browser("admin")
    (path,) = END.findall((await victim.get("/account")).text)
    assert (await other.post(path)).status_code == 303
    assert await victim.signed_in()


@pytest.mark.usefixtures("with_password")
async def test_a_changed_password_ends_the_other_sessions(browser):
    here, there = await browser("viewer"), await browser("viewer")
    answer = await here.post("/account/password", {"current": PASSWORD, "new": NEW})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert "1 other session was ended" in (await here.get("/account")).text
    assert not await there.signed_in()
    assert (await (await browser()).sign_in("Viewer", PASSWORD)).status_code == 401
    assert (await (await browser()).sign_in("Viewer", NEW)).status_code == 303


@pytest.mark.usefixtures("with_password")
@pytest.mark.parametrize(
    ("current", "new", "words"),
    [
        ("wrong", NEW, "The present password is not right"),
        (PASSWORD, "short", "is shorter than 12 characters"),
        (PASSWORD, "viewer@example.com1", "made of your name"),
        (PASSWORD, "x" * 300, "longer than 256 characters"),
        ("", "", "is shorter than 12 characters"),
    ],
)
async def test_a_refused_change_says_why_and_changes_nothing(browser, database, callers, current, new, words):
    one = await browser("viewer")
    before = database.read_sync(lambda tx: passwords.hash_of(tx, NS, callers.ids["viewer"]))
    answer = await one.post("/account/password", {"current": current, "new": new})
    assert (answer.status_code, words in answer.text) == (422, True)
    assert database.read_sync(lambda tx: passwords.hash_of(tx, NS, callers.ids["viewer"])) == before
    assert await one.signed_in()


@pytest.mark.usefixtures("with_password")
async def test_a_borrowed_browser_cannot_guess_the_password(browser):
    one = await browser("viewer")
    guesses = [(await one.post("/account/password", {"current": f"g{n}", "new": NEW})) for n in range(PER_ACCOUNT + 1)]
    assert [answer.status_code for answer in guesses] == [422] * PER_ACCOUNT + [429]
    assert guesses[-1].headers["retry-after"] == "900"


async def test_who_has_no_password_is_told_how_to_get_one(browser):
    one = await browser("reviewer")
    assert 'visto people link "reviewer@example.com" --purpose password' in html.unescape(
        (await one.get("/account")).text
    )
    assert (await one.post("/account/password", {"current": "", "new": NEW})).status_code == 422
