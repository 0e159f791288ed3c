"""What a workspace holds: members, conversations, messages with their whole life, open views, triggers."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import Any

from connectors.slack.manifest import BOT_SCOPES

Json = Any

TRIGGER_S = 3.0
TIERS = {2: 20, 3: 50, 4: 100}
"""Calls a minute of each rate limit tier."""


@dataclass
class Message:
    """``life`` is every content it ever had, the present one last; ``None`` once it was deleted."""

    channel: str
    ts: str
    life: list[dict[str, Json] | None]
    user: str
    thread_ts: str | None = None
    ephemeral_to: str | None = None

    @property
    def now(self) -> dict[str, Json]:
        """What it shows. Raises ``LookupError`` when it was deleted."""
        content = self.life[-1]
        if content is None:
            raise LookupError(f"the message {self.ts} was deleted")
        return content

    def buttons(self) -> dict[str, dict[str, Json]]:
        """Its buttons by action id, each with its block's id."""
        return {
            element["action_id"]: {**element, "block_id": block.get("block_id", "")}
            for block in self.now.get("blocks") or ()
            if block["type"] == "actions"
            for element in block["elements"]
        }

    def words(self) -> str:
        """Every text that a reader sees in it."""
        return "\n".join(_texts(self.now.get("blocks") or []))


@dataclass
class View:
    """An open modal, with what its user typed."""

    id: str
    user: str
    content: dict[str, Json]
    hash: str
    state: dict[str, dict[str, Json]] = field(default_factory=dict)
    is_open: bool = True

    def words(self) -> str:
        return "\n".join(_texts(self.content.get("blocks") or []))


@dataclass
class Channel:
    id: str
    name: str
    members: set[str] = field(default_factory=set)
    is_archived: bool = False


@dataclass
class Workspace:
    """One workspace with our app in it. ``post_every`` is Slack's second between posts; 0 switches it off."""

    team: str = "T0FAKE"
    name: str = "Fake Works"
    bot_user: str = "U0VISTO"
    app_id: str = "A0VISTO"
    bot_token: str = "xoxb-fake-bot"  # noqa: S105
    app_token: str = "xapp-fake-app"  # noqa: S105
    signing_secret: str = "fake-signing-secret"  # noqa: S105
    link_base: str = "http"
    post_every: float = 1.0
    scopes: set[str] = field(default_factory=lambda: set(BOT_SCOPES))
    channels: dict[str, Channel] = field(default_factory=dict)
    users: dict[str, dict[str, Json]] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    views: dict[str, View] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    calls: list[tuple[str, float]] = field(default_factory=list)
    triggers: dict[str, tuple[str, float]] = field(default_factory=dict)
    used_triggers: set[str] = field(default_factory=set)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _last_ts: float = 0.0

    def number(self) -> int:
        return next(self._numbers)

    def channel(self, name: str, *, joined: bool = True) -> Channel:
        """Make a channel; the app is a member unless said otherwise."""
        made = Channel(f"C{self.number():05d}", name.removeprefix("#"), {self.bot_user} if joined else set())
        self.channels[made.id] = made
        return made

    def user(self, name: str, email: str = "") -> str:
        """Make a member; returns their id."""
        made = f"U{self.number():05d}"
        self.users[made] = {"id": made, "team_id": self.team, "name": name, "profile": {"email": email}}
        return made

    def direct(self, user: str) -> Channel:
        """The conversation of the app with a member."""
        found = next((one for one in self.channels.values() if one.name == f"@{user}"), None)
        if found is None:
            found = Channel(f"D{self.number():05d}", f"@{user}", {self.bot_user, user})
            self.channels[found.id] = found
        return found

    def stamp(self) -> str:
        """A time that no other message has."""
        self._last_ts = max(time.time(), self._last_ts + 0.000_001)
        return f"{self._last_ts:.6f}"

    def trigger(self, user: str) -> str:
        """A trigger id for something that a user did just now."""
        made = f"{self.number()}.{self.team}.{self.number()}"
        self.triggers[made] = (user, time.monotonic())
        return made

    def find(self, channel: str, ts: str) -> Message | None:
        """The message, unless it was deleted."""
        found = (one for one in self.messages if (one.channel, one.ts) == (channel, ts) and one.ephemeral_to is None)
        return next((one for one in found if one.life[-1] is not None), None)

    def shown(self, channel: str | None = None) -> list[Message]:
        """Messages that everybody in a channel sees, oldest first, without answers in threads."""
        return [
            one
            for one in self.messages
            if one.life[-1] is not None
            and one.ephemeral_to is None
            and one.thread_ts is None
            and channel in (None, one.channel)
        ]

    def threads(self, ts: str) -> list[Message]:
        return [one for one in self.messages if one.thread_ts == ts and one.life[-1] is not None]

    def whispers(self, user: str) -> list[str]:
        """What only this member was told."""
        return [str(one.now.get("text")) for one in self.messages if one.ephemeral_to == user]

    def called(self, method: str) -> int:
        return sum(name == method for name, _ in self.calls)


def _texts(value: Json) -> list[str]:
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    if not isinstance(value, dict):
        return []
    own = (
        [value["text"]] if value.get("type") in ("plain_text", "mrkdwn") and isinstance(value.get("text"), str) else []
    )
    return own + [text for one in value.values() if isinstance(one, dict | list) for text in _texts(one)]
