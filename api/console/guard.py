"""The route class of the console: who looks, whether they may, and whether a form is theirs. Errors are pages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from api.auth import authorise
from api.console import csrf, failures
from api.console.forms import read_form
from api.console.session import Session, Sessions
from api.errors import KNOWN
from api.guard import PolicedRoute

log = logging.getLogger("visto.console")

SAFE = ("GET", "HEAD")
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}


class ConsoleRoute(PolicedRoute):
    """Recognises the browser's session, asks ``api.policies``, checks forms, and answers every error with a page.

    ``request.state.session`` is the session or None (public pages); ``request.state.form`` is the form of a POST.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            request.state.session = None
            try:
                response = await self._admit(request) or await handle(request)
            except KNOWN as error:
                response = await failures.respond(request, error)
            except Exception as error:  # the last line of defence: a page instead of a broken connection
                log.exception("%s %s failed", request.method, request.scope.get("path"))
                response = await failures.respond(request, error)
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return guarded

    async def _admit(self, request: Request) -> Response | None:
        """Return an answer instead of the page, or None to go on. Raises ``ApiError``."""
        sessions: Sessions = request.app.state.sessions
        session = await sessions.recognise(request)
        request.state.session = session
        if session is None and not self.policy.public:
            return _sign_in(request)
        if session is not None and not self.policy.public:
            request.app.state.rates.by_principal(session.caller)
            authorise(session.caller, self.policy)
        if request.method not in SAFE:
            await _own_form(request, session)
        return None


def _sign_in(request: Request) -> Response:
    if request.method in SAFE and not failures.wants_json(request):
        query = f"?{request.url.query}" if request.url.query else ""
        target = quote(f"{request.scope['path']}{query}", safe="/")
        return RedirectResponse(f"/sign-in?next={target}", HTTPStatus.SEE_OTHER)
    raise HTTPException(HTTPStatus.UNAUTHORIZED, "You are signed out.")


async def _own_form(request: Request, session: Session | None) -> None:
    request.state.form = form = await read_form(request)
    csrf.check_csrf(request, session, form)


def console_router(prefix: str = "") -> APIRouter:
    """A router of pages; they are guarded and stay out of the API's description."""
    return APIRouter(prefix=prefix, route_class=ConsoleRoute, include_in_schema=False)
