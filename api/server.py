"""Runs the API process: one uvicorn server with the relay in it, ended gracefully by SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import os
from urllib.parse import urlsplit

import uvicorn

from agents.settings import model_settings_from_env
from api.app import create_app
from api.memory import few_arenas, give_back
from workflows.activities.catalog import Catalog
from workflows.settings import Settings
from workflows.usecases import installation
from workflows.usecases.services import Services, build_services

KEEP_ALIVE_S = 30
GRACE_S = 5
CONCURRENCY = 1000
BACKLOG = 512
MAX_HEADER_BYTES = 32 * 1024
LOCAL = ("127.0.0.1", "localhost", "[::1]", "::1")


async def serve(settings: Settings) -> None:
    """Serve until told to stop. The store's schema must be current."""
    few_arenas()
    services = await installed(settings)
    try:
        app = create_app(services, hosts=trusted_hosts(settings))
        give_back()
        server = uvicorn.Server(_config(app, settings))
        app.state.feed.stopping = lambda: server.should_exit
        await server.serve()
    finally:
        services.close()


async def installed(settings: Settings) -> Services:
    """The services of this installation, with its own catalogue of names."""
    services = await build_services(settings, Catalog())
    book = await asyncio.to_thread(installation.connections, settings)
    models = frozenset(model_settings_from_env(os.environ).aliases)
    return services.with_world(Catalog(services.db, book, models))


def trusted_hosts(settings: Settings) -> tuple[str, ...]:
    """The names in ``Host`` that are answered: the local ones, the address bound to, and the public one."""
    public = urlsplit(settings.public_url).hostname if settings.public_url else None
    if settings.api_host in ("0.0.0.0", "::") and public is None:  # noqa: S104  compared, not bound
        return ("*",)
    return tuple(dict.fromkeys((*LOCAL, settings.api_host, *([public] if public else []))))


def _config(app: object, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=settings.api_host,
        port=settings.api_port,
        log_level=settings.log_level.lower(),
        access_log=False,
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        limit_concurrency=CONCURRENCY,
        backlog=BACKLOG,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
    )
