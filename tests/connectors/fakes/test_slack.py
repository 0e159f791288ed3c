"""The fake workspace through Slack's own SDK: it answers as Slack does and enforces what Slack enforces."""

from __future__ import annotations

import time

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from connectors.fakes.slack import workspace
from connectors.fakes.slack.people import NotThere, Somebody
from connectors.fakes.slack.server import FakeSlack

TEXT = {"type": "section", "text": {"type": "plain_text", "text": "hello"}}
QUIET = {"unfurl_links": False, "unfurl_media": False, "parse": "none"}


@pytest.fixture
async def slack():
    world = workspace.Workspace(post_every=0)
    world.channel("#risk")
    async with FakeSlack(world) as running:
        yield running


@pytest.fixture
async def web(slack):
    async with aiohttp.ClientSession() as session:
        yield AsyncWebClient(slack.world.bot_token, base_url=slack.url, session=session, retry_handlers=[])


async def refused(call) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response["error"]


async def test_who_am_i_is_answered_for_json_forms_and_queries(slack, web):
    assert (await web.auth_test())["team_id"] == slack.world.team
    assert (await web.api_call("auth.test", json={}))["user_id"] == slack.world.bot_user
    assert (await web.api_call("auth.test", http_verb="GET", params={"team_id": "T1"}))["ok"]


async def test_tokens_are_looked_at(slack, web):
    web.token = "xoxb-wrong"
    assert await refused(web.auth_test()) == "invalid_auth"
    assert await refused(web.apps_connections_open(app_token="xoxb-fake-bot")) == "not_allowed_token_type"
    assert (await web.apps_connections_open(app_token=slack.world.app_token))["url"].startswith("ws://")


async def test_a_message_lives_and_keeps_every_content_it_had(slack, web):
    posted = await web.chat_postMessage(channel="#risk", text="one", blocks=[TEXT], **QUIET)
    assert (await web.chat_update(channel=posted["channel"], ts=posted["ts"], text="two"))["ok"]
    (message,) = slack.world.shown()
    assert [content["text"] for content in message.life] == ["one", "two"]
    assert "blocks" not in message.now, "text without blocks removes the blocks"
    assert await refused(web.chat_update(channel=posted["channel"], ts="1.1", text="x")) == "message_not_found"
    message.life.append(None)
    assert await refused(web.chat_update(channel=posted["channel"], ts=posted["ts"], text="x")) == "message_not_found"


async def test_history_pages_backwards_with_metadata_when_asked(slack, web):
    for number in range(5):
        metadata = {"event_type": "mark", "event_payload": {"key": str(number)}}
        await web.chat_postMessage(channel="#risk", text=str(number), metadata=metadata, **QUIET)
    channel = slack.world.shown()[0].channel
    first = await web.conversations_history(channel=channel, limit=3, include_all_metadata=True)
    assert [one["metadata"]["event_payload"]["key"] for one in first["messages"]] == ["4", "3", "2"]
    more = await web.conversations_history(channel=channel, limit=3, cursor=first["response_metadata"]["next_cursor"])
    assert [one["text"] for one in more["messages"]] == ["1", "0"]
    assert "metadata" not in more["messages"][0]
    oldest = slack.world.shown()[3].ts
    assert [one["text"] for one in (await web.conversations_history(channel=channel, oldest=oldest))["messages"]] == [
        "4"
    ]


async def test_one_post_a_second_and_channel_then_429(slack, web):
    slack.world.post_every = 1.0
    slack.world.channel("#other")
    await web.chat_postMessage(channel="#risk", text="one", **QUIET)
    with pytest.raises(SlackApiError) as caught:
        await web.chat_postMessage(channel="#risk", text="two", **QUIET)
    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "1")
    assert (await web.chat_postMessage(channel="#other", text="there", **QUIET))["ok"]


async def test_a_tier_is_so_many_calls_a_minute(slack, web):
    slack.world.post_every = 1.0
    for _ in range(20):
        await web.conversations_list()
    assert await refused(web.conversations_list()) == "ratelimited"


