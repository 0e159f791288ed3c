"""Exceptions of the outside world as Temporal failures: a code, a message for people, a remedy, and who tries again.

Errors that say ``permanent`` or a transient code go back to the interpreter, whose plan decides (``retry``). What is
nobody's fault (the store, a pause) is tried again by Temporal itself and never counts as an attempt of the task.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from temporalio.exceptions import ApplicationError

from workflows.store.db import StoreUnavailable

TRANSIENT = frozenset({"timeout", "rate_limit", "server_error"})
STORE_AGAIN = timedelta(seconds=1)
PAUSED_AGAIN = timedelta(seconds=2)


def as_failure(error: BaseException) -> ApplicationError:
    """Turn anything an activity raised into a failure that keeps code, remedy and retry hints."""
    if isinstance(error, ApplicationError):
        return error
    if isinstance(error, StoreUnavailable):
        return _failure(error, "store_unavailable", retry=True, again=STORE_AGAIN)
    if getattr(error, "transient", False):
        return _failure(error, str(getattr(error, "code", "paused")), retry=True, again=PAUSED_AGAIN)
    if isinstance(error, ValidationError):
        return _failure(error, "bad_request", message=_fields(error))
    code = getattr(error, "code", None)
    if isinstance(code, str):
        permanent = bool(getattr(error, "permanent", True))
        return _failure(error, code if permanent or code in TRANSIENT else "server_error", told=code)
    name = type(error).__name__
    return _failure(error, "internal", message=f"Something unexpected happened in this step ({name}).")


def _failure(
    error: BaseException,
    code: str,
    *,
    told: str | None = None,
    message: str | None = None,
    retry: bool = False,
    again: timedelta | None = None,
) -> ApplicationError:
    """``code`` decides about retries; ``told`` is the finer code that people and programs read."""
    details: dict[str, Any] = {"code": told or code, "remedy": getattr(error, "remedy", "") or None}
    wait = getattr(error, "retry_after_s", None)
    if wait is not None:
        details["retry_after_ms"] = int(wait * 1000)
    if code == "internal":
        details["remedy"] = "See the worker's log for this execution, then restart it."
    return ApplicationError(
        message or str(error), details, type=code, non_retryable=not retry, next_retry_delay=again if retry else None
    )


def _fields(error: ValidationError) -> str:
    problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['msg']}" for e in error.errors())
    return f"The step's properties do not fit: {problems}."
