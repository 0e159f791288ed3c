"""How many requests somebody may send: a bucket per address before anybody looks, and one per principal after.

The buckets are this process's own: they protect it from a loop gone wild, and are generous to everybody else. Attempts
to sign in are counted in the store, for all processes together.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.auth import Caller
from api.console import failures
from api.errors import ApiError, problem_response
from api.visitors import address, proxies
from workflows.settings import Settings

BURST_S = 10
"""A full bucket holds what comes in within so many seconds."""
ADDRESS_FACTOR = 5
"""Several people share an address, and so does everybody behind a proxy that is not declared."""
MAX_BUCKETS = 10_000


class Buckets:
    """Token buckets by name, the least used forgotten first. ``rate`` is tokens per second; 0 means no limit."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._size = max(1.0, rate * BURST_S)
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> float:
        """Take one token; returns 0, or the seconds until there is one."""
        if self._rate <= 0:
            return 0.0
        now = self._clock()
        level, at = self._levels.pop(name, (self._size, now))
        level = min(self._size, level + (now - at) * self._rate)
        wait = 0.0 if level >= 1 else (1 - level) / self._rate
        self._levels[name] = (level if wait else level - 1, now)
        if len(self._levels) > MAX_BUCKETS:
            self._levels.popitem(last=False)
        return wait


class RateLimits:
    """The limits of one process, in ``app.state.rates``. Raises ``InvalidProxies`` for a wrong setting."""

    def __init__(self, settings: Settings) -> None:
        self._trusted = settings.trusted_proxies
        proxies(self._trusted)
        self._addresses = Buckets(settings.requests_per_second * ADDRESS_FACTOR)
        self._principals = Buckets(settings.requests_per_second)

    def from_address(self, request: Request) -> None:
        """Raises ``ApiError`` 429."""
        _refuse(self._addresses.take(address(request, self._trusted)))

    def by_principal(self, caller: Caller) -> None:
        """Raises ``ApiError`` 429. All keys and sessions of a principal share a bucket."""
        _refuse(self._principals.take(f"{caller.namespace}/{caller.actor.principal_id}"))


def _refuse(wait: float) -> None:
    if wait > 0:
        raise ApiError(
            429,
            "too_many_requests",
            "These are too many requests in a short time.",
            "Slow down, and wait as long as Retry-After says before the next one.",
            headers={"Retry-After": str(math.ceil(wait))},
        )


class RateLimitMiddleware:
    """Counts requests by address, before anything else is done for them."""

    def __init__(self, app: ASGIApp, rates: RateLimits) -> None:
        self.app = app
        self.rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            try:
                self.rates.from_address(request)
            except ApiError as refusal:
                for_people = "text/html" in request.headers.get("accept", "") and not scope["path"].startswith("/api/")
                answer = await failures.respond(request, refusal) if for_people else problem_response(refusal)
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)
