"""What a request may cost before anybody looks at it: size of headers and body, time of the body, NUL characters.

The body is counted while it is read, and it is read only after the caller was recognised.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem_response


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes. ``body_time`` is from the first to the last byte of the body."""

    body: int = 1024 * 1024
    headers: int = 16 * 1024
    body_time: timedelta = timedelta(seconds=10)


class LimitsMiddleware:
    """Refuses with 400, 408, 413 or 431."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app = app
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await problem_response(refusal)(scope, receive, send)
            return
        await self.app(scope, _Counted(receive, self.limits), send)

    def _refusal(self, scope: Scope) -> HTTPException | None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if sum(len(name) + len(value) for name, value in headers) > self.limits.headers:
            return HTTPException(431, f"The headers are larger than {self.limits.headers} bytes.")
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            return HTTPException(400, "The address contains a NUL character.")
        length = next((value for name, value in headers if name == b"content-length"), b"0")
        if not length.isdigit():
            return HTTPException(400, "Content-Length is not a number.")
        return too_large(self.limits) if int(length) > self.limits.body else None


def too_large(limits: Limits) -> HTTPException:
    return HTTPException(413, f"The body is larger than {limits.body} bytes.")


class _Counted:
    """A ``receive`` that counts. After the body's end it waits freely, since that is how a disconnect is noticed."""

    def __init__(self, receive: Receive, limits: Limits) -> None:
        self._receive = receive
        self._limits = limits
        self._read = 0
        self._done = False
        self._deadline: float | None = None

    async def __call__(self) -> Message:
        if self._done:
            return await self._receive()
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._limits.body_time.total_seconds()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, "The body did not arrive in time.") from None
        self._read += len(message.get("body", b""))
        if self._read > self._limits.body:
            raise too_large(self._limits)
        self._done = not message.get("more_body", False)
        return message
