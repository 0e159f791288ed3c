"""An API over a real store, with one caller of each kind. Temporal is away unless a test brings it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from temporalio.client import Client

from api.app import create_app
from api.policies import SCOPES
from connectors.connections import ConnectionBook, Secrets
from workflows.activities.catalog import Catalog
from workflows.codec import data_converter
from workflows.gateway import Gateway
from workflows.journal.records import Journal
from workflows.settings import Settings
from workflows.store.db import Database, Tx
from workflows.store.repositories import keys, principals
from workflows.usecases.services import Services

NS = "default"
OTHER = "elsewhere"
ROLES = ("viewer", "author", "reviewer", "auditor", "admin")
HOOK_SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
OLD_SECRET = "whsec_" + "b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQtb2xk"


@dataclass(frozen=True)
class Callers:
    """API keys by who holds them, and the principals' ids."""

    keys: dict[str, str]
    ids: dict[str, str]

    def headers(self, who: str) -> dict[str, str]:
        return {} if who == "anon" else {"Authorization": f"Bearer {self.keys[who]}"}


@pytest.fixture(scope="session")
def closed_port() -> Iterator[int]:
    """A port that nobody listens on and nobody else gets."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
async def services(database: Database, journal: Journal, tmp_path: Path, closed_port: int) -> Services:
    address = f"127.0.0.1:{closed_port}"
    settings = Settings(home=tmp_path / "home", database_url=database.url, temporal_address=address)
    client = await Client.connect(address, lazy=True, data_converter=data_converter({"k": bytes(32)}, "k"))
    environ = {"VISTO_SECRET_ORDERS_HOOK": HOOK_SECRET, "VISTO_SECRET_ORDERS_HOOK_PREVIOUS": OLD_SECRET}
    secrets = Secrets(environ)
    return Services(
        db=database,
        journal=journal,
        gateway=Gateway(client),
        settings=settings,
        world=Catalog(database, ConnectionBook({}, environment="test", secrets=secrets)),
        secrets=secrets,
        callback_key=b"k" * 32,
    )


@pytest.fixture
def callers(database: Database) -> Callers:
    """One person per role with a key of every scope but ``admin``; the admin and a service; an admin elsewhere."""
    return database.write_sync(_make)


def _make(tx: Tx) -> Callers:
    made: dict[str, str] = {}
    ids: dict[str, str] = {}
    plain = tuple(scope for scope in SCOPES if scope != "admin")
    for namespace, role in [*((NS, role) for role in ROLES), (OTHER, "other")]:
        person = principals.create_person(tx, namespace, role.title(), f"{role}@example.com")
        principals.grant_role(tx, namespace, person.id, "admin" if role == "other" else role)
        scopes = SCOPES if role in ("admin", "other") else plain
        made[role] = keys.create(tx, namespace, person.id, role, scopes).secret
        ids[role] = person.id
    service = principals.create_service(tx, NS, "robot")
    made["service"] = keys.create(tx, NS, service.id, "robot", plain).secret
    ids["service"] = service.id
    return Callers(made, ids)


@pytest.fixture
def app(services: Services) -> FastAPI:
    return create_app(services, relay=False)


@pytest.fixture
async def api(app: FastAPI, callers: Callers) -> AsyncIterator[Api]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost/api/v1") as client:
        yield Api(client, callers)


@dataclass(frozen=True)
class Api:
    """The API as somebody: ``await api("author", "POST", "/flows", json=...)``."""

    client: httpx.AsyncClient
    callers: Callers

    async def __call__(self, who: str, method: str, path: str, **more: object) -> httpx.Response:
        headers = self.callers.headers(who) | dict(more.pop("headers", {}) or {})  # type: ignore[call-overload]
        return await self.client.request(method, path, headers=headers, **more)  # type: ignore[arg-type]

    async def save(self, text: str, who: str = "author") -> dict[str, object]:
        answer = await self(who, "POST", "/flows", json={"source": text})
        assert answer.status_code in (200, 201), answer.text
        made: dict[str, object] = answer.json()
        return made
