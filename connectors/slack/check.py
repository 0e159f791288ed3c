"""Whether a Slack app works: its tokens, its scopes, its channel. One look, told to whoever set it up."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from connectors.slack.client import SlackClient, SlackRefused, SlackUnknown
from connectors.slack.config import SlackConfig
from connectors.slack.manifest import BOT_SCOPES


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that does not work, and what to do about it."""

    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What was found. ``listens`` is ``http``, ``socket`` or nothing; ``undelivered`` are cards that could not be shown."""

    is_set_up: bool
    team: str = ""
    team_id: str = ""
    bot: str = ""
    listens: str = ""
    channels: dict[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    undelivered: tuple[str, ...] = ()

    @property
    def works(self) -> bool:
        return self.is_set_up and not self.problems

    def as_json(self) -> dict[str, Any]:
        return {"works": self.works, **asdict(self)}

    def lines(self) -> list[str]:
        """The same for people."""
        if not self.is_set_up:
            return ["Slack is not set up. Run: visto slack setup"]
        how = {"http": "over HTTP at /slack/events", "socket": "through a socket", "": "nowhere"}[self.listens]
        made = [f"Slack: {self.team or 'unknown workspace'} ({self.team_id or '?'}), listening {how}"]
        made += [
            f"Default channel{'' if space == '*' else f' of {space}'}: {name}" for space, name in self.channels.items()
        ]
        for problem in self.problems:
            made.append(f"PROBLEM  {problem.message}")
            made += [f"         {problem.remedy}"] if problem.remedy else []
        return [*made, *(f"not shown  {one}" for one in self.undelivered)]


async def look(config: SlackConfig, *, test_message: bool = False) -> Standing:
    """Ask Slack. Raises ``SlackUnknown`` (and ``SlackRefused`` ``unreachable``) when it does not answer."""
    client = SlackClient(config)
    problems: list[Problem] = []
    try:
        try:
            own = await client.identity()
        except SlackRefused as error:
            if error.code == "unreachable":
                raise
            remedy = "Copy the Bot User OAuth Token again (OAuth & Permissions)."
            return Standing(True, problems=(Problem(f"Slack does not accept the bot token: {error.code}.", remedy),))
        problems += [*await _scopes(client), *await _channels(client, test_message=test_message)]
        problems += await _socket(config)
    finally:
        await client.close()
    listens = "socket" if config.app_token else "http" if config.signing_secret else ""
    if not listens:
        problems.append(Problem("Clicks cannot arrive.", "Set a signing secret (with --url) or an app token."))
    return Standing(True, own.team, own.team_id, own.user_id, listens, dict(config.channels), tuple(problems))


async def member(config: SlackConfig, email: str) -> str | None:
    """``team:user`` of the member with this address. Raises ``SlackRefused``, ``SlackUnknown``."""
    client = SlackClient(config)
    try:
        team = (await client.identity()).team_id
        found = await client.call("users.lookupByEmail", email=email)
    except SlackRefused as error:
        if error.code == "users_not_found":
            return None
        raise
    finally:
        await client.close()
    user = found.get("user") or {}
    return f"{user.get('team_id') or team}:{user['id']}"


async def _scopes(client: SlackClient) -> list[Problem]:
    answer = await client.web.api_call("auth.test")
    granted = {one.strip() for one in str(answer.headers.get("x-oauth-scopes", "")).split(",") if one.strip()}
    missing = sorted(set(BOT_SCOPES) - granted)
    if not granted or not missing:
        return []
    words = ", ".join(f"{scope} ({BOT_SCOPES[scope]})" for scope in missing)
    return [Problem(f"The app lacks: {words}.", "Paste the manifest anew (App Manifest), then reinstall the app.")]


async def _channels(client: SlackClient, *, test_message: bool) -> list[Problem]:
    problems: list[Problem] = []
    for name in dict.fromkeys(client.config.channels.values()):
        invite = f"In Slack, write in {name}: /invite @Visto"
        try:
            channel = await client.channel_id(name)
            await client.call("conversations.history", channel=channel, limit=1)
            if test_message:
                words = "Visto can write here. Gates that wait for a decision will be shown in this channel."
                await client.call(
                    "chat.postMessage", channel=channel, text=words, unfurl_links=False, unfurl_media=False
                )
        except SlackRefused as error:
            problems.append(Problem(f"The channel {name} cannot be used: {error.code}.", invite))
    return problems


async def _socket(config: SlackConfig) -> list[Problem]:
    if config.app_token is None:
        return []
    web = AsyncWebClient(token=config.app_token.get_secret_value(), base_url=config.api_url, retry_handlers=[])
    try:
        await web.apps_connections_open(app_token=config.app_token.get_secret_value())
    except SlackClientError:
        remedy = (
            "Make an App-Level Token with the scope connections:write (Basic Information), and switch Socket Mode on."
        )
        return [Problem("Slack does not accept the app token.", remedy)]
    return []


__all__ = ["Problem", "SlackRefused", "SlackUnknown", "Standing", "look", "member"]
