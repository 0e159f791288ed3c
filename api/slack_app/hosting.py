"""Keeps the Slack app of this process: made when first needed, with a socket if there is an app token.

Without a bot token nothing of Slack is imported. With an app token (``xapp-``) clicks arrive through a connection that
this process opens, and no public address is needed; else Slack posts them to ``/slack/events``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from connectors.slack.config import SlackConfig
from workflows.slack_settings import config_of
from workflows.usecases.services import Services

if TYPE_CHECKING:
    from api.slack_app.app import SlackApp

log = logging.getLogger("visto.slack")

AGAIN_S = 5.0
LONGEST_S = 60.0


class SlackHost:
    """Raises ``ConnectorError`` for settings that cannot be right: the API does not start with them."""

    def __init__(self, services: Services, poke: Callable[[], None]) -> None:
        self._services = services
        self._poke = poke
        self._app: SlackApp | None = None
        self.config: SlackConfig | None = config_of(services.settings)

    @property
    def secret(self) -> str | None:
        """The signing secret, if requests over HTTP can be checked here."""
        found = self.config.signing_secret if self.config is not None else None
        return None if found is None else found.get_secret_value()

    def app(self) -> SlackApp:
        """The app; only where Slack is set up."""
        if self._app is None:
            from api.slack_app.app import SlackApp
            from connectors.slack.client import SlackClient

            assert self.config is not None
            self._client = SlackClient(self.config)
            self._app = SlackApp(self._services, self._client, self._poke)
        return self._app

    async def run(self) -> None:
        """Keep a socket open until cancelled, if there is an app token. Slack that is away is waited for."""
        if self.config is None or self.config.app_token is None:
            return
        pause = AGAIN_S
        while True:
            try:
                await self._listen(self.config.app_token.get_secret_value())
            except Exception as error:  # noqa: BLE001  whatever the network says, we try again
                log.warning("Slack's socket could not be opened: %s", type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_S)

    async def _listen(self, app_token: str) -> None:
        from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
        from slack_sdk.web.async_client import AsyncWebClient

        app = self.app()
        assert self.config is not None
        # its own client: the app's speaks with the bot's token, which may not open sockets
        web = AsyncWebClient(token=app_token, base_url=self.config.api_url)
        handler = AsyncSocketModeHandler(app.bolt, app_token, web_client=web)
        try:
            await handler.connect_async()  # type: ignore[no-untyped-call]
            log.info("listening to Slack through a socket")
            await asyncio.Event().wait()
        finally:
            with contextlib.suppress(Exception):
                await handler.close_async()  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        if self._app is not None:
            await self._app.close()
            await self._client.close()