@pytest.mark.parametrize(
    ("blocks", "says"),
    [
        ([], "list of blocks"),
        ([TEXT] * 51, "50 items"),
        ([{"type": "section", "text": {"type": "plain_text", "text": "x" * 3001}}], "3001"),
        ([{"type": "section", "text": {"type": "plain_text", "text": ""}}], "more than 0"),
        ([{"type": "section", "fields": [TEXT["text"]] * 11}], "10 items"),
        ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "plain_text"),
        ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "151"),
        ([{"type": "context", "elements": [TEXT["text"]] * 11}], "10 items"),
        ([{**TEXT, "block_id": "a"}, {**TEXT, "block_id": "a"}], "already exists"),
        ([{**TEXT, "block_id": "a" * 256}], "255"),
        ([{"type": "video"}], "unsupported type"),
        ([{"type": "input"}], "unsupported type"),
        ([{"type": "actions", "elements": [{"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "x" * 76}}]}], "76"),
        ([{"type": "actions", "elements": [{"type": "button", "text": TEXT["text"], "value": "x" * 2001}]}], "2001"),
        ([{"type": "actions", "elements": [{"type": "button", "text": TEXT["text"], "style": "loud"}]}], "primary"),
        ([{"type": "actions", "elements": [{"type": "static_select", "action_id": "s", "options": [{"text": TEXT["text"], "value": "v" * 151}]}]}], "150"),
    ],
)  # fmt: skip
async def test_blocks_beyond_a_limit_are_refused_with_their_place(slack, web, blocks, says):
    with pytest.raises(SlackApiError) as caught:
        await web.chat_postMessage(channel="#risk", text="x", blocks=blocks, **QUIET)
    assert caught.value.response["error"] == "invalid_blocks"
    messages = caught.value.response["response_metadata"]["messages"]
    assert says in messages[0]
    assert "json-pointer:/blocks" in messages[0]


async def test_texts_channels_and_scopes_are_checked(slack, web):
    assert await refused(web.chat_postMessage(channel="#risk", text="x" * 40_001, **QUIET)) == "msg_too_long"
    assert await refused(web.chat_postMessage(channel="#risk", text="", **QUIET)) == "no_text"
    assert await refused(web.chat_postMessage(channel="#none", text="x", **QUIET)) == "channel_not_found"
    slack.world.channel("#closed").is_archived = True
    slack.world.channel("#private", joined=False)
    assert await refused(web.chat_postMessage(channel="#closed", text="x", **QUIET)) == "is_archived"
    assert await refused(web.chat_postMessage(channel="#private", text="x", **QUIET)) == "not_in_channel"
    slack.world.scopes.discard("chat:write")
    assert await refused(web.chat_postMessage(channel="#risk", text="x", **QUIET)) == "missing_scope"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"text": "<!channel> look"}, "mention"),
        ({"text": "<@U1>"}, "mention"),
        ({"text": "<https://evil.example|Approve>"}, "link"),
        ({"text": "https://evil.example", "parse": "full"}, "becomes a link"),
        ({"text": "x", "unfurl_links": True}, "unfurl"),
        ({"text": "x", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "<https://evil.example|a>"}}]}, "link"),
        ({"text": "x", "blocks": [{"type": "actions", "elements": [{"type": "button", "text": TEXT["text"], "url": "https://evil.example"}]}]}, "link"),
    ],
)  # fmt: skip
async def test_what_a_message_must_never_do_is_noticed(slack, web, given, says):
    slack.world.link_base = "https://visto.example"
    await web.chat_postMessage(channel="#risk", **{**QUIET, **given})
    assert says in slack.world.violations[0]


def modal(**more):
    plain = {"type": "plain_text", "text": "Title"}
    return {"type": "modal", "title": plain, "callback_id": "form", "blocks": [TEXT], **more}


