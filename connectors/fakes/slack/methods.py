"""The Web API's methods on a workspace. Each takes the call's arguments and returns the answer, or raises ``ApiRefused``."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from typing import Any

from connectors.fakes.slack.limits import TEXT_ARGUMENT, message_problems, view_problems
from connectors.fakes.slack.promises import broken
from connectors.fakes.slack.workspace import TIERS, TRIGGER_S, Channel, Message, View, Workspace

Json = Any
Arguments = dict[str, Json]


class ApiRefused(Exception):
    """``ok: false``. ``retry_after`` makes it a 429."""

    def __init__(self, error: str, *, retry_after: int | None = None, **more: Json) -> None:
        super().__init__(error)
        self.error = error
        self.retry_after = retry_after
        self.more = more


def auth_test(world: Workspace, _: Arguments) -> Arguments:
    return {
        "url": f"https://{world.team.lower()}.slack.com/", "team": world.name, "team_id": world.team,
        "user": "visto", "user_id": world.bot_user, "bot_id": "B0VISTO",
    }  # fmt: skip


def post_message(world: Workspace, given: Arguments) -> Arguments:
    channel = _channel(world, given)
    _content(world, given, posting=True)
    _one_a_second(world, channel)
    thread = given.get("thread_ts")
    if thread is not None and world.find(channel.id, str(thread)) is None:
        raise ApiRefused("message_not_found")
    message = Message(channel.id, world.stamp(), [_shown(given)], world.bot_user, thread_ts=thread)
    world.messages.append(message)
    return {"channel": channel.id, "ts": message.ts, "message": _as_read(message, metadata=True)}


def update(world: Workspace, given: Arguments) -> Arguments:
    channel = _channel(world, given)
    message = world.find(channel.id, str(given.get("ts")))
    if message is None:
        raise ApiRefused("message_not_found")
    if message.user != world.bot_user:
        raise ApiRefused("cant_update_message")
    _content(world, given, posting=False)
    # text without blocks removes the blocks; metadata that is not sent stays
    kept = {} if "metadata" in given else {"metadata": message.now.get("metadata")}
    message.life.append({**kept, **_shown(given)})
    return {"channel": channel.id, "ts": message.ts, "text": given.get("text", "")}


def post_ephemeral(world: Workspace, given: Arguments) -> Arguments:
    channel = _channel(world, given)
    if given.get("user") not in world.users:
        raise ApiRefused("user_not_in_channel")
    _content(world, {**given, "unfurl_links": False, "unfurl_media": False}, posting=True)
    message = Message(channel.id, world.stamp(), [_shown(given)], world.bot_user, ephemeral_to=given["user"])
    world.messages.append(message)
    return {"message_ts": message.ts}


def history(world: Workspace, given: Arguments) -> Arguments:
    channel = _channel(world, given)
    found = [one for one in world.shown(channel.id) if _within(one, given)]
    return _page(list(reversed(found)), given, "messages", metadata=_true(given.get("include_all_metadata")))


def replies(world: Workspace, given: Arguments) -> Arguments:
    channel = _channel(world, given)
    parent = world.find(channel.id, str(given.get("ts")))
    if parent is None:
        raise ApiRefused("thread_not_found")
    found = [parent, *(one for one in world.threads(parent.ts) if _within(one, given))]
    return _page(found, given, "messages", metadata=_true(given.get("include_all_metadata")))


def conversations_list(world: Workspace, given: Arguments) -> Arguments:
    visible = [one for one in world.channels.values() if not one.name.startswith("@") and not one.is_archived]
    limit, at = _limit(given), _cursor(given)
    page = [
        {"id": one.id, "name": one.name, "is_member": world.bot_user in one.members} for one in visible[at : at + limit]
    ]
    return {"channels": page, "response_metadata": {"next_cursor": _next(at + limit, len(visible))}}


def conversations_open(world: Workspace, given: Arguments) -> Arguments:
    users = str(given.get("users", "")).split(",")
    if len(users) != 1 or users[0] not in world.users:
        raise ApiRefused("user_not_found")
    return {"channel": {"id": world.direct(users[0]).id}}


def views_open(world: Workspace, given: Arguments) -> Arguments:
    user = _trigger(world, str(given.get("trigger_id")))
    view = View(f"V{world.number():05d}", user, _view(world, given), _hash(world))
    world.views[view.id] = view
    return {"view": _view_as_read(view)}


def views_update(world: Workspace, given: Arguments) -> Arguments:
    view = world.views.get(str(given.get("view_id")))
    if view is None or not view.is_open:
        raise ApiRefused("not_found")
    if given.get("hash") not in (None, view.hash):
        raise ApiRefused("hash_conflict")
    replace_view(world, view, _view(world, given))
    return {"view": _view_as_read(view)}


def views_push(world: Workspace, given: Arguments) -> Arguments:
    user = _trigger(world, str(given.get("trigger_id")))
    if sum(one.user == user and one.is_open for one in world.views.values()) >= 3:
        raise ApiRefused("push_limit_reached")
    view = View(f"V{world.number():05d}", user, _view(world, given), _hash(world))
    world.views[view.id] = view
    return {"view": _view_as_read(view)}


def users_info(world: Workspace, given: Arguments) -> Arguments:
    found = world.users.get(str(given.get("user")))
    if found is None:
        raise ApiRefused("user_not_found")
    return {"user": found}


def users_lookup(world: Workspace, given: Arguments) -> Arguments:
    email = str(given.get("email", "")).lower()
    found = (one for one in world.users.values() if email and one["profile"]["email"].lower() == email)
    user = next(found, None)
    if user is None:
        raise ApiRefused("users_not_found")
    return {"user": user}


Method = Callable[[Workspace, Arguments], Arguments]
METHODS: dict[str, tuple[Method, int, tuple[str, ...]]] = {
    "auth.test": (auth_test, 4, ()),
    "chat.postMessage": (post_message, 4, ("chat:write",)),
    "chat.update": (update, 3, ("chat:write",)),
    "chat.postEphemeral": (post_ephemeral, 4, ("chat:write",)),
    "conversations.history": (history, 3, ("channels:history", "groups:history", "im:history")),
    "conversations.replies": (replies, 3, ("channels:history", "groups:history", "im:history")),
    "conversations.list": (conversations_list, 2, ("channels:read", "groups:read")),
    "conversations.open": (conversations_open, 3, ("im:write",)),
    "views.open": (views_open, 4, ()),
    "views.update": (views_update, 4, ()),
    "views.push": (views_push, 4, ()),
    "users.info": (users_info, 4, ("users:read",)),
    "users.lookupByEmail": (users_lookup, 3, ("users:read.email",)),
}
"""By name: the method, its rate limit tier, the scopes it needs."""


def call(world: Workspace, name: str, given: Arguments) -> Arguments:
    """Answer a call of the bot's. Raises ``ApiRefused``."""
    if name not in METHODS:
        raise ApiRefused("unknown_method")
    method, tier, scopes = METHODS[name]
    now = time.monotonic()
    recent = sum(called == name and at > now - 60 for called, at in world.calls)
    if tier in TIERS and world.post_every and recent >= TIERS[tier]:
        raise ApiRefused("ratelimited", retry_after=1)
    missing = [scope for scope in scopes if scope not in world.scopes]
    if missing:
        raise ApiRefused("missing_scope", needed=",".join(missing), provided=",".join(sorted(world.scopes)))
    world.calls.append((name, now))
    return method(world, given)


