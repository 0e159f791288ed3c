"""Recognises browsers by their session cookie. What a person may do is decided by ``api.policies`` and nowhere else.

The cookie holds a random token; the store keeps its SHA-256. A recognised session is remembered for a second, so a
person who was disabled, or whose session was ended in another process, is out after that second.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request, Response

from api.auth import Caller
from api.policies import SCOPES
from api.remembered import Remembered
from workflows.store import tokens
from workflows.store.repositories.sessions import LIFE
from workflows.usecases import sign_in
from workflows.usecases.actors import actor_of
from workflows.usecases.keys import session_key
from workflows.usecases.services import Services

PLAIN_COOKIE = "visto_session"
SECURE_COOKIE = "__Host-visto_session"


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. ``csrf`` goes into its forms; ``expires_at`` is when it ends unless it is used before."""

    id: str
    caller: Caller
    csrf: str
    method: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Cookie:
    """What the browser keeps. An empty ``value`` takes it away."""

    name: str
    value: str
    secure: bool

    def put(self, response: Response) -> None:
        """Send it with a response."""
        age = int(LIFE.total_seconds()) if self.value else 0
        response.set_cookie(
            self.name, self.value, max_age=age, path="/", secure=self.secure, httponly=True, samesite="lax"
        )


class Sessions:
    """Turns a request into a ``Session``. One per process, in ``app.state.sessions``."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._key = session_key(services.settings)
        self._known: Remembered[Session] = Remembered(services.db.clock)
        self.secure = (services.settings.public_url or "").lower().startswith("https://")
        self.cookie_name = SECURE_COOKIE if self.secure else PLAIN_COOKIE

    async def recognise(self, request: Request) -> Session | None:
        """Who sits at this browser; ``None`` when signed out, expired or disabled."""
        token = request.cookies.get(self.cookie_name)
        if not token:
            return None
        return await self._known.get(tokens.digest(token), lambda: self._look_up(token))

    async def open(self, namespace: str, principal_id: str, *, method: str, visitor: sign_in.Visitor) -> Cookie:
        """A new session for a person who has just proved who they are; always with a token of its own."""
        token = await sign_in.open_session(self._services, namespace, principal_id, method=method, visitor=visitor)
        return self.cookie(token)

    def cookie(self, token: str) -> Cookie:
        """The cookie that carries a session's token; an empty one takes the browser's away."""
        return Cookie(self.cookie_name, token, self.secure)

    async def close(self, session: Session) -> Cookie:
        """End a session at once; the cookie that is returned takes the browser's away."""
        await sign_in.close_session(self._services, session.caller.namespace, session.caller.actor, session.id)
        self.forget()
        return self.cookie("")

    def forget(self) -> None:
        """Look everybody up again: rights or sessions have changed."""
        self._known.forget()

    async def _look_up(self, token: str) -> Session | None:
        known = await sign_in.recognise(self._services, token)
        if known is None:
            return None
        actor = actor_of(known.profile, via="console", sign_in=known.session.method, scopes=SCOPES)
        caller = Caller(known.namespace, f"session:{known.session.id}", actor)
        return Session(
            known.session.id, caller, self._csrf(known.session.id), known.session.method, known.session.ends_at
        )

    def _csrf(self, session_id: str) -> str:
        return hmac.new(self._key, b"csrf:" + session_id.encode(), hashlib.sha256).hexdigest()
