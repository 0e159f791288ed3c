"""Slack as a channel: one card for each gate and place, kept at the gate's present state, with its thread.

A place is ``team:#channel`` or ``team:@user``. Cards carry metadata with the notice's key, so that a card whose poster
died before writing it down is found in the channel's history instead of being posted again. (``client_msg_id`` would be
simpler; Slack's own people say that apps must not rely on it.)
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from connectors.slack import blocks as b
from connectors.slack.client import SlackClient, SlackRefused, SlackUnknown
from connectors.slack.config import SlackConfig
from workflows.gates.visible import visible
from workflows.relay.notices import slack_card as card
from workflows.relay.notices.channel import Gone, Message, NotTold, Told
from workflows.relay.notices.formats import one_line
from workflows.usecases.services import Services

T = TypeVar("T")
Json = Any

NAME = "slack"
CARD = "card"
MARK = "visto_gate"
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
_TOO_LONG = frozenset({"msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format"})
_MOVED = frozenset({"channel_not_found", "is_archived", "not_in_channel"})
_REMEDIES = {
    "not_in_channel": "Invite the app there: /invite @Visto",
    "channel_not_found": "Check the channel's name, and invite the app there: /invite @Visto",
    "is_archived": "Name another channel, or bring it back.",
    "invalid_auth": "Run `visto slack setup` with the app's present token.",
    "token_revoked": "Run `visto slack setup` with the app's present token.",
    "account_inactive": "Install the app anew, then run `visto slack setup`.",
    "missing_scope": "Install the app anew with the manifest of `visto slack setup`.",
}


class SlackChannel:
    """See ``channel.Channel``."""

    name = NAME
    changes = True

    def __init__(self, services: Services, config: SlackConfig, client: SlackClient | None = None) -> None:
        self._services = services
        self._config = config
        self.client = client or SlackClient(config)

    async def wanted(self, told: Told) -> Sequence[Message]:
        team = (await _told(self.client.identity())).team_id
        targets = [f"{team}:{target}" for target in self._targets(told, team)] if told.is_open else []
        kept = [p.address for p in told.places if p.part == CARD and (p.reference is not None or p.unsure)]
        content = card.open_card(told) if told.is_open else card.closed_card(told)
        made = [Message(address, CARD, content) for address in targets]
        for address in (one for one in dict.fromkeys(kept) if one not in targets):
            direct = told.is_open and address.partition(":")[2].startswith("@")
            made.append(Message(address, CARD, card.moved_card(told) if direct else content, posts=False))
        return [*made, *self._threads(told)]

    def _targets(self, told: Told, team: str) -> list[str]:
        default = self._config.channel_of(told.namespace)
        channels = [str(one.get("channel") or default or "") for one in told.notify]
        people = [] if told.assignee is None else told.assignee.subjects("slack")
        mine = [f"@{subject.partition(':')[2]}" for subject in people if subject.startswith(f"{team}:")]
        return list(dict.fromkeys([one for one in channels if one] + mine))

    def _threads(self, told: Told) -> list[Message]:
        """What belongs under the cards that exist: reminders, and words too long for the card."""
        made: list[Message] = []
        decision = told.decision
        for place in told.places:
            if place.part != CARD or place.reference is None:
                continue
            if told.is_open and told.reminders:
                part = f"reminder:{told.detail.opened_at:%Y%m%d%H%M%S}:{told.reminders}"
                made.append(Message(place.address, part, _reminder(told, place.reference)))
            long = None if decision is None else card.long_comment(decision)
            if decision is not None and long is not None:
                content = {"text": "What was said", "blocks": b.sections(long), "under": place.reference}
                made.append(Message(place.address, f"words:{decision.id}", content))
        return made

    async def ready(self, message: Message) -> None:
        channel = await self._channel(message)
        await self.client.turn(channel)

    async def post(self, told: Told, message: Message) -> str:
        channel = await self._channel(message)
        given = {"channel": channel, "metadata": _mark(told, message), **_quiet()}
        under = message.content.get("under")
        if under is not None:
            given["thread_ts"] = str(under).partition(":")[2]
        answer = await self._saying(told, "chat.postMessage", message, given)
        return f"{answer.get('channel', channel)}:{answer['ts']}"

    async def change(self, told: Told, message: Message, reference: str) -> None:
        channel, _, ts = reference.partition(":")
        given = {"channel": channel, "ts": ts, "metadata": _mark(told, message), "parse": "none", "link_names": False}
        await self._saying(told, "chat.update", message, given)

    async def find(self, told: Told, message: Message, since: datetime) -> str | None:
        channel = await self._channel(message)
        under = message.content.get("under")
        thread = None if under is None else str(under).partition(":")[2]
        key = _key(told, message)
        ts = await _told(self.client.marked(channel, MARK, key, since.timestamp(), thread=thread))
        return None if ts is None else f"{channel}:{ts}"

    async def close(self) -> None:
        await self.client.close()

    async def _channel(self, message: Message) -> str:
        target = message.address.partition(":")[2]
        return await _told(self.client.channel_id(target))

    async def _saying(self, told: Told, method: str, message: Message, given: dict[str, Json]) -> dict[str, Json]:
        """Send it; a card that Slack finds too long is replaced by one that says where to decide."""
        content = message.content
        try:
            return await self.client.call(method, text=content["text"], blocks=content["blocks"], **given)
        except SlackRefused as error:
            if error.code in _GONE:
                raise Gone(error.code) from error
            if error.code in _MOVED:
                self.client.forget_channel(message.address.partition(":")[2])
            if error.code not in _TOO_LONG or message.part != CARD:
                raise _not_told(error) from error
        short = card.too_long(told) if told.is_open else _bare(content["text"], told.link)
        try:
            return await self.client.call(method, text=short["text"], blocks=short["blocks"], **given)
        except SlackRefused as error:
            raise _not_told(error) from error


async def _told(call: Awaitable[T]) -> T:
    """For calls that change nothing: whatever went wrong, no message was made."""
    try:
        return await call
    except SlackRefused as error:
        raise _not_told(error) from error
    except SlackUnknown as error:
        raise NotTold(str(error)) from error


def _not_told(error: SlackRefused) -> NotTold:
    remedy = _REMEDIES.get(error.code, "")
    return NotTold(f"{error} {remedy}".strip(), again_in=error.again_in)


def _key(told: Told, message: Message) -> str:
    return f"{told.namespace}/{told.detail.id}/{message.part}"


def _mark(told: Told, message: Message) -> dict[str, Json]:
    return {"event_type": MARK, "event_payload": {"key": _key(told, message), "gate": told.detail.id}}


def _quiet() -> dict[str, Json]:
    """No previews, no links and no mentions made of what is written."""
    return {"unfurl_links": False, "unfurl_media": False, "parse": "none", "link_names": False, "mrkdwn": False}


def _reminder(told: Told, reference: str) -> dict[str, Json]:
    until = told.detail.expires_at
    deadline = f" It expires at {card.stamp(until)}." if until is not None else ""
    words = f"Still waiting for a decision since {card.stamp(told.detail.opened_at)}.{deadline}"
    title = one_line(visible(told.detail.title), 100)
    return {"text": b.escape(f"{title}: {words}"), "blocks": [b.section(words)], "under": reference}


def _bare(text: str, link: str) -> dict[str, Json]:
    return {"text": text, "blocks": [b.link(link, "See it in the console")]}