async def test_a_trigger_is_good_once_and_for_three_seconds(slack, web, monkeypatch):
    ann = Somebody(slack, "ann")
    trigger = slack.world.trigger(ann.id)
    opened = await web.views_open(trigger_id=trigger, view=modal())
    assert await refused(web.views_open(trigger_id=trigger, view=modal())) == "exchanged_trigger_id"
    assert await refused(web.views_open(trigger_id="1.2.3", view=modal())) == "invalid_trigger_id"
    late = slack.world.trigger(ann.id)
    monkeypatch.setattr(workspace.time, "monotonic", lambda real=time.monotonic: real() + 4)
    assert await refused(web.views_open(trigger_id=late, view=modal())) == "expired_trigger_id"
    assert ann.view().id == opened["view"]["id"]


async def test_a_view_that_changed_meanwhile_is_a_hash_conflict(slack, web):
    ann = Somebody(slack, "ann")
    view = (await web.views_open(trigger_id=slack.world.trigger(ann.id), view=modal()))["view"]
    await web.views_update(view_id=view["id"], hash=view["hash"], view=modal())
    assert await refused(web.views_update(view_id=view["id"], hash=view["hash"], view=modal())) == "hash_conflict"


@pytest.mark.parametrize(
    "view",
    [
        modal(title={"type": "plain_text", "text": "x" * 25}),
        modal(private_metadata="x" * 3001),
        modal(callback_id="x" * 256),
        modal(blocks=[TEXT] * 101),
        modal(
            blocks=[{"type": "input", "label": TEXT["text"], "element": {"type": "plain_text_input", "action_id": "a"}}]
        ),
        modal(
            submit=TEXT["text"],
            blocks=[{"type": "input", "label": TEXT["text"], "element": {"type": "number_input", "action_id": "a"}}],
        ),
        {"type": "home", "blocks": [TEXT]},
    ],
)
async def test_modals_beyond_a_limit_are_refused(slack, web, view):
    ann = Somebody(slack, "ann")
    assert await refused(web.views_open(trigger_id=slack.world.trigger(ann.id), view=view)) == "invalid_arguments"


async def test_people_press_only_buttons_that_are_there(slack, web):
    ann = Somebody(slack, "ann")
    await web.chat_postMessage(channel="#risk", text="x", blocks=[TEXT], **QUIET)
    with pytest.raises(NotThere, match="no button"):
        await ann.click(slack.world.shown()[0], "visto_approve")
    with pytest.raises(NotThere, match="no modal"):
        ann.view()


async def test_members_are_found_by_their_address_and_whispered_to(slack, web):
    ann = Somebody(slack, "ann", "Ann@Example.com")
    assert (await web.users_lookupByEmail(email="ann@example.com"))["user"]["id"] == ann.id
    assert (await web.users_info(user=ann.id))["user"]["name"] == "ann"
    assert await refused(web.users_lookupByEmail(email="bob@example.com")) == "users_not_found"
    channel = next(iter(slack.world.channels))
    await web.chat_postEphemeral(channel=channel, user=ann.id, text="psst", parse="none")
    assert ann.told == ["psst"]
    assert slack.world.shown() == []
    direct = await web.conversations_open(users=ann.id)
    assert (await web.chat_postMessage(channel=direct["channel"]["id"], text="hi", **QUIET))["ok"]


async def test_failures_are_met_when_asked_for(slack, web):
    slack.failures["chat.postMessage"].extend([500, "fatal_error", "drop"])
    with pytest.raises(SlackApiError) as caught:
        await web.chat_postMessage(channel="#risk", text="x", **QUIET)
    assert caught.value.response.status_code == 500
    assert await refused(web.chat_postMessage(channel="#risk", text="x", **QUIET)) == "fatal_error"
    with pytest.raises(aiohttp.ClientError):
        await web.chat_postMessage(channel="#risk", text="arrived", **QUIET)
    assert [one.now["text"] for one in slack.world.shown()] == ["arrived"]
