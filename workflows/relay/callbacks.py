"""Tells a caller the result they asked for: one POST of the ``ExecutionResult``, signed as Standard Webhooks describes.

The address was given by a caller, so it is treated like any address from outside: resolved once, every address judged,
no redirects. Private addresses are reached in the development environment only.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import datetime, timedelta

import httpx

from connectors.addresses import Resolve, resolve_checked, system_resolve
from connectors.base import ConnectorError
from connectors.http_target import Target, find_target
from workflows.store.repositories.outbox import Item
from workflows.usecases import results
from workflows.usecases.services import Services

TIMEOUT = timedelta(seconds=10)
GIVE_UP_AFTER = timedelta(days=3)
DEVELOPMENT = "development"


class CallbackFailed(Exception):
    """The receiver did not take it this time; it is told again later."""


class CallbackGivenUp(Exception):
    """The receiver did not take it for three days, or refuses it for good."""


async def deliver_callback(services: Services, item: Item, *, resolve: Resolve = system_resolve) -> None:
    """Post the result. Raises ``CallbackFailed`` or ``CallbackGivenUp``."""
    execution = await results.execution(services, item.namespace, item.target)
    if execution.callback_url is None:
        return
    body = results.result_of(services, execution).model_dump_json().encode()
    now = services.db.clock()
    try:
        target = _target(services, execution.callback_url)
        headers = signed_headers(services.callback_key, item.id, now, body)
        async with asyncio.timeout(TIMEOUT.total_seconds()):
            status = await _post(target, headers, body, resolve)
    except ConnectorError as error:
        if error.permanent:
            raise CallbackGivenUp(str(error)) from error
        _failed(item, now, str(error))
    except (TimeoutError, httpx.HTTPError) as error:
        _failed(item, now, f"the receiver could not be reached ({type(error).__name__})")
    else:
        if status == httpx.codes.GONE:
            raise CallbackGivenUp("the receiver says that it is gone (410)")
        if not httpx.codes.is_success(status):
            _failed(item, now, f"the receiver answered {status}")


def _failed(item: Item, now: datetime, why: str) -> None:
    if now - item.created_at > GIVE_UP_AFTER:
        raise CallbackGivenUp(why)
    raise CallbackFailed(why)


def signed_headers(key: bytes, message_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``: HMAC-SHA256 over id, time and body."""
    stamp = str(int(now.timestamp()))
    signed = b".".join((message_id.encode(), stamp.encode(), body))
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}


def check_callback_url(services: Services, url: str) -> None:
    """Refuse an address of the wrong form when it is given, not when it is used. Raises ``ConnectorError``."""
    _target(services, url)


def _target(services: Services, url: str) -> Target:
    private = services.settings.environment == DEVELOPMENT
    return replace(find_target(None, url, None, None), allow_private=private)


async def _post(target: Target, headers: dict[str, str], body: bytes, resolve: Resolve) -> int:
    addresses = await resolve_checked(target.host, target.port, allow_private=target.allow_private, resolve=resolve)
    headers |= {"host": target.host_header, "content-type": "application/json", "user-agent": "visto"}
    async with (
        httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=TIMEOUT.total_seconds()) as client,
        client.stream(
            "POST",
            target.url_to(addresses[0], []),
            content=body,
            headers=headers,
            extensions={"sni_hostname": target.host},
        ) as response,
    ):
        return response.status_code
