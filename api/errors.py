"""Every error of the product as ``application/problem+json``, in one table. Nobody ever reads a traceback.

``code`` is stable and for programs, ``detail`` and ``remedy`` are for people.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from rag.model import (
    BadQuery,
    EmbeddingMismatch,
    EmbeddingsRefused,
    KnowledgeError,
    KnowledgeUnavailable,
    UnknownCollection,
    UnreadableDocument,
)
from workflows.gates.model import GateError
from workflows.gateway import TemporalUnavailable
from workflows.store.db import StoreUnavailable
from workflows.store.refusals import AlreadyExists, IdempotencyConflict, InvalidCursor, NotFound, Refusal
from workflows.usecases.refusals import Refused

log = logging.getLogger("visto.api")

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = "1"


class Problem(BaseModel):
    """RFC 9457, with the product's ``code`` and ``remedy``. ``fields`` has messages per field of the request."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    remedy: str = ""
    fields: dict[str, list[str]] | None = None
    diagnostics: list[dict[str, Any]] | None = None
    context: dict[str, Any] | None = None


class ApiError(Exception):
    """A refusal of the API itself: no key, no right, no such thing here."""

    def __init__(
        self, status: int, code: str, message: str, remedy: str = "", *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.remedy = remedy
        self.headers = dict(headers or {})


_STORE: dict[type[Refusal], tuple[int, str, str]] = {
    NotFound: (404, "not_found", "Check the id and the namespace."),
    IdempotencyConflict: (422, "idempotency_key_reused", "Send a new key with a new request."),
    AlreadyExists: (409, "already_exists", "Choose another name, or use what exists."),
    InvalidCursor: (400, "invalid_cursor", "Start the listing again without a cursor."),
}
_KNOWLEDGE: dict[type[KnowledgeError], tuple[int, str]] = {
    KnowledgeUnavailable: (503, "knowledge_unavailable"),
    UnknownCollection: (404, "unknown_collection"),
    EmbeddingMismatch: (409, "embedding_mismatch"),
    EmbeddingsRefused: (503, "embeddings_refused"),
    BadQuery: (422, "bad_query"),
    UnreadableDocument: (422, "unreadable_document"),
}
_HTTP_CODES = {
    400: ("bad_request", "Correct the request."),
    404: ("not_found", "Check the address; /docs lists what there is."),
    405: ("method_not_allowed", "Use a method that this address knows; /docs lists them."),
    408: ("body_timeout", "Send the whole body within ten seconds."),
    413: ("body_too_large", "Send less, or upload a file and pass its reference."),
    415: ("unsupported_media_type", "Send application/json."),
    431: ("headers_too_large", "Send fewer or shorter headers."),
}


def problem_of(error: Exception) -> Problem:
    """The one mapping from errors to what a client is told."""
    match error:
        case ApiError():
            return _problem(error.status, error.code, str(error), error.remedy)
        case GateError():
            fields = error.detail.get("fields") if error.code == "invalid_edit" else None
            return _problem(
                error.status, error.code, str(error), error.remedy, fields=fields, context=error.detail or None
            )
        case Refused():
            return _problem(
                error.status,
                error.code,
                str(error),
                error.remedy,
                fields=error.fields or None,
                diagnostics=error.diagnostics or None,
            )
        case StoreUnavailable():
            return _problem(503, "store_unavailable", str(error), error.remedy)
        case TemporalUnavailable():
            return _problem(503, "temporal_unavailable", str(error), error.remedy)
        case RequestValidationError():
            return _invalid(error)
        case HTTPException():
            code, remedy = _HTTP_CODES.get(error.status_code, ("http_error", ""))
            return _problem(error.status_code, code, str(error.detail), remedy)
    return _by_table(error)


def _by_table(error: Exception) -> Problem:
    for kind, (status, code, remedy) in _STORE.items():
        if isinstance(error, kind):
            return _problem(status, code, str(error), remedy)
    for knowledge, (status, code) in _KNOWLEDGE.items():
        if isinstance(error, knowledge):
            return _problem(status, code, str(error), getattr(error, "remedy", ""))
    return _problem(
        500,
        "internal_error",
        "Something went wrong here; it was logged and nothing was done halfway.",
        "Try again; if it stays, look at the API's log.",
    )


def _problem(status: int, code: str, detail: str, remedy: str = "", **more: Any) -> Problem:
    return Problem(title=HTTPStatus(status).phrase, status=status, code=code, detail=detail, remedy=remedy, **more)


def _invalid(error: RequestValidationError) -> Problem:
    fields: dict[str, list[str]] = {}
    for item in error.errors():
        place = ".".join(str(part) for part in item["loc"] if part != "body") or "body"
        fields.setdefault(place, []).append(str(item["msg"]))
    named = "; ".join(f"{place}: {', '.join(messages)}" for place, messages in fields.items())
    return _problem(
        422, "invalid_request", f"The request is not right: {named}.", "Correct the fields named here.", fields=fields
    )


def problem_response(error: Exception) -> JSONResponse:
    """The response for an error, with ``WWW-Authenticate`` or ``Retry-After`` where they belong."""
    problem = problem_of(error)
    headers = dict(getattr(error, "headers", None) or {})
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.setdefault("Retry-After", RETRY_AFTER_S)
    body = problem.model_dump(mode="json", exclude_none=True)
    return JSONResponse(body, status_code=problem.status, headers=headers, media_type=MEDIA_TYPE)


async def _handle(_: Request, error: Exception) -> JSONResponse:
    return problem_response(error)


async def _handle_unknown(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.scope.get("path"), exc_info=error)
    return problem_response(error)


KNOWN: tuple[type[Exception], ...] = (
    ApiError,
    GateError,
    Refused,
    StoreUnavailable,
    TemporalUnavailable,
    RequestValidationError,
    HTTPException,
    *_STORE,
    *_KNOWLEDGE,
)


def install(app: FastAPI) -> None:
    """Answer every error of this app with a problem document."""
    for kind in KNOWN:
        app.add_exception_handler(kind, _handle)
    app.add_exception_handler(Exception, _handle_unknown)
