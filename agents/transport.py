"""HTTP to providers: bounded answers, explicit timeouts, and no proxy that the environment names."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from functools import cache

import httpx

from agents.provider_errors import AnswerTooLarge

MAX_ANSWER_BYTES = 4 * 1024 * 1024
CONNECT_TIMEOUT_S = 10.0


@cache
def _certificates() -> ssl.SSLContext:
    # Reading the authorities costs 18 ms, more than the rest of setting a model up.
    return httpx.create_ssl_context(trust_env=False)


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, limit: int) -> None:
        self._inner = inner
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        async for chunk in self._inner:
            seen += len(chunk)
            if seen > self._limit:
                raise AnswerTooLarge(f"the answer is larger than {self._limit:,} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class BoundedTransport(httpx.AsyncHTTPTransport):
    """Stops reading an answer at ``limit`` bytes and raises ``AnswerTooLarge``."""

    def __init__(self, *, limit: int = MAX_ANSWER_BYTES) -> None:
        super().__init__(verify=_certificates(), trust_env=False)
        self._limit = limit

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Bounded(response.stream, self._limit)
        return response


def provider_client(timeout_s: float) -> httpx.AsyncClient:
    """A client for one provider; the caller closes it. Redirects are not followed: a key must not travel on."""
    timeout = httpx.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s))
    return httpx.AsyncClient(transport=BoundedTransport(), timeout=timeout, trust_env=False, follow_redirects=False)
