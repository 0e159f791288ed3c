"""``visto slack``: what it asks, what it checks, where it keeps tokens, and who is who."""

from __future__ import annotations

import asyncio
import json
import stat
import threading
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from connectors.fakes.slack.server import FakeSlack
from connectors.fakes.slack.workspace import Workspace
from visto.cli.app import app
from visto.cli.errors import Exit
from workflows.settings import Settings
from workflows.slack_settings import config_of, default_channels
from workflows.store import migrate
from workflows.store.db import Database
from workflows.store.repositories import notices, principals


@pytest.fixture
def slack():
    """A workspace on another thread: the commands have loops of their own."""
    world = Workspace(post_every=0)
    world.channel("#approvals")
    fake, loop, ready = FakeSlack(world), asyncio.new_event_loop(), threading.Event()

    async def serve() -> None:
        async with fake:
            ready.set()
            await stop.wait()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield fake
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


@pytest.fixture
def home(tmp_path, monkeypatch, slack):
    for name in ("BOT_TOKEN", "SIGNING_SECRET", "APP_TOKEN", "CHANNEL"):
        monkeypatch.delenv(f"VISTO_SLACK_{name}", raising=False)
    monkeypatch.setenv("VISTO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VISTO_SLACK_API_URL", slack.url)
    monkeypatch.delenv("VISTO_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def store(home):
    home.mkdir()
    url = f"sqlite:///{home / 'visto.db'}"
    migrate.upgrade(url)
    db = Database(url)
    yield db
    db.close()


def visto(*arguments, **more):
    return CliRunner().invoke(app, ["slack", *arguments], **more)


def tokens(slack):
    world = slack.world
    return ("--bot-token", world.bot_token, "--app-token", world.app_token)


def test_setup_says_what_to_click_and_paste_and_keeps_what_works(home, slack):
    answers = f"{slack.world.bot_token}\n{slack.world.app_token}\n"
    done = visto("setup", "--channel", "#approvals", "--test-message", input=answers)
    assert done.exit_code == 0, done.output
    for words in ("From a manifest", '"chat:write"', "xoxb-", "connections:write", "/invite @Visto", "Fake Works"):
        assert words in done.output
    file = home / "keys" / "slack.env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert slack.world.bot_token not in done.output, "a token is never shown"
    config = config_of(Settings(home=home))
    assert (config.bot_token.get_secret_value(), config.channel_of("sales")) == (slack.world.bot_token, "#approvals")
    (message,) = slack.world.messages
    assert "Visto can write here" in message.now["text"]


def test_the_manifest_asks_for_exactly_what_is_needed(home, tmp_path):
    done = visto("setup", "--manifest", "app.json", "--url", "https://visto.example")
    assert done.exit_code == 0, done.output
    made = json.loads((tmp_path / "app.json").read_text())
    assert made["settings"]["interactivity"]["request_url"] == "https://visto.example/slack/events"
    assert made["settings"]["socket_mode_enabled"] is False
    assert "chat:write.public" not in made["oauth_config"]["scopes"]["bot"]
    assert len(made["display_information"]["description"]) <= 140


@pytest.mark.parametrize(
    ("given", "exit_code", "says"),
    [
        (("--bot-token", "xoxp-user", "--app-token", "xapp-1"), 2, "xoxb-"),
        (("--bot-token", "xoxb-wrong", "--app-token", "xapp-fake-app"), 4, "bot token"),
        (("--bot-token", "xoxb-fake-bot", "--app-token", "xapp-wrong"), 4, "connections:write"),
        (
            ("--bot-token", "xoxb-fake-bot", "--app-token", "xapp-fake-app", "--channel", "#nowhere"),
            4,
            "/invite @Visto",
        ),
        (("--bot-token", "xoxb-fake-bot", "--app-token", "xapp-fake-app", "--channel", "a b"), 2, "#approvals"),
        (("--url", "http://visto.example"), 2, "https"),
        (("--json",), 2, "--bot-token"),
    ],
)
def test_what_does_not_work_is_named_with_its_remedy_and_not_kept(home, given, exit_code, says):
    done = visto("setup", *given)
    assert done.exit_code == exit_code, done.output
    assert says in done.output
    assert not (home / "keys" / "slack.env").exists()


def test_a_slack_that_is_away_is_said(home, monkeypatch):
    monkeypatch.setenv("VISTO_SLACK_API_URL", "http://127.0.0.1:1/api/")
    done = visto("setup", "--bot-token", "xoxb-1", "--app-token", "xapp-1")
    assert done.exit_code == 3, done.output


def test_missing_scopes_are_named_with_what_they_are_for(home, slack):
    slack.world.scopes.discard("channels:history")
    done = visto("setup", *tokens(slack))
    assert done.exit_code == 4
    assert "channels:history (find a card again after a crash" in done.output


def test_status_tells_how_it_is(home, slack):
    done = visto("status", "--json")
    assert (done.exit_code, json.loads(done.output)["is_set_up"]) == (1, False)
    assert visto("setup", *tokens(slack), "--channel", "#approvals").exit_code == 0
    done = visto("status", "--json")
    found = json.loads(done.output)
    assert (done.exit_code, found["works"], found["team_id"], found["listens"]) == (0, True, "T0FAKE", "socket")
    slack.world.bot_token = "xoxb-other"
    done = visto("status")
    assert done.exit_code == 1
    assert "does not accept the bot token" in done.output


def test_a_file_that_others_can_read_is_refused(home, slack):
    assert visto("setup", *tokens(slack)).exit_code == 0
    (home / "keys" / "slack.env").chmod(0o644)
    done = visto("status")
    assert done.exit_code == 1
    assert "chmod 600" in done.output


def test_the_environment_comes_before_the_file(home, slack, monkeypatch):
    assert visto("setup", *tokens(slack), "--channel", "#approvals").exit_code == 0
    monkeypatch.setenv("VISTO_SLACK_CHANNEL", "sales=#sales, *=#rest")
    config = config_of(Settings(home=home))
    assert (config.channel_of("sales"), config.channel_of("other")) == ("#sales", "#rest")
    assert default_channels(Settings(home=home)) == {"sales": "#sales", "*": "#rest"}


def person(store, name="Ana", email="ana@example.com"):
    return store.write_sync(lambda tx: principals.create_person(tx, "default", name, email))


def known(store, who):
    return [
        one.subject
        for one in store.read_sync(lambda tx: principals.identities_of(tx, "default", who.id))
        if one.kind == "slack"
    ]


def test_people_are_linked_by_id_or_found_by_their_address(store, slack):
    ana, ben = person(store), person(store, "Ben", "ben@example.com")
    assert visto("link", "Ana", "T1", "U1").exit_code == 0
    assert known(store, ana) == ["T1:U1"]
    assert visto("setup", *tokens(slack)).exit_code == 0
    user = slack.world.user("ben", "Ben@example.com")
    done = visto("link", "ben@example.com", "--json")
    assert json.loads(done.output)["slack"] == f"T0FAKE:{user}", done.output
    assert known(store, ben) == [f"T0FAKE:{user}"]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "says"),
    [
        (("Ana", "T1"), 2, "neither"),
        (("Nobody", "T1", "U1"), 4, "Nobody is called"),
        (("Ana",), 4, "not set up"),
        (("Ben", "T1", "U1"), 4, "exists"),
    ],
)
def test_a_link_that_cannot_be_made_says_why(store, arguments, exit_code, says):
    person(store)
    person(store, "Ben", "ben@example.com")
    assert visto("link", "Ana", "T1", "U1").exit_code == 0
    done = visto("link", *arguments)
    assert done.exit_code == exit_code, done.output
    assert says in done.output


def findings(*what):
    done = CliRunner().invoke(app, ["doctor", "--json"])
    return [one for one in json.loads(done.stdout)["findings"] if one["what"] in what]


def test_the_doctor_says_how_slack_is_and_which_cards_could_not_be_shown(store, slack):
    (found,) = findings("Slack", "messages")
    assert (found["level"], "visto slack setup" in found["remedy"]) == ("info", True)
    assert visto("setup", *tokens(slack), "--channel", "#approvals").exit_code == 0

    def fail(tx):
        made = notices.hold(tx, "default", "g1", "slack", "T0FAKE:#x", "card", holder="me", for_=timedelta(seconds=1))
        notices.failed(tx, "default", made.id, "me", "Slack refused chat.postMessage: not_in_channel", unsure=False)

    store.write_sync(fail)
    well, card = findings("Slack", "messages")
    assert (well["level"], card["level"]) == ("ok", "warning")
    assert "not_in_channel" in card["message"]
    slack.world.bot_token = "xoxb-other"
    assert findings("Slack")[0]["level"] == "problem"


def test_a_script_that_gives_no_tokens_is_told_which_options_do(store):
    done = visto("setup", input="")
    assert done.exit_code == Exit.USAGE, done.output
    assert "--bot-token" in done.output
