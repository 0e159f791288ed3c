"""Views: what somebody looks for, under a name, for themselves; the address is for everybody."""

from __future__ import annotations

import re

import pytest

from tests.api.console.desk import Desk, a_desk  # noqa: F401  a fixture
from workflows.usecases import inbox_views

_VIEWS = re.compile(r'<li class="view"><a class="btn small" href="(/inbox\?[^"]*)"[^>]*>([^<]*)</a>')
_DELETE = re.compile(r'action="(/inbox/views/[^"]+/delete)"')


async def _views(desk: Desk, who: str = "reviewer") -> list[tuple[str, str]]:
    return [(address.replace("&amp;", "&"), name) for address, name in _VIEWS.findall((await desk(who, "/inbox")).text)]


async def test_a_view_is_saved_opened_changed_and_deleted(desk: Desk) -> None:
    saved = await desk.post(
        "reviewer", "/inbox/views", {"name": "  Big   orders ", "query": "flow=order-risk&due=soon"}
    )
    assert saved.headers["location"] == "/inbox?flow=order-risk&due=soon"
    assert "The view “Big orders” is saved." in (await desk.follow("reviewer", saved)).text
    assert await _views(desk) == [("/inbox?flow=order-risk&due=soon", "Big orders")]
    await desk.post("reviewer", "/inbox/views", {"name": "Big orders", "query": "q=big"})
    assert await _views(desk) == [("/inbox?q=big", "Big orders")]
    address = _DELETE.findall((await desk("reviewer", "/inbox")).text)[0]
    await desk.post("reviewer", address, {"query": "q=big"})
    assert await _views(desk) == []
    again = await desk.post("reviewer", address)
    assert "gone already" in (await desk.follow("reviewer", again)).text


async def test_views_are_ones_own_and_their_addresses_are_for_everybody(desk: Desk) -> None:
    await desk.post("reviewer", "/inbox/views", {"name": "Mine", "query": "claimed=me"})
    address = _DELETE.findall((await desk("reviewer", "/inbox")).text)[0]
    assert await _views(desk, "admin") == []
    await desk.post("admin", address)
    assert [name for _, name in await _views(desk)] == ["Mine"], "nobody else can delete it"
    assert (await desk("admin", "/inbox?claimed=me")).status_code == 200


async def test_a_view_keeps_nothing_but_what_the_inbox_understands(desk: Desk) -> None:
    await desk.post("reviewer", "/inbox/views", {"name": "Odd", "query": "q=a&next=//evil.example&csrf=x&cursor=y"})
    assert await _views(desk) == [("/inbox?q=a", "Odd")]


@pytest.mark.parametrize("name", ["", "   ", "x" * 61])
async def test_a_view_needs_a_short_name(desk: Desk, name: str) -> None:
    answer = await desk.post("reviewer", "/inbox/views", {"name": name, "query": "q=a"})
    assert answer.status_code == 422
    assert "needs a name" in answer.text
    assert await _views(desk) == []


async def test_a_hostile_name_is_text(desk: Desk) -> None:
    await desk.post("reviewer", "/inbox/views", {"name": "<b>x</b>\u202e", "query": "q=a"})
    text = (await desk("reviewer", "/inbox")).text
    assert "<b>x</b>" not in text
    assert "⟨U+202E⟩" in text


async def test_there_is_an_end_to_views(desk: Desk) -> None:
    for n in range(inbox_views.MOST):
        await desk.post("reviewer", "/inbox/views", {"name": f"v{n}", "query": "q=a"})
    answer = await desk.post("reviewer", "/inbox/views", {"name": "one more", "query": "q=a"})
    assert answer.status_code == 409
    changed = await desk.post("reviewer", "/inbox/views", {"name": "v0", "query": "q=b"})
    assert changed.status_code == 303, "an existing one may still be changed"
