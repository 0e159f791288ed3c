"""``visto people password`` and ``link``, and the link that ``visto dev`` prints."""

from __future__ import annotations

import json
import stat

import pytest
from typer.testing import CliRunner

from visto import dev_access
from visto.cli.app import app
from visto.cli.errors import Exit
from visto.supervisor.state import KEY, LINK, sign_in_link
from workflows.settings import Settings
from workflows.store import migrate
from workflows.store.db import Database
from workflows.store.repositories import passwords, principals, sessions, sign_in_links
from workflows.usecases.sign_in_links import REUSABLE

GOOD = "seven purple boats at noon"
NS = "default"


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("VISTO_HOME", str(folder))
    monkeypatch.setenv("VISTO_PUBLIC_URL", "https://visto.example")
    monkeypatch.delenv("VISTO_DATABASE_URL", raising=False)
    migrate.upgrade(Settings().database)
    return folder


@pytest.fixture
def database(home):
    db = Database(Settings().database)
    yield db
    db.close()


@pytest.fixture
def visto(home):
    def run(*arguments, expect=Exit.OK, typed=None):
        done = CliRunner().invoke(app, ["people", *arguments, "--json"], input=typed)
        assert done.exit_code == expect, done.output
        return json.loads(done.stdout if expect == Exit.OK else done.stderr.splitlines()[-1])

    return run


@pytest.fixture
def ana(visto):
    return visto("add", "Ana Ruiz", "--email", "ana@example.com", "--role", "reviewer")["id"]


def test_a_password_from_standard_input_is_stored_as_a_hash_and_ends_sessions(visto, ana, database):
    database.write_sync(lambda tx: sessions.create(tx, NS, ana, method="link", device="Firefox on Linux"))
    done = visto("password", "ana@example.com", "--stdin", typed=GOOD + "\n")
    assert done == {"id": ana, "name": "Ana Ruiz", "sessions_ended": 1}
    stored = database.read_sync(lambda tx: passwords.hash_of(tx, NS, ana))
    assert stored.startswith("$argon2id$")
    assert GOOD not in stored


def test_a_password_is_asked_for_twice_and_never_shown(home, ana):
    run = CliRunner().invoke
    done = run(app, ["people", "password", "Ana Ruiz"], input=f"{GOOD}\n{GOOD}\n")
    assert done.exit_code == Exit.OK
    assert GOOD not in done.output
    assert run(app, ["people", "password", "Ana Ruiz"], input=f"{GOOD}\nother\n").exit_code != Exit.OK


@pytest.mark.parametrize("weak", ["", "short", "ana@example.com", "ana ruiz ana ruiz"])
def test_a_weak_password_is_refused_with_a_remedy_and_changes_nothing(visto, ana, database, weak):
    error = visto("password", "ana@example.com", "--stdin", typed=weak + "\n", expect=Exit.REFUSED)["error"]
    assert (error["code"], "at least 12" in error["remedy"]) == ("weak_password", True)
    assert database.read_sync(lambda tx: passwords.hash_of(tx, NS, ana)) is None


@pytest.mark.parametrize("purpose", ["sign-in", "password"])
def test_a_link_is_printed_once_with_the_public_address(visto, ana, database, purpose):
    made = visto("link", "ana@example.com", "--purpose", purpose, "--hours", "2")
    way = "link" if purpose == "sign-in" else "password"
    assert made["url"].startswith(f"https://visto.example/sign-in/{way}/vl_default_")
    token = made["url"].rpartition("/")[2]
    found = database.read_sync(lambda tx: sign_in_links.find(tx, NS, token))
    assert (found.principal_id, found.purpose) == (ana, purpose)
    assert (found.expires_at - found.created_at).total_seconds() == 7200
    assert found.expires_at.isoformat() == made["expires_at"]


def test_programs_and_disabled_people_get_neither(visto, ana, database):
    visto("add", "robot", "--service")
    database.write_sync(lambda tx: principals.disable(tx, NS, ana))
    for name in ("robot", "ana@example.com"):
        for arguments in (("link", name), ("password", name, "--stdin")):
            assert visto(*arguments, typed=GOOD, expect=Exit.REFUSED)["error"]["code"] == "cannot_sign_in"


def test_the_list_says_by_what_somebody_signs_in(visto, ana, database):
    visto("password", "Ana Ruiz", "--stdin", typed=GOOD)
    visto("key", "Ana Ruiz")
    database.write_sync(lambda tx: principals.add_identity(tx, NS, ana, "oidc", "https://id.example|7"))
    visto("add", "Bo", "--email", "bo@example.com")
    found = {one["name"]: one["sign_in"] for one in visto("list")}
    assert found == {"Ana Ruiz": ["key", "oidc", "password"], "Bo": []}


def test_the_developer_has_a_key_that_stays_and_a_link_that_is_new_at_each_start(home, database):
    key = dev_access.ensure(database, home, NS)
    first = sign_in_link(home, "http://127.0.0.1:8400")
    assert dev_access.ensure(database, home, NS) == key
    second = sign_in_link(home, "http://127.0.0.1:8400/")
    tokens = [link.rpartition("/")[2] for link in (first, second)]
    old, new = (database.read_sync(lambda tx, t=token: sign_in_links.find(tx, NS, t)) for token in tokens)
    assert old is None
    assert new.purpose == REUSABLE
    assert first.startswith("http://127.0.0.1:8400/sign-in/link/vl_default_")
    for name in (KEY, LINK):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600


def test_without_a_link_one_is_sent_to_the_sign_in_page(tmp_path):
    assert sign_in_link(tmp_path, "http://127.0.0.1:8400") == "http://127.0.0.1:8400/sign-in"
