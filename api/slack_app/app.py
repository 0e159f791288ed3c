"""The Bolt app: which handler is for what, the workspace it serves, and that nothing is done twice."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from api.slack_app import forms
from api.slack_app.clicks import delivery_id
from api.slack_app.desk import Desk
from api.slack_app.handlers import Handlers
from connectors.slack.client import SlackClient, SlackRefused, SlackUnknown
from workflows.gates.model import Action
from workflows.relay.notices import slack_card as card
from workflows.store.db import StoreUnavailable
from workflows.store.repositories import inbound
from workflows.usecases.services import Services

log = logging.getLogger("visto.slack")

SOURCE = "slack"
OK, UNAVAILABLE = 200, 503
_PARTS = ("team", "user", "enterprise", "channel", "container", "view", "message", "event", "function_data")

Json = Any


class SlackApp:
    """Bolt over one workspace. ``answer`` is for requests whose signature was checked."""

    def __init__(self, services: Services, client: SlackClient, poke: Callable[[], None]) -> None:
        self._services = services
        self._client = client
        self._tasks: set[asyncio.Task[Any]] = set()
        self.bolt = AsyncApp(
            client=AsyncWebClient(base_url=client.config.api_url),  # Bolt itself calls nothing
            authorize=self._authorizer(),  # type: ignore[arg-type]  # None is Bolt's word for another workspace
            request_verification_enabled=False,  # done before, over the raw bytes, for any header
            ssl_check_enabled=True,
            url_verification_enabled=True,
            logger=log,
        )
        self.bolt.use(self._once())
        self._register(Handlers(Desk(services, poke), client, self._tasks))

    async def answer(self, body: str, headers: Mapping[str, str]) -> BoltResponse:
        """Bolt's answer. What is authentic and not for us gets an empty 200; 503 means that it was not taken."""
        try:
            request = AsyncBoltRequest(body=body, headers={**headers})
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return BoltResponse(status=OK, body="")
        if not _plausible(request.body):
            return BoltResponse(status=OK, body="")
        try:
            await self._client.identity()
        except (SlackRefused, SlackUnknown) as error:
            log.warning("a request cannot be answered before Slack says who we are: %s", error)
            return BoltResponse(status=UNAVAILABLE, body="")
        response = await self.bolt.async_dispatch(request)
        return response if response.status in (OK, UNAVAILABLE) else BoltResponse(status=OK, body="")

    async def close(self) -> None:
        """Wait for what goes on behind answered forms."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    def _register(self, handlers: Handlers) -> None:
        def asking(action: Action) -> Callable[..., Awaitable[None]]:
            async def handle(ack: Any, body: dict[str, Json]) -> None:
                await handlers.ask(ack, body, action)

            return handle

        async def nothing(ack: Any) -> None:
            await ack()

        async def approve(ack: Any, body: dict[str, Json]) -> None:
            await handlers.approve(ack, body)

        async def edited(ack: Any, body: dict[str, Json]) -> None:
            await handlers.edited(ack, body)

        async def rejected(ack: Any, body: dict[str, Json]) -> None:
            await handlers.rejected(ack, body)

        async def sent_back(ack: Any, body: dict[str, Json]) -> None:
            await handlers.sent_back(ack, body)

        self.bolt.action(card.APPROVE)(approve)
        self.bolt.action(card.EDIT)(asking(Action.EDIT))
        self.bolt.action(card.REJECT)(asking(Action.REJECT))
        self.bolt.action(card.CHANGES)(asking(Action.REQUEST_CHANGES))
        self.bolt.action(card.OPEN)(nothing)
        self.bolt.view(forms.EDIT)(edited)
        self.bolt.view(forms.REJECT)(rejected)
        self.bolt.view(forms.CHANGES)(sent_back)
        self.bolt.view(forms.SAYS)(nothing)

    # Bolt reads the names of arguments, and takes ``self`` for one: hence functions within functions

    def _authorizer(self) -> Callable[..., Awaitable[AuthorizeResult | None]]:
        client = self._client

        async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult | None:
            """Our own workspace, and no other."""
            own = await client.identity()
            if team_id != own.team_id:
                log.warning("a request of another workspace (%s) was left alone", team_id)
                return None
            return AuthorizeResult(
                enterprise_id=enterprise_id,
                team_id=own.team_id,
                bot_id=own.bot_id,
                bot_user_id=own.user_id,
                bot_token=client.config.bot_token.get_secret_value(),
            )

        return authorize

    def _once(self) -> Callable[..., Awaitable[BoltResponse | None]]:
        services = self._services

        async def once(body: dict[str, Json], next_: Callable[[], Awaitable[Any]]) -> BoltResponse | None:
            """Take every delivery once: Slack repeats what it thinks was lost, others repeat what they recorded."""
            found = delivery_id(body)
            if found is not None:
                text = json.dumps(body, sort_keys=True, default=str)
                digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
                namespace = services.settings.namespace
                try:
                    receipt = await services.db.write(lambda tx: inbound.receive(tx, namespace, SOURCE, found, digest))
                except StoreUnavailable as error:
                    log.warning("a delivery of Slack's was not taken: %s", error)
                    return BoltResponse(status=UNAVAILABLE, body="")
                if not receipt.first:
                    return BoltResponse(status=OK, body="")
            await next_()
            return None

        return once


def _plausible(body: Json) -> bool:
    """Whether the parts that Bolt reads are of the types that Slack sends; it does not expect others."""
    if not isinstance(body, dict) or not all(isinstance(body.get(one), dict | str | None) for one in _PARTS):
        return False
    event, actions = body.get("event"), body.get("actions")
    if event is not None and not isinstance(event, dict):
        return False
    return actions is None or (isinstance(actions, list) and all(isinstance(one, dict) for one in actions))
