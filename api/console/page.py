"""A page under way: who looks at it, what frames it, and how an action answers."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import Depends, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from api.auth import Caller, permitted
from api.console import chrome, rendering
from api.console.failures import wants_json
from api.console.forms import Form
from api.console.session import Session
from api.errors import ApiError
from api.policies import POLICIES
from workflows.gates.model import Actor
from workflows.usecases.services import Services

Json = Any
FLASH = "visto_flash"
FLASH_S = 60
THEME = "visto_theme"
Tone = Literal["ok", "info", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Flash:
    """What the next page says on top. ``undo`` is an address to POST to, within ``undo_s`` seconds."""

    text: str
    tone: Tone = "ok"
    undo: str | None = None
    undo_s: float = 0


@dataclass(frozen=True, slots=True)
class Page:
    """Made for each request. ``session`` is None on public pages for somebody who is not signed in.

    ``began`` is before anything was read for it: whatever happens later, its live feed tells.
    """

    request: Request
    services: Services
    session: Session | None
    began: datetime

    @classmethod
    def of(cls, request: Request) -> Page:
        services: Services = request.app.state.services
        return cls(request, services, getattr(request.state, "session", None), services.db.clock())

    @property
    def caller(self) -> Caller:
        """Who looks. Raises ``ApiError`` 401 on a public page without a session."""
        if self.session is None:
            raise ApiError(401, "signed_out", "You are signed out.", "Sign in again.")
        return self.session.caller

    @property
    def actor(self) -> Actor:
        return self.caller.actor

    @property
    def namespace(self) -> str:
        return self.caller.namespace

    @property
    def form(self) -> Form:
        """What was sent; its CSRF token is checked already."""
        form: Form = self.request.state.form
        return form

    def may(self, route: str) -> bool:
        """Whether who looks may use a route of ``api.policies``: for what is offered, never instead of the guard."""
        return self.session is not None and permitted(self.session.caller, POLICIES[route])

    # Answers -----------------------------------------------------------------

    async def render(self, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        """The page made from a template, inside the frame of ``base.html``."""
        response = HTMLResponse(await self.text(template, **context), status_code=status)
        if FLASH in self.request.cookies:
            response.delete_cookie(FLASH, path="/")
        return response

    async def text(self, template: str, *, facts: bool = True, **context: Any) -> str:
        """As ``render``, as text. Without ``facts`` the frame asks the store for nothing."""
        frame = await chrome.facts(self) if facts and self.session is not None else chrome.NOTHING
        given = {
            "page": self,
            "frame": frame,
            "nav": chrome.sections(self),
            "me": self.session.caller.actor if self.session else None,
            "csrf": self.session.csrf if self.session else "",
            "flash": _flash(self.request),
            "theme": self.theme,
            "now": datetime.now(UTC),
            **context,
        }
        return rendering.render(template, given)

    def fragment(self, template: str, **context: Any) -> HTMLResponse:
        """A part of a page, for a script to put in place; it is framed by nothing."""
        given = {"page": self, "csrf": self.session.csrf if self.session else "", "now": datetime.now(UTC)}
        return HTMLResponse(rendering.render(template, {**given, **context}))

    def done(
        self, text: str, *, to: str, tone: Tone = "ok", undo: str | None = None, undo_s: float = 0, **data: Json
    ) -> Response:
        """Answer an action: a script gets ``{text, tone, to, undo, undo_s, ...data}``, a form goes on to ``to``."""
        if wants_json(self.request):
            return JSONResponse({"text": text, "tone": tone, "to": to, "undo": undo, "undo_s": undo_s, **data})
        response = RedirectResponse(to, HTTPStatus.SEE_OTHER)
        told = json.dumps([text[:1000], tone, undo, undo_s]).encode()
        response.set_cookie(
            FLASH,
            base64.urlsafe_b64encode(told).decode(),
            max_age=FLASH_S,
            httponly=True,
            samesite="lax",
            secure=self.services.settings.api_url.startswith("https:"),
        )
        return response

    @property
    def theme(self) -> str:
        """``light``, ``dark``, or ``auto`` as the system has it."""
        chosen = self.request.cookies.get(THEME, "auto")
        return chosen if chosen in ("light", "dark") else "auto"


def _flash(request: Request) -> Flash | None:
    try:
        text, tone, undo, undo_s = json.loads(base64.urlsafe_b64decode(request.cookies.get(FLASH, "")))
        own = undo is None or (str(undo).startswith("/") and not str(undo).startswith("//"))
        return Flash(
            str(text), tone if tone in ("ok", "info", "warn", "bad") else "info", undo if own else None, float(undo_s)
        )
    except (ValueError, TypeError):
        return None


async def _page(request: Request) -> Page:
    return Page.of(request)


PageDep = Annotated[Page, Depends(_page)]
