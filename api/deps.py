"""What routes ask for: the caller that the guard recognised, and the services."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Query, Request

from api.auth import Authenticator, Caller
from api.errors import ApiError
from workflows.relay.loop import Relay
from workflows.usecases.services import Services

MAX_IDEMPOTENCY_KEY = 255


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


async def _authenticator(request: Request) -> Authenticator:
    authenticator: Authenticator = request.app.state.authenticator
    return authenticator


async def _relay(request: Request) -> Relay:
    relay: Relay = request.app.state.relay
    return relay


async def _idempotency_key(idempotency_key: Annotated[str | None, Header()] = None) -> str | None:
    if idempotency_key is None:
        return None
    key = idempotency_key.strip()
    if not key or len(key) > MAX_IDEMPOTENCY_KEY or not key.isprintable() or not key.isascii():
        raise ApiError(
            400,
            "invalid_idempotency_key",
            "The Idempotency-Key is empty, too long or not printable ASCII.",
            f"Send 1 to {MAX_IDEMPOTENCY_KEY} printable ASCII characters, for example a UUID.",
        )
    return key


ServicesDep = Annotated[Services, Depends(_services)]
CallerDep = Annotated[Caller, Depends(_caller)]
AuthenticatorDep = Annotated[Authenticator, Depends(_authenticator)]
RelayDep = Annotated[Relay, Depends(_relay)]
IdempotencyKey = Annotated[str | None, Depends(_idempotency_key)]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500)]
WaitSeconds = Annotated[float, Query(ge=0, le=60, description="Wait up to so many seconds for the end.")]