def replace_view(world: Workspace, view: View, content: Json) -> None:
    """Show other content; what was typed into inputs of the same name stays. Raises ``ApiRefused``."""
    _check_view(world, content)
    view.content, view.hash = content, _hash(world)


def _channel(world: Workspace, given: Arguments) -> Channel:
    wanted = str(given.get("channel", ""))
    found = world.channels.get(wanted) or next(
        (one for one in world.channels.values() if wanted.removeprefix("#") == one.name), None
    )
    if found is None:
        raise ApiRefused("channel_not_found")
    if found.is_archived:
        raise ApiRefused("is_archived")
    if world.bot_user not in found.members:
        raise ApiRefused("not_in_channel")
    return found


def _content(world: Workspace, given: Arguments, *, posting: bool) -> None:
    text = given.get("text") or ""
    if not text and not given.get("blocks"):
        raise ApiRefused("no_text")
    if len(text) > TEXT_ARGUMENT:
        raise ApiRefused("msg_too_long")
    if "blocks" in given:
        problems = message_problems(given["blocks"])
        if problems:
            raise ApiRefused("invalid_blocks", errors=problems, response_metadata={"messages": problems})
        if not text:
            world.violations.append("blocks without a text for notifications")
    world.violations += broken(given, world.link_base, posting=posting)


