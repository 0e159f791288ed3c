"""The application: routes, guards, limits and the relay, put together in one function."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import APIRouter, FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

from api.auth import Authenticator
from api.console import mount as console
from api.errors import install
from api.guard import check_policies, mount
from api.headers import SecurityHeadersMiddleware
from api.limits import Limits, LimitsMiddleware
from api.rate_limits import RateLimitMiddleware, RateLimits
from api.routes import documents, executions, flows, gate_care, gates, hooks, journal, knowledge, pauses, people, system
from api.slack_app import route as slack
from api.slack_app.hosting import SlackHost
from workflows.relay.loop import Relay
from workflows.usecases.services import Services

ROUTERS: tuple[APIRouter, ...] = (
    system.router,
    flows.router,
    executions.router,
    gates.router,
    gate_care.router,
    journal.router,
    knowledge.router,
    hooks.router,
    people.router,
    pauses.router,
    documents.router,
    slack.router,
    *console.ROUTERS,
)


def create_app(
    services: Services, *, limits: Limits | None = None, hosts: tuple[str, ...] = ("*",), relay: bool = True
) -> FastAPI:
    """Build the API. ``hosts`` are the names it answers to; ``relay=False`` leaves delivering to another process.

    Raises ``RouteWithoutPolicy`` when a route and ``api.policies`` do not match.
    """
    check_policies(ROUTERS)
    app = FastAPI(
        title="Visto API",
        version=system.product_version(),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan if relay else None,
    )
    app.state.services = services
    app.state.authenticator = Authenticator(services.db)
    app.state.relay = Relay(services)
    app.state.slack = SlackHost(services, app.state.relay.poke)
    app.state.knowledge = None
    app.state.rates = RateLimits(services.settings)
    install(app)
    console.prepare(app, services)
    mount(app, ROUTERS)
    app.add_middleware(LimitsMiddleware, limits=limits or Limits())
    app.add_middleware(RateLimitMiddleware, rates=app.state.rates)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    app.add_middleware(SecurityHeadersMiddleware)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Run the relay, and Slack's socket if there is one, as long as the application."""
    tasks = (
        asyncio.create_task(app.state.relay.run(), name="relay"),
        asyncio.create_task(app.state.slack.run(), name="slack"),
    )
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await app.state.slack.close()
        await app.state.feed.close()
        if app.state.knowledge is not None:
            await app.state.knowledge.close()
