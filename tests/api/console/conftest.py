"""Browsers on the console: signed in as somebody, or not."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from tests.api.conftest import NS, OTHER, Callers
from workflows.store.db import Database, Tx
from workflows.store.repositories import passwords, sessions
from workflows.store.tables import audit_event
from workflows.usecases.passwords import hash_now

PASSWORD = "correct horse battery staple"
ORIGIN = "http://localhost"
CSRF = re.compile(r'<meta name="csrf" content="([0-9a-f]+)">')


@dataclass
class Browser:
    """Keeps cookies, sends what browsers send, follows no redirect by itself."""

    client: httpx.AsyncClient
    csrf: str = ""
    headers: dict[str, str] = field(default_factory=lambda: {"accept": "text/html"})

    def plant(self, token: str, name: str = "visto_session") -> None:
        """Make the browser send this as its session."""
        self.client.cookies.set(name, token, domain="localhost.local")

    async def get(self, path: str, **more: object) -> httpx.Response:
        return await self.client.get(path, headers=self.headers | dict(more.pop("headers", {})), **more)

    async def post(
        self, path: str, form: dict[str, str] | None = None, *, csrf: str | None = None, **headers: str
    ) -> httpx.Response:
        """Submit a form of our own page; ``csrf`` replaces the session's token, an empty header is not sent."""
        token = self.csrf if csrf is None else csrf
        sent = self.headers | {"origin": ORIGIN, "sec-fetch-site": "same-origin"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = {**({"csrf": token} if token else {}), **(form or {})}
        return await self.client.post(path, data=data, headers={k: v for k, v in sent.items() if v})

    async def refresh(self) -> None:
        """Read the CSRF token of the present session off a page."""
        found = CSRF.search((await self.get("/account")).text)
        self.csrf = found[1] if found else ""

    async def sign_in(self, name: str, password: str = PASSWORD, **form: str) -> httpx.Response:
        answer = await self.post("/sign-in", {"name": name, "password": password, **form})
        if answer.status_code == 303:
            await self.refresh()
        return answer

    async def signed_in(self) -> bool:
        return (await self.get("/account")).status_code == 200


NewBrowser = Callable[..., Awaitable[Browser]]


@pytest.fixture
async def browser(app: FastAPI, callers: Callers, database: Database) -> AsyncIterator[NewBrowser]:
    """``await browser("author")`` is signed in as that caller; ``await browser()`` is nobody's."""
    async with AsyncExitStack() as stack:

        async def make(who: str | None = None, *, at: FastAPI = app, origin: str = ORIGIN) -> Browser:
            transport = httpx.ASGITransport(at, raise_app_exceptions=False)
            made = Browser(await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url=origin)))
            if who is not None:
                made.plant(token_of(database, callers, who), at.state.sessions.cookie_name)
                await made.refresh()
            return made

        yield make


def token_of(database: Database, callers: Callers, who: str) -> str:
    """The token of a new session, as if they had signed in by password."""
    namespace = OTHER if who == "other" else NS

    def make(tx: Tx) -> str:
        return sessions.create(tx, namespace, callers.ids[who], method="password", device="Firefox on Linux")[1]

    return database.write_sync(make)


def records(database: Database, kind: str) -> list[Any]:
    """What the journal says of this kind, in order: meta, outcome and who acted."""
    query = sa.select(audit_event.c.meta, audit_event.c.outcome, audit_event.c.actor_id)
    query = query.where(audit_event.c.kind == kind).order_by(audit_event.c.seq)
    return database.read_sync(lambda tx: list(tx.conn.execute(query).all()))


@pytest.fixture(scope="session")
def password_hash() -> str:
    return hash_now(PASSWORD)


@pytest.fixture
def with_password(database: Database, callers: Callers, password_hash: str) -> None:
    """Viewer and author have a password; the others have none."""

    def give(tx: Tx) -> None:
        for who in ("viewer", "author"):
            passwords.put(tx, NS, callers.ids[who], password_hash)

    database.write_sync(give)