def _one_a_second(world: Workspace, channel: Channel) -> None:
    posted = [float(one.ts) for one in world.messages if one.channel == channel.id and one.ephemeral_to is None]
    # a little early is a little network, not a faster sender
    if posted and time.time() - max(posted) < world.post_every - 0.1:
        raise ApiRefused("ratelimited", retry_after=1)


def _shown(given: Arguments) -> Arguments:
    return {name: given[name] for name in ("text", "blocks", "metadata") if name in given}


def _as_read(message: Message, *, metadata: bool) -> Arguments:
    content = message.now
    read = {"type": "message", "ts": message.ts, "user": message.user, "text": content.get("text", "")}
    read |= {"blocks": content.get("blocks") or []}
    if message.thread_ts:
        read["thread_ts"] = message.thread_ts
    if metadata and content.get("metadata"):
        read["metadata"] = content["metadata"]
    return read


def _within(message: Message, given: Arguments) -> bool:
    oldest, latest = given.get("oldest"), given.get("latest")
    at = float(message.ts)
    return (not oldest or at > float(oldest)) and (not latest or at < float(latest))


def _page(found: list[Message], given: Arguments, name: str, *, metadata: bool) -> Arguments:
    limit, at = _limit(given), _cursor(given)
    page = [_as_read(one, metadata=metadata) for one in found[at : at + limit]]
    more = at + limit < len(found)
    return {name: page, "has_more": more, "response_metadata": {"next_cursor": _next(at + limit, len(found))}}


def _limit(given: Arguments) -> int:
    limit = int(given.get("limit") or 100)
    if not 0 < limit <= 999:
        raise ApiRefused("invalid_limit")
    return limit


def _cursor(given: Arguments) -> int:
    cursor = given.get("cursor")
    if not cursor:
        return 0
    try:
        return int(base64.urlsafe_b64decode(str(cursor)))
    except ValueError:
        raise ApiRefused("invalid_cursor") from None


def _next(at: int, total: int) -> str:
    return base64.urlsafe_b64encode(str(at).encode()).decode() if at < total else ""


def _true(value: Json) -> bool:
    return str(value).lower() in ("1", "true")


def _trigger(world: Workspace, trigger: str) -> str:
    if trigger not in world.triggers:
        raise ApiRefused("invalid_trigger_id")
    if trigger in world.used_triggers:
        raise ApiRefused("exchanged_trigger_id")
    user, at = world.triggers[trigger]
    if time.monotonic() - at > TRIGGER_S:
        raise ApiRefused("expired_trigger_id")
    world.used_triggers.add(trigger)
    return user


def _view(world: Workspace, given: Arguments) -> Arguments:
    view = given.get("view")
    _check_view(world, view)
    return dict(view or {})


def _check_view(world: Workspace, view: Json) -> None:
    problems = view_problems(view)
    if problems:
        raise ApiRefused("invalid_arguments", response_metadata={"messages": problems})
    world.violations += broken({"blocks": view["blocks"], "parse": "none"}, world.link_base, posting=False)


def _hash(world: Workspace) -> str:
    return hashlib.sha256(str(world.number()).encode()).hexdigest()[:12]


def _view_as_read(view: View) -> Arguments:
    return {**view.content, "id": view.id, "hash": view.hash, "root_view_id": view.id, "state": {"values": view.state}}
