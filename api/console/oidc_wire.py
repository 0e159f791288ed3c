"""Talking to an identity provider, and how it fails: away, talking nonsense, or saying no."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import Any
from urllib.parse import urlsplit

import httpx

from workflows.usecases.refusals import Refused

log = logging.getLogger("visto.oidc")

TIMEOUT_S = 10.0
LOCAL = ("localhost", "127.0.0.1", "::1")

Json = dict[str, Any]


def unavailable() -> Refused:
    return Refused(
        "oidc_unavailable",
        "The sign-in service does not answer as it should.",
        status=503,
        remedy="Try again in a minute, or sign in with a password. An admin finds the cause in the API's log.",
    )


def not_accepted(code: str) -> Refused:
    """``code`` is for the journal and for programs; people read one sentence."""
    return Refused(
        code,
        "The answer of the sign-in service was not accepted.",
        status=403,
        remedy="Start again from the sign-in page. If it happens again, tell an admin the code of this page.",
    )


def client() -> httpx.AsyncClient:
    """Follows nobody anywhere: addresses are the provider's own."""
    return httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False)


async def get_json(http: httpx.AsyncClient, address: str, *, bearer: str | None = None) -> Json:
    """The document at an address. Raises ``Refused`` 503."""
    headers = {"Accept": "application/json", **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
    return json_of(await called(http.get(address, headers=headers)))


async def called(request: Awaitable[httpx.Response]) -> httpx.Response:
    """The answer, whatever it says. Raises ``Refused`` 503 without one."""
    try:
        return await request
    except httpx.HTTPError as error:
        log.warning("the provider does not answer: %s: %s", type(error).__name__, error)
        raise unavailable() from error


def json_of(answer: httpx.Response) -> Json:
    """The document of a good answer. Raises ``Refused`` 503."""
    try:
        found = answer.raise_for_status().json()
    except (httpx.HTTPStatusError, ValueError) as error:
        log.warning("the provider answered %s with %s", answer.request.url, answer.status_code)
        raise unavailable() from error
    if not isinstance(found, dict):
        raise unavailable()
    return found


def error_of(answer: httpx.Response) -> str:
    """The code of a refusal, for the log."""
    try:
        found = answer.json()
    except ValueError:
        return str(answer.status_code)
    return str(found.get("error", answer.status_code) if isinstance(found, dict) else answer.status_code)[:100]


def is_safe(address: str) -> bool:
    """Whether secrets may travel there: https, or this machine."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL)
