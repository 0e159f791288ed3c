"""What an answer, or its absence, means for the step: the code, whether to try again, and when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from connectors.base import ConnectorError

MAX_RETRY_AFTER_SECONDS = 24 * 3600.0
_SHOWN = 200
_HIDDEN = "[secret]"


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """``Retry-After`` as seconds from ``now``: a number or a date; ``None`` for anything else."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER_SECONDS)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(0.0, (at - now).total_seconds()), MAX_RETRY_AFTER_SECONDS)


def of_status(
    where: str, response: httpx.Response, body: bytes, secrets: Iterable[str], *, write: bool
) -> ConnectorError:
    """The error that an unexpected status stands for."""
    status = response.status_code
    code, permanent = _classify(status)
    said = excerpt(body, secrets)
    return ConnectorError(
        f"{where} answered {status} {_phrase(status)}{': ' + said if said else ''}.",
        code=code,
        permanent=permanent,
        remedy=_remedy(status),
        retry_after_s=retry_after_seconds(response.headers.get("retry-after"), datetime.now(UTC)),
        # After a 5xx or 408 nobody knows whether the write took place; a refusal is a known outcome.
        outcome_known=not (write and code in {"server_error", "timeout"}),
    )


def of_transport(where: str, error: httpx.HTTPError, *, write: bool) -> ConnectorError:
    """The error of a call that got no answer. Its outcome is unknown once the request may have been read."""
    timed_out = isinstance(error, httpx.TimeoutException)
    unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    stage = "could not be reached" if unsent else "did not answer completely"
    return ConnectorError(
        f"{where} {stage}{' in time' if timed_out else ''} ({type(error).__name__}).",
        code="timeout" if timed_out else "server_error",
        permanent=False,
        remedy="Check that the service runs, and that this machine can reach it.",
        outcome_known=unsent or not write,
    )


def excerpt(body: bytes, secrets: Iterable[str]) -> str:
    """The beginning of an error's text on one line, without any secret it may repeat."""
    text = body[: _SHOWN * 20].decode("utf-8", errors="replace")
    for secret in secrets:
        if secret:
            text = text.replace(secret, _HIDDEN)
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"


def _classify(status: int) -> tuple[str, bool]:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "rate_limit", False
    if status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT}:
        return "timeout", False
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "server_error", status in {HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED}
    return "bad_request", True


def _remedy(status: int) -> str:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return "Check the secrets of the connection and what they are allowed to do."
    if status == HTTPStatus.NOT_FOUND:
        return "Check the path."
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return "Redirects are not followed: use the final address."
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "Lower the concurrency, or ask for a higher limit."
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return "Correct the request, or name the status in `expect` if it is fine."
    return "Look at the service's state; the step is tried again as its retry says."


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(no known status)"
