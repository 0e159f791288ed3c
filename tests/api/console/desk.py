"""Somebody at the console without scripts: pages are fetched, forms are posted with the token of the page."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import FastAPI

from tests.api.conftest import NS, Callers
from workflows.usecases import sign_in
from workflows.usecases.services import Services

_TOKEN = re.compile(r'<meta name="csrf" content="([^"]+)">')
_VISITOR = sign_in.Visitor(device="a test", address="127.0.0.1")


@dataclass
class Desk:
    """``await desk("admin", "/keys")`` and ``await desk.post("admin", "/keys", {...})``."""

    client: httpx.AsyncClient
    services: Services
    callers: Callers
    _signed_in: dict[str, tuple[str, str]] = field(default_factory=dict)

    async def __call__(self, who: str, path: str, **more: object) -> httpx.Response:
        """GET a page as somebody (``anon`` for nobody); redirects are not followed."""
        return await self.client.get(path, headers=await self._headers(who), **more)  # type: ignore[arg-type]

    async def post(
        self, who: str, path: str, fields: Mapping[str, str | Sequence[str]] | None = None, *, token: str | None = None
    ) -> httpx.Response:
        """POST a form with the session's own token, or with ``token`` instead."""
        headers = await self._headers(who)
        own = self._signed_in[who][1] if who != "anon" else ""
        return await self.client.post(
            path, data={**(fields or {}), "csrf": own if token is None else token}, headers=headers
        )

    async def follow(self, who: str, answer: httpx.Response) -> httpx.Response:
        """Go where an action sent the browser, with the message it carries."""
        assert answer.status_code == 303, answer.text
        headers = await self._headers(who)
        carried = "".join(f"; {name}={value}" for name, value in answer.cookies.items() if value)
        headers = {"Cookie": headers["Cookie"] + carried}
        return await self.client.get(answer.headers["location"], headers=headers)

    def forget(self, who: str) -> None:
        """Sign in anew with the next request: another session of the same person."""
        self._signed_in.pop(who, None)

    async def _headers(self, who: str) -> dict[str, str]:
        if who == "anon":
            return {}
        if who not in self._signed_in:
            cookie = await self._sign_in(who)
            page = await self.client.get("/account", headers={"Cookie": cookie})
            found = _TOKEN.search(page.text)
            assert found, page.text
            self._signed_in[who] = (cookie, found.group(1))
        return {"Cookie": self._signed_in[who][0]}

    async def _sign_in(self, who: str) -> str:
        token = await sign_in.open_session(
            self.services, NS, self.callers.ids[who], method="password", visitor=_VISITOR
        )
        return f"visto_session={token}"


@pytest.fixture(name="desk")
async def a_desk(app: FastAPI, services: Services, callers: Callers) -> AsyncIterator[Desk]:
    """For a test module that imports it: ``desk`` serves the console to everybody in ``callers``."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield Desk(client, services, callers)
