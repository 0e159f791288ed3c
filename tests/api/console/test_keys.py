"""API keys by form: the secret is shown once, in one browser, and what was wrong comes back as it was typed."""

from __future__ import annotations

import re

import httpx
import pytest
from fastapi import FastAPI

from tests.api.conftest import NS
from tests.api.console.desk import Desk, a_desk  # noqa: F401  a fixture
from workflows.store.repositories import keys
from workflows.usecases.services import Services

_SECRET = re.compile(r"vk_default_[A-Za-z0-9]{43}")
HOSTILE = '<img src=x onerror=alert(1)> \u202e"'


def _keys(services: Services) -> list[keys.Key]:
    return services.db.read_sync(lambda tx: keys.list_keys(tx, NS))


def _fields(desk: Desk, **more: str | list[str]) -> dict[str, str | list[str]]:
    return {"name": "nightly", "principal": desk.callers.ids["service"], "days": "30", "scope": ["flows:read"], **more}


@pytest.mark.parametrize("who", ["viewer", "author", "reviewer", "auditor"])
async def test_only_an_admin_sees_or_makes_keys(desk: Desk, services: Services, who: str) -> None:
    before = len(_keys(services))
    assert (await desk(who, "/keys")).status_code == 403
    assert (await desk.post(who, "/keys", _fields(desk))).status_code == 403
    assert len(_keys(services)) == before


async def test_a_new_key_is_shown_once_and_works(desk: Desk, services: Services, app: FastAPI) -> None:
    made = await desk.post("admin", "/keys", _fields(desk, name=HOSTILE))
    assert made.status_code == 303
    assert not _SECRET.search(str(made.headers))
    shown = await desk.follow("admin", made)
    assert shown.headers["cache-control"] == "no-store"
    assert "<img src=x" not in shown.text
    secret = _SECRET.search(shown.text)
    assert secret
    headers = {"Authorization": f"Bearer {secret.group()}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        assert (await client.get("/api/v1/flows", headers=headers)).status_code == 200
        assert (await client.get("/api/v1/keys", headers=headers)).status_code == 403
    assert 'visto_once=""' in shown.headers["set-cookie"]
    again = await desk("admin", made.headers["location"])
    assert "was shown before" in again.text
    assert not _SECRET.search(again.text)
    assert not _SECRET.search((await desk("admin", "/keys")).text)


async def test_the_secret_does_not_open_in_another_session(desk: Desk) -> None:
    made = await desk.post("admin", "/keys", _fields(desk))
    assert made.cookies["visto_once"]
    desk.forget("admin")
    assert "was shown before" in (await desk.follow("admin", made)).text


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "  ", "what the key is for"),
        ("name", "x" * 201, "what the key is for"),
        ("principal", "", "Choose who holds the key"),
        ("principal", "nobody", "Choose who holds the key"),
        ("days", "99999", "Choose when the key expires"),
        ("scope", [], "at least one line"),
        ("scope", ["root"], "at least one line"),
    ],
)
async def test_a_wrong_field_makes_no_key_and_keeps_the_rest(
    desk: Desk, services: Services, field: str, value: str | list[str], words: str
) -> None:
    before = len(_keys(services))
    page = await desk.post("admin", "/keys", _fields(desk, **{field: value}))
    assert page.status_code == 422
    assert words in page.text
    if field != "name":
        assert 'value="nightly"' in page.text
    if field != "scope":
        assert re.search(r'value="flows:read" checked', page.text)
    assert len(_keys(services)) == before


async def test_expiry_is_kept_and_never_is_none(desk: Desk, services: Services) -> None:
    await desk.post("admin", "/keys", _fields(desk, name="a"))
    await desk.post("admin", "/keys", _fields(desk, name="b", days=""))
    by_name = {key.name: key for key in _keys(services)}
    assert by_name["a"].expires_at is not None
    assert (by_name["a"].expires_at - by_name["a"].created_at).days == 30
    assert by_name["b"].expires_at is None


async def test_revoking_counts_at_once_and_once(desk: Desk, services: Services, app: FastAPI) -> None:
    robot = next(key for key in _keys(services) if key.name == "robot")
    headers = {"Authorization": f"Bearer {desk.callers.keys['service']}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        assert (await client.get("/api/v1/flows", headers=headers)).status_code == 200
        done = await desk.post("admin", f"/keys/{robot.id}/revoke")
        assert "opens nothing any more" in (await desk.follow("admin", done)).text
        assert (await client.get("/api/v1/flows", headers=headers)).status_code == 401
    first = next(key for key in _keys(services) if key.id == robot.id).revoked_at
    again = await desk.post("admin", f"/keys/{robot.id}/revoke")
    assert "revoked before" in (await desk.follow("admin", again)).text
    assert next(key for key in _keys(services) if key.id == robot.id).revoked_at == first
    assert (await desk.post("admin", "/keys/no-such/revoke")).status_code == 404


async def test_a_forged_form_changes_nothing(desk: Desk, services: Services) -> None:
    before = _keys(services)
    assert (await desk.post("admin", "/keys", _fields(desk), token="forged")).status_code == 403
    assert (await desk.post("admin", f"/keys/{before[0].id}/revoke", token="")).status_code == 403
    assert _keys(services) == before
