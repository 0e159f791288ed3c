"""``visto doctor`` about mail: not set up, set up wrongly, not let in, working; nothing is sent to find out."""

import json
import socket
from datetime import timedelta

import pytest
from aiosmtpd.controller import Controller
from typer.testing import CliRunner

from visto.cli.app import app
from workflows.store.db import Database
from workflows.store.migrate import upgrade
from workflows.store.repositories import notices, principals


class Box:
    """A mail server that counts the letters it is handed."""

    letters = 0

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  aiosmtpd's name
        self.letters += 1
        return "250 taken"


@pytest.fixture
def home(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("VISTO_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    for name in ("VISTO_DATABASE_URL", "VISTO_MAIL_URL", "VISTO_MAIL_FROM"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def server():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(Box(), hostname="127.0.0.1", port=port)
    controller.start()
    yield controller
    controller.stop()


def findings(what):
    done = CliRunner().invoke(app, ["doctor", "--json"])
    return [one for one in json.loads(done.stdout)["findings"] if one["what"] == what]


def test_mail_that_is_not_set_up_is_no_problem_and_names_the_setting(home):
    (found,) = findings("mail")
    assert (found["level"], "VISTO_MAIL_URL" in found["remedy"]) == ("info", True)


def test_a_server_that_lets_us_in_is_fine_and_gets_no_letter(home, server, monkeypatch):
    monkeypatch.setenv("VISTO_MAIL_URL", f"smtp://127.0.0.1:{server.port}")
    (found,) = findings("mail")
    assert (found["level"], str(server.port) in found["message"]) == ("ok", True)
    assert server.handler.letters == 0


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://mail.example", "must begin with"),
        ("smtp://127.0.0.1:1", "cannot be used"),
        ("smtp://ana:hush-hush@127.0.0.1:{port}", "cannot be used"),  # a name without encryption is not sent
    ],
)
def test_what_cannot_work_is_a_problem_and_names_no_password(home, server, monkeypatch, url, says):
    monkeypatch.setenv("VISTO_MAIL_URL", url.format(port=server.port))
    (found,) = findings("mail")
    assert (found["level"], says in found["message"]) == ("problem", True)
    assert "hush-hush" not in json.dumps(found)


def test_a_letter_that_did_not_arrive_is_told_with_the_name_of_its_person(home):
    url = f"sqlite:///{home / 'visto.db'}"
    upgrade(url)
    db = Database(url)

    def fail(tx):
        ana = principals.create_person(tx, "default", "Ana Ruiz", "ana@example.com")
        made = notices.hold(tx, "default", "g1", "email", ana.id, "1", holder="me", for_=timedelta(seconds=1))
        notices.failed(tx, "default", made.id, "me", "The mail server refused the letter", unsure=False)

    db.write_sync(fail)
    db.close()
    (found,) = findings("messages")
    assert "in email at Ana Ruiz could not be shown: The mail server refused" in found["message"]
