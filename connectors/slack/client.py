"""Slack's Web API, with every failure told apart: refused (it did not happen) or unknown (it may have happened)."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from connectors.slack.config import SlackConfig

TIMEOUT_S = 8
ONE_POST = 1.1
"""Seconds between two posts in one channel: Slack's limit is one, and requests do not travel equally fast."""
PAGES = 50
PAGE = 200
READING = ("conversations.history", "conversations.replies", "conversations.list", "users.")
"""Methods that take no JSON."""
SERVER_ERRORS = 500
TOO_MANY = 429

Json = Any


class SlackRefused(Exception):
    """Slack said no: nothing happened. ``code`` is Slack's word; ``again_in`` when it said when to come back."""

    def __init__(self, code: str, message: str = "", *, again_in: timedelta | None = None) -> None:
        super().__init__(message or code)
        self.code = code
        self.again_in = again_in


class SlackUnknown(Exception):
    """No answer, or none that says anything: what was asked for may have happened."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the bot token speaks as."""

    team_id: str
    team: str
    user_id: str
    bot_id: str
    url: str


class SlackClient:
    """One workspace, one bot token. Close it when done; it belongs to one event loop."""

    def __init__(self, config: SlackConfig) -> None:
        self.config = config
        self._session: aiohttp.ClientSession | None = None
        self._web: AsyncWebClient | None = None
        self._identity: Identity | None = None
        self._channels: dict[str, str] = {}
        self._next_post: dict[str, float] = {}
        self._shut: dict[str, float] = {}

    @property
    def web(self) -> AsyncWebClient:
        """The SDK's client. It repeats nothing by itself: a repeated post would be a second message."""
        if self._web is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
            )
            self._web = AsyncWebClient(
                token=self.config.bot_token.get_secret_value(),
                base_url=self.config.api_url,
                timeout=TIMEOUT_S,
                session=self._session,
                retry_handlers=[],
            )
        return self._web

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        self._session = self._web = None

    async def call(self, method: str, **arguments: Json) -> dict[str, Json]:
        """Call a method with JSON. Raises ``SlackRefused``, ``SlackUnknown``."""
        shut = self._shut.get(method, 0.0) - time.monotonic()
        if shut > 0:
            raise SlackRefused("ratelimited", "Slack asked to wait.", again_in=timedelta(seconds=shut))
        given = {name: value for name, value in arguments.items() if value is not None}
        reading = method.startswith(READING)
        try:
            if reading:
                answer = await self.web.api_call(method, http_verb="GET", params=given)
            else:
                answer = await self.web.api_call(method, json=given)
        except SlackApiError as error:
            raise self._refused(method, error) from error
        except aiohttp.ClientConnectorError as error:
            raise SlackRefused("unreachable", "Slack could not be reached.") from error
        except (aiohttp.ClientError, SlackClientError, TimeoutError) as error:
            raise SlackUnknown(f"Slack did not answer {method} ({type(error).__name__}).") from error
        data = answer.data
        return data if isinstance(data, dict) else {}

    def _refused(self, method: str, error: SlackApiError) -> Exception:
        response = error.response
        status = getattr(response, "status_code", 200)
        if status == TOO_MANY:
            wait = _seconds(response.headers)
            self._shut[method] = time.monotonic() + wait
            return SlackRefused("ratelimited", "Slack asked to wait.", again_in=timedelta(seconds=wait))
        data = response.data if isinstance(getattr(response, "data", None), dict) else {}
        code = str(data.get("error") or "")
        if status >= SERVER_ERRORS or not code:
            return SlackUnknown(f"Slack answered {method} with status {status}.")
        details = "; ".join(str(one) for one in (data.get("response_metadata") or {}).get("messages", []))
        needed = f" (needs {data['needed']})" if data.get("needed") else ""
        return SlackRefused(code, f"Slack refused {method}: {code}{needed}{': ' + details if details else ''}")

    async def identity(self) -> Identity:
        """Who the token belongs to; asked once."""
        if self._identity is None:
            found = await self.call("auth.test")
            self._identity = Identity(
                team_id=str(found.get("team_id", "")),
                team=str(found.get("team", "")),
                user_id=str(found.get("user_id", "")),
                bot_id=str(found.get("bot_id", "")),
                url=str(found.get("url", "")),
            )
        return self._identity

    async def channel_id(self, target: str) -> str:
        """The id of ``#name``, of ``C0123`` itself, or of the conversation with ``@U0123``."""
        known = self._channels.get(target)
        if known is None:
            known = self._channels[target] = await self._find_channel(target)
        return known

    def forget_channel(self, target: str) -> None:
        """Look it up again next time: it was renamed, archived or left."""
        self._channels.pop(target, None)

    async def _find_channel(self, target: str) -> str:
        if target.startswith("@"):
            opened = await self.call("conversations.open", users=target[1:])
            return str(opened["channel"]["id"])
        if target[:1] in ("C", "G", "D") and target.isalnum() and target.isupper():
            return target
        name, cursor = target.removeprefix("#"), ""
        for _ in range(PAGES):
            page = await self.call(
                "conversations.list",
                types="public_channel,private_channel",
                exclude_archived="true",
                limit=PAGE,
                cursor=cursor or None,
            )
            for channel in page.get("channels", []):
                if channel.get("name") == name:
                    return str(channel["id"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                break
        raise SlackRefused("channel_not_found", f"There is no channel #{name} that the app can see. Invite it there.")

    async def turn(self, channel: str) -> None:
        """Wait for this channel's next post. Turns are given in the order in which they are asked for."""
        now = time.monotonic()
        at = max(now, self._next_post.get(channel, 0.0), self._shut.get("chat.postMessage", 0.0))
        self._next_post[channel] = at + ONE_POST
        if at > now:
            await asyncio.sleep(at - now)

    async def marked(self, channel: str, kind: str, key: str, since: float, *, thread: str | None = None) -> str | None:
        """The ``ts`` of the message whose metadata is ``kind`` with ``{"key": key}``, posted after ``since`` (epoch).

        Looks among the channel's messages, or among the answers in ``thread``. Raises ``SlackRefused`` also when the search had to be given up: then nothing is known.
        """
        cursor = ""
        for _ in range(PAGES):
            page = await self.call(
                "conversations.history" if thread is None else "conversations.replies",
                channel=channel,
                ts=thread,
                oldest=f"{since:.6f}",
                limit=PAGE,
                include_all_metadata="true",
                cursor=cursor or None,
            )
            for message in page.get("messages", []):
                metadata = message.get("metadata") or {}
                if metadata.get("event_type") == kind and (metadata.get("event_payload") or {}).get("key") == key:
                    return str(message["ts"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return None
        raise SlackRefused("search_too_long", "The channel has too many messages to find an earlier card in.")


def _seconds(headers: Any) -> float:
    try:
        return min(max(float(headers.get("Retry-After", 1)), 1.0), 3600.0)
    except (TypeError, ValueError):
        return 1.0
