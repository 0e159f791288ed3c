"""The application: routes, guards, limits and the relay, put together in one function."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.trustedhost import TrustedHostMiddleware

from api.auth import Authenticator
from api.errors import Problem, install
from api.guard import check_policies, guarded_router
from api.headers import SecurityHeadersMiddleware
from api.limits import Limits, LimitsMiddleware
from api.routes import documents, executions, flows, gate_care, gates, hooks, journal, knowledge, pauses, people, system
from workflows.relay.loop import Relay
from workflows.usecases.services import Services

PREFIX = "/api/v1"
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
)
PROBLEMS = {
    status: {"model": Problem, "content": {"application/problem+json": {}}, "description": words}
    for status, words in (
        ("4XX", "Refused; `code` and `remedy` say why and what to do."),
        ("503", "The store or Temporal does not answer; try again."),
    )
}


def create_app(
    services: Services, *, limits: Limits | None = None, hosts: tuple[str, ...] = ("*",), relay: bool = True
) -> FastAPI:
    """Build the API. ``hosts`` are the names it answers to; ``relay=False`` leaves delivering to another process.

    Raises ``RouteWithoutPolicy`` when a route and ``api.policies`` do not match.
    """
    check_policies((*ROUTERS, documents.router))
    app = FastAPI(
        title="Visto API",
        version=system.product_version(),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan if relay else None,
        generate_unique_id_function=_operation_id,
    )
    app.state.services = services
    app.state.authenticator = Authenticator(services.db)
    app.state.relay = Relay(services)
    app.state.knowledge = None
    install(app)
    versioned = guarded_router(prefix=PREFIX, responses=PROBLEMS)
    for router in ROUTERS:
        versioned.include_router(router)
    app.include_router(versioned)
    app.include_router(documents.router)
    app.add_middleware(LimitsMiddleware, limits=limits or Limits())
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    app.add_middleware(SecurityHeadersMiddleware)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Run the relay as long as the application."""
    task = asyncio.create_task(app.state.relay.run(), name="relay")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        if app.state.knowledge is not None:
            await app.state.knowledge.close()


def _operation_id(route: APIRoute) -> str:
    return route.name
