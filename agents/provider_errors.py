"""What a provider's failure means, in our words: who must act, and whether trying again can help.

Provider libraries are recognised by what their errors carry (``status_code``, ``response``), not by import:
importing one costs seconds, and all of them derive from httpx.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from agents.contracts import AgentError

HTTP_TIMEOUT = 408
HTTP_CONFLICT = 409
HTTP_RATE_LIMIT = 429
HTTP_SERVER_ERROR = 500
MAX_RETRY_AFTER_S = 600.0
MAX_QUOTED = 300
_RETRYABLE_WORDS = frozenset({HTTP_TIMEOUT, HTTP_CONFLICT})


class AnswerTooLarge(httpx.TransportError):
    """The provider sent more bytes than one answer may have."""


def explained(error: Exception, *, model: str, now: float) -> AgentError:
    """The typed error for anything a provider's client raised. ``now`` is a Unix time, for dated ``Retry-After``."""
    if isinstance(error, AgentError):
        return error
    chain = list(_causes(error))
    if any(isinstance(cause, AnswerTooLarge) for cause in chain):
        return AgentError(
            f"model {model}: {_words(chain[-1])}",
            code="bad_answer",
            permanent=True,
            remedy="Ask for less in one step, or use another model.",
        )
    for cause in chain:
        status = getattr(cause, "status_code", None)
        if isinstance(status, int):
            return _by_status(cause, status, model=model, now=now)
    if any(isinstance(cause, httpx.TimeoutException | TimeoutError) for cause in chain):
        return AgentError(
            f"model {model} did not answer in time",
            code="timeout",
            permanent=False,
            remedy="It is tried again; if it keeps happening, raise timeout_s of the model alias.",
        )
    if any(isinstance(cause, httpx.TransportError | OSError) for cause in chain):
        return AgentError(
            f"model {model}: the connection failed ({_words(chain[-1])})",
            code="server_error",
            permanent=False,
            remedy="It is tried again; check base_url and the network if it keeps happening.",
        )
    return AgentError(
        f"model {model} sent an answer that cannot be read ({_words(error)})",
        code="server_error",
        permanent=False,
        remedy="It is tried again; check that base_url points at a chat completions API if it keeps happening.",
    )


def _by_status(error: BaseException, status: int, *, model: str, now: float) -> AgentError:
    words = f"model {model} answered {status}: {_words(error)}"
    retry_after = _retry_after(getattr(error, "response", None), now)
    if status == HTTP_RATE_LIMIT and _code(error) == "insufficient_quota":
        remedy = "The account's quota is used up: raise it at the provider, or set a fallback model."
        return AgentError(words, code="bad_request", permanent=True, remedy=remedy)
    if status == HTTP_RATE_LIMIT:
        return AgentError(
            words, code="rate_limit", permanent=False, remedy="It is tried again later.", retry_after_s=retry_after
        )
    if status == HTTP_TIMEOUT:
        return AgentError(
            words, code="timeout", permanent=False, remedy="It is tried again.", retry_after_s=retry_after
        )
    if status >= HTTP_SERVER_ERROR or status in _RETRYABLE_WORDS:
        return AgentError(
            words, code="server_error", permanent=False, remedy="It is tried again.", retry_after_s=retry_after
        )
    if _code(error) in {"content_filter", "content_policy_violation"}:
        remedy = "Change the instructions or the data, or decide this case by hand."
        return AgentError(words, code="model_refused", permanent=True, remedy=remedy)
    remedy = "Check the model's name, the key and base_url of the alias."
    return AgentError(words, code="bad_request", permanent=True, remedy=remedy)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    step: BaseException | None = error
    while step is not None and id(step) not in seen:
        seen.add(id(step))
        yield step
        step = step.__cause__ or step.__context__


def _code(error: BaseException) -> str | None:
    code = getattr(error, "code", None)
    return code if isinstance(code, str) else None


def _words(error: BaseException) -> str:
    body: Any = getattr(error, "body", None)
    message = body.get("message") if isinstance(body, dict) else None
    text = " ".join(str(message or error or type(error).__name__).split())
    return text if len(text) <= MAX_QUOTED else text[:MAX_QUOTED] + "…"


def _retry_after(response: Any, now: float) -> float | None:
    headers = getattr(response, "headers", {})
    seconds: float | None = None
    with contextlib.suppress(ValueError, TypeError):
        seconds = float(headers["retry-after-ms"]) / 1000 if "retry-after-ms" in headers else None
    raw = headers.get("retry-after")
    if seconds is None and raw is not None:
        try:
            seconds = float(raw)
        except ValueError:
            with contextlib.suppress(ValueError, TypeError):
                seconds = parsedate_to_datetime(raw).timestamp() - now
    return None if seconds is None or seconds != seconds else min(max(seconds, 0.0), MAX_RETRY_AFTER_S)  # noqa: PLR0124
