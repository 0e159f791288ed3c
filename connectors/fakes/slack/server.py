"""Serves a workspace's Web API on a port of this machine, and delivers what its members do to our app.

``failures`` is what the next calls of a method meet: ``"hang"``, ``"drop"`` (it happens, and nobody is told), a status
such as ``500``, or an error code of Slack's.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
from aiohttp import web

from connectors.fakes.slack.methods import ApiRefused, call
from connectors.fakes.slack.workspace import Workspace

Json = Any
HANG_S = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What our app answered to an interaction."""

    status: int
    body: bytes

    def json(self) -> dict[str, Json]:
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


Deliver = Callable[[bytes, dict[str, str]], Awaitable[Answer]]


class FakeSlack:
    """``async with FakeSlack() as slack``: ``slack.url`` is the API; ``slack.deliver_to(url)`` says where our app is."""

    def __init__(self, world: Workspace | None = None) -> None:
        self.world = world or Workspace()
        self.failures: dict[str, deque[str | int]] = defaultdict(deque)
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._deliver: Deliver | None = None
        self._sockets: list[web.WebSocketResponse] = []
        self._joined = asyncio.Condition()
        self._envelopes: dict[str, asyncio.Future[Answer]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_route("*", "/api/{method}", self._call)
        app.router.add_get("/socket", self._socket)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def deliver_to(self, target: str | Deliver) -> None:
        """Where interactions go over HTTP: an address, or a function for an app in this process."""
        self._deliver = _poster(target) if isinstance(target, str) else target

    async def connected(self, count: int = 1) -> None:
        """Wait until our app has so many sockets."""
        async with self._joined:
            await self._joined.wait_for(lambda: len(self._sockets) >= count)

    async def interact(self, payload: dict[str, Json]) -> Answer:
        """Send an interaction: over a socket if our app has one, else signed to its address."""
        if self._sockets:
            return await self._by_socket(payload)
        body = b"payload=" + _quoted(json.dumps(payload))
        return await self.send(body, self.signed(body))

    async def send(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Send these very bytes."""
        if self._deliver is None:
            raise RuntimeError("say first where the app is: deliver_to(...)")
        return await self._deliver(body, headers)

    def signed(self, body: bytes, *, at: float | None = None, secret: str | None = None) -> dict[str, str]:
        """The headers of a request that Slack made ``at`` a time (now)."""
        stamp = str(int(time.time() if at is None else at))
        key = (secret or self.world.signing_secret).encode()
        digest = hmac.new(key, f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
        return {
            "content-type": "application/x-www-form-urlencoded",
            "x-slack-request-timestamp": stamp,
            "x-slack-signature": f"v0={digest}",
        }

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        given = await _arguments(request)
        failure = self.failures[method].popleft() if self.failures[method] else None
        if failure == "hang":
            await asyncio.sleep(HANG_S)
        if isinstance(failure, int):
            return web.Response(status=failure, text="it is broken", headers={"Retry-After": "1"})
        if isinstance(failure, str) and failure not in ("hang", "drop"):
            return web.json_response({"ok": False, "error": failure})
        try:
            answer = self._answer(method, _token(request, given), given)
        except ApiRefused as error:
            headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
            status = 200 if error.retry_after is None else 429
            return web.json_response({"ok": False, "error": error.error, **error.more}, status=status, headers=headers)
        if failure == "drop" and request.transport is not None:
            request.transport.abort()
        scopes = {"x-oauth-scopes": ",".join(sorted(self.world.scopes))}
        return web.json_response({"ok": True, **answer}, headers=scopes)

    def _answer(self, method: str, token: str, given: dict[str, Json]) -> dict[str, Json]:
        if not token:
            raise ApiRefused("not_authed")
        if method == "apps.connections.open":
            if token != self.world.app_token:
                raise ApiRefused("not_allowed_token_type")
            return {"url": f"ws://127.0.0.1:{self.port}/socket"}
        if token != self.world.bot_token:
            raise ApiRefused("invalid_auth")
        return call(self.world, method, given)

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": len(self._sockets) + 1})
        self._sockets.append(socket)
        async with self._joined:
            self._joined.notify_all()
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._acknowledged(message.data)
        finally:
            self._sockets.remove(socket)
        return socket

    def _acknowledged(self, text: str) -> None:
        with contextlib.suppress(ValueError):
            said = json.loads(text)
            waiting = self._envelopes.pop(str(said.get("envelope_id")), None)
            if waiting is not None and not waiting.done():
                payload = said.get("payload")
                waiting.set_result(Answer(200, json.dumps(payload).encode() if payload else b""))

    async def _by_socket(self, payload: dict[str, Json]) -> Answer:
        envelope = f"e{self.world.number()}"
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._envelopes[envelope] = waiting
        said = {"envelope_id": envelope, "type": "interactive", "payload": payload, "accepts_response_payload": True}
        await self._sockets[-1].send_json(said)
        async with asyncio.timeout(3):
            return await waiting


async def _arguments(request: web.Request) -> dict[str, Json]:
    """JSON or a form, whose values may be JSON themselves, and the query."""
    given: dict[str, Json] = dict(request.query)
    if request.content_type == "application/json":
        body = await request.json()
        return {**given, **body} if isinstance(body, dict) else given
    for name, value in (await request.post()).items():
        given[name] = _decoded(name, str(value))
    return given


def _decoded(name: str, value: str) -> Json:
    if name in ("blocks", "metadata", "view"):
        with contextlib.suppress(ValueError):
            return json.loads(value)
    return {"true": True, "false": False}.get(value, value) if name.startswith(("unfurl", "link_")) else value


def _token(request: web.Request, given: dict[str, Json]) -> str:
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return bearer or str(given.get("token") or "")


def _quoted(text: str) -> bytes:
    from urllib.parse import quote_plus

    return quote_plus(text).encode()


def _poster(url: str) -> Deliver:
    async def post(body: bytes, headers: dict[str, str]) -> Answer:
        async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
            return Answer(response.status, await response.read())

    return post
