"""The live feed: nothing is lost between the making of a page and its listening, nor while a connection is lost."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta

from fastapi import FastAPI
from httpx import Response

from api.console import live
from tests.api.console.conftest import Browser, NewBrowser
from tests.support.clock import FakeClock
from workflows.store.repositories.changes import Change

BEGAN = re.compile(r'<meta name="began" content="([^"]+)">')
STOP = {"extent": "namespace", "reason": "wrong prices"}


def began(page: Response) -> str:
    found = BEGAN.search(page.text)
    assert found
    return found[1]


def told(answer: Response) -> list[tuple[str, str]]:
    """The messages that have data: the event's name or its kind, and its id."""
    found = []
    for block in answer.text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if "data" in fields:
            found.append((fields.get("event") or json.loads(fields["data"])["kind"], fields["id"]))
    return found


async def listen(app: FastAPI, browser: Browser, since: str, **headers: str) -> list[tuple[str, str]]:
    """What a page is told at once; the server is going down, so that it hears no more than that."""
    app.state.feed.stopping = lambda: True
    answer = await browser.client.get("/live", params={"since": since}, headers=headers)
    assert answer.headers["content-type"].startswith("text/event-stream")
    return told(answer)


async def test_what_happened_while_a_page_was_loaded_is_told_first(
    app: FastAPI, browser: NewBrowser, clock: FakeClock
) -> None:
    one, admin = await browser("viewer"), await browser("admin")
    page = began(await one.get("/brakes"))
    clock.advance(timedelta(seconds=20))
    await admin.post("/brakes/stop", STOP)
    clock.advance(timedelta(seconds=20))
    assert [name for name, _ in await listen(app, one, page)] == ["hello", "config.paused"]
    later = began(await one.get("/brakes"))
    assert [name for name, _ in await listen(app, one, later)] == ["hello"]


async def test_after_a_lost_connection_a_page_hears_what_it_missed(
    app: FastAPI, browser: NewBrowser, clock: FakeClock
) -> None:
    """Browsers send by themselves up to when they heard; what was told then is not told again."""
    one, admin = await browser("viewer"), await browser("admin")
    page = began(await one.get("/brakes"))
    await admin.post("/brakes/stop", STOP)
    clock.advance(timedelta(seconds=20))
    heard = app.state.services.db.clock().isoformat()
    await admin.post("/brakes/release", STOP)
    again = await listen(app, one, page, **{"last-event-id": heard})
    assert [name for name, _ in again] == ["hello", "config.resumed"]
    assert again[0][1] == heard


async def test_a_page_that_was_away_for_long_loads_itself_anew_once(
    app: FastAPI, browser: NewBrowser, clock: FakeClock
) -> None:
    one = await browser("viewer")
    page = began(await one.get("/brakes"))
    clock.advance(live.CAUGHT_UP + timedelta(seconds=1))
    _, (name, heard) = await listen(app, one, page)
    assert name == "reload"
    assert [name for name, _ in await listen(app, one, page, **{"last-event-id": heard})] == ["hello"]


async def test_an_instant_that_is_none_is_now(app: FastAPI, browser: NewBrowser) -> None:
    one = await browser("viewer")
    for nonsense in ("", "yesterday", "2026-01-01", "2026-01-01T00:00:00", "9" * 5000):
        [(name, heard)] = await listen(app, one, nonsense)
        assert name == "hello"
        assert datetime.fromisoformat(heard) == app.state.services.db.clock()


async def test_who_looks_does_not_hide_who_decides() -> None:
    """Within one look everything is told that is not the very same."""
    happened = [
        ("decision.submitted", "ben"),
        ("llm.response", None),
        ("llm.response", None),
        ("approval.viewed", "ana"),
    ]
    changes = [Change(str(n), kind, "e1", who, "g1" if who else None) for n, (kind, who) in enumerate(happened)]
    told = [(event["topic"], event["kind"]) for event in live._events(changes)]
    assert told == [("gate", "decision.submitted"), ("execution", "llm.response"), ("gate", "approval.viewed")]


async def test_nobody_looks_when_nobody_listens(app: FastAPI) -> None:
    feed = app.state.feed
    first, second = (feed.stream("default", app.state.services.db.clock()) for _ in range(2))
    assert "hello" in await anext(first)
    assert "hello" in await anext(second)
    looking = feed._looking
    await first.aclose()
    assert not looking.cancelling()
    await second.aclose()
    assert looking.cancelling()
