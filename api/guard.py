"""The route class of the API: first who may call, then what was sent. Nothing of a body is read before."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request as StarletteRequest

from api.auth import Authenticator, authorise
from api.errors import MEDIA_TYPE, Problem
from api.policies import POLICIES, Policy
from api.strict_json import NotJson, parse

PREFIX = "/api/v1"


class RouteWithoutPolicy(Exception):
    """A route that ``api.policies`` does not know, or a policy whose route is gone. The API does not start."""


class StrictRequest(Request):
    """A request whose JSON is read by ``api.strict_json``."""

    async def json(self) -> Any:
        try:
            return parse(await self.body())
        except NotJson as error:
            raise HTTPException(400, f"The body is not acceptable JSON: {error}.") from error


class PolicedRoute(APIRoute):
    """Looks its policy up by name when it is made, so that a missing one is found at start and not by a stranger."""

    @property
    def policy(self) -> Policy:
        """Raises ``RouteWithoutPolicy``."""
        policy = POLICIES.get(self.name)
        if policy is None:
            raise RouteWithoutPolicy(f"The route {self.name} ({self.path}) has no row in api.policies.")
        return policy


class GuardedRoute(PolicedRoute):
    """A route of the API: the caller is recognised by a key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        policy = self.policy

        async def guarded(request: StarletteRequest) -> Response:
            if not policy.public:
                authenticator: Authenticator = request.app.state.authenticator
                caller = await authenticator.caller(request.headers.get("authorization"))
                request.app.state.rates.by_principal(caller)
                authorise(caller, policy)
                request.state.caller = caller
            return await handle(StrictRequest(request.scope, request.receive))

        return guarded


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "content": {MEDIA_TYPE: {}}, "description": words}
    for status, words in (
        ("4XX", "Refused; `code` and `remedy` say why and what to do."),
        ("503", "The store or Temporal does not answer; try again."),
    )
}


def guarded_router(prefix: str = "", **options: Any) -> APIRouter:
    """A router of the versioned API whose routes are all guarded; an operation is named after its function."""
    return APIRouter(
        prefix=PREFIX + prefix,
        route_class=GuardedRoute,
        responses=PROBLEMS,
        generate_unique_id_function=lambda route: route.name,
        **options,
    )


def mount(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Add the routers' own routes. Including a router would build every route once more, for ten megabytes."""
    for router in routers:
        app.router.routes.extend(router.routes)


def check_policies(routers: Iterable[APIRouter]) -> None:
    """Raises ``RouteWithoutPolicy`` unless routes and policies match one to one and every route is guarded."""
    endpoints: dict[str, object] = {}
    for router in routers:
        for route in router.routes:
            if not isinstance(route, PolicedRoute):
                raise RouteWithoutPolicy(f"The route {getattr(route, 'path', route)} is not guarded.")
            if endpoints.setdefault(route.name, route.endpoint) is not route.endpoint:
                raise RouteWithoutPolicy(f"Two routes share the name {route.name}, so they would share a policy.")
    if gone := POLICIES.keys() - endpoints.keys():
        raise RouteWithoutPolicy(f"Policies without a route: {', '.join(sorted(gone))}.")
