"""Letters: one for each person and revision that is asked, each with a link of its own, through a real mail server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.smtp import SMTP
from pydantic import SecretStr
from temporalio.client import Client

from api.app import create_app
from connectors.base import ConnectorError
from connectors.connections import Secrets
from connectors.email import config
from tests.support.hostile import hostile_strings
from tests.workflows.arbiter.conftest import NS, Office, make_plan, opened_office
from workflows.activities.catalog import Catalog
from workflows.arbiter import handling
from workflows.arbiter import model as m
from workflows.codec import data_converter
from workflows.gateway import Gateway
from workflows.journal import read
from workflows.journal.records import Journal
from workflows.mail_settings import config_of
from workflows.relay.loop import Relay
from workflows.relay.notices.mail import MailChannel
from workflows.settings import Settings
from workflows.store.db import Database
from workflows.store.repositories import decisions, notices, principals
from workflows.usecases.services import Services

MAIL = ({"type": "email"},)
PUBLIC = "https://visto.example"
LINK = re.compile(rf"{PUBLIC}(/mail/\S+)")


@dataclass
class Box:
    """A mail server's memory. ``answer`` is what it says to the next letters instead of taking them."""

    letters: list[EmailMessage] = field(default_factory=list)
    answer: str | None = None

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        if self.answer is not None:
            return self.answer
        letter = message_from_bytes(envelope.content, policy=policy.default)
        letter["X-Rcpt"] = ",".join(envelope.rcpt_tos)
        self.letters.append(letter)  # type: ignore[arg-type]
        return "250 taken"

    def to(self, address: str) -> list[EmailMessage]:
        return [letter for letter in self.letters if letter["X-Rcpt"] == address]


@dataclass
class Post:
    """The office with its mail server, its services, and a way to deliver what is due."""

    office: Office
    box: Box
    services: Services

    def open(self, *, notify: Any = MAIL, **more: Any) -> m.Opened:
        return self.office.open(make_plan(notify=notify), **more)

    async def deliver(self, *, after: float = 0.0) -> None:
        self.office.clock.forward(seconds=after + 4)
        mail = config_of(self.services.settings)
        assert mail is not None
        relay = Relay(self.services, channels={"email": MailChannel(self.services, mail)})
        await relay.tick()
        await relay.settled()

    def browser(self) -> httpx.AsyncClient:
        """Somebody who is not signed in."""
        transport = httpx.ASGITransport(create_app(self.services, relay=False), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=PUBLIC)

    def kinds(self, *names: str) -> list[str]:
        return [one.kind for one in self.office.tx(lambda tx: read.search(tx, NS, kinds=names, limit=100)).items]


@pytest.fixture
def office(database: Database, journal: Journal) -> Office:
    return opened_office(database, journal)


@pytest.fixture
async def post(office: Office, database: Database, journal: Journal, tmp_path: Path) -> AsyncIterator[Post]:
    box = Box()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = Settings(
        home=tmp_path / "home",
        database_url=database.url,
        public_url=PUBLIC,
        mail_url=SecretStr(f"smtp://127.0.0.1:{port}"),
        mail_from="Visto <visto@visto.example>",
    )
    client = await Client.connect("127.0.0.1:1", lazy=True, data_converter=data_converter({"k": bytes(32)}, "k"))
    services = Services(
        db=database, journal=journal, gateway=Gateway(client), settings=settings, world=Catalog(), secrets=Secrets({}),
        callback_key=b"k" * 32,
    )  # fmt: skip
    for name in ("ann", "bob"):
        person = office.people[name].principal_id
        office.tx(lambda tx, person=person: principals.grant_role(tx, NS, person, "reviewer"))
    yield Post(office, box, services)
    server.close()


def text_of(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def html_of(letter: EmailMessage) -> str:
    body = letter.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def link_in(letter: EmailMessage) -> str:
    (found,) = set(LINK.findall(text_of(letter)))
    return str(found)


async def test_everybody_who_is_asked_gets_a_letter_that_says_what_a_yes_does(post: Post) -> None:
    post.open()
    await post.deliver()
    letter = post.box.to("ann@example.org")[0]
    assert letter["Subject"] == "Decide: Order 17"
    words = text_of(letter)
    assert "WHAT A YES WILL DO\n1. sheets.append" in words
    assert "Amount: 120.00 EUR" in words
    assert "risk: low" in words
    assert "Opening it decides nothing." in words
    assert "sheets.append" in html_of(letter)
    assert letter["Auto-Submitted"] == "auto-generated"


async def test_two_people_never_share_a_link(post: Post) -> None:
    post.open()
    await post.deliver()
    links = [link_in(letter) for letter in post.box.letters]
    assert len(links) == len(set(links)) >= 2


async def test_one_letter_for_a_revision_however_often_the_relay_looks(post: Post) -> None:
    gate = post.open()
    await post.deliver()
    post.office.tx(lambda tx: handling.claim(tx, post.services.journal, _claim(post, gate)))
    await post.deliver()
    assert len(post.box.to("ann@example.org")) == 1


def _claim(post: Post, gate: m.Opened) -> m.Claim:
    return m.Claim(namespace=NS, gate_id=gate.gate_id, actor=post.office.people["ann"])


async def test_nobody_is_written_to_about_what_is_decided(post: Post) -> None:
    gate = post.open()
    post.office.decided(gate, "ann")
    await post.deliver()
    assert post.box.letters == []


async def test_an_address_that_nobody_here_has_gets_no_right_to_decide(post: Post) -> None:
    post.open(notify=({"type": "email", "to": ["stranger@example.net"]},))
    await post.deliver()
    (letter,) = post.box.to("stranger@example.net")
    assert "/mail/" not in text_of(letter)
    assert "where you sign in to decide" in text_of(letter)


async def test_a_letter_goes_to_the_address_that_is_named_and_else_to_ones_own(post: Post) -> None:
    """Somebody who is recognised by several addresses gets one letter, with a link that holds."""
    ann = post.office.people["ann"].principal_id
    for address in ("a-second@example.org", "zweite@example.org"):
        post.office.tx(lambda tx, address=address: principals.add_identity(tx, NS, ann, "email", address))
    post.open(notify=({"type": "email", "to": ["Zweite@example.org", "fraud"]},))
    await post.deliver()
    post.open(item="2")
    await post.deliver()
    theirs = {"ann@example.org", "a-second@example.org", "zweite@example.org"}
    to_ann = [letter["X-Rcpt"] for letter in post.box.letters if letter["X-Rcpt"] in theirs]
    assert to_ann == ["zweite@example.org", "ann@example.org"]


async def test_a_crawler_that_opens_every_link_changes_nothing(post: Post) -> None:
    gate = post.open()
    await post.deliver()
    before = post.kinds()
    async with post.browser() as robot:
        for letter in post.box.letters:
            for _ in range(3):
                answer = await robot.get(link_in(letter))
                assert answer.status_code == 200
                assert (await robot.head(link_in(letter))).status_code in (200, 405)
    assert post.kinds() == before
    assert post.office.load(gate).outcome is None


@pytest.mark.parametrize(
    ("sent", "outcome"),
    [
        ({"action": "approve", "comment": "fine"}, "approved"),
        ({"action": "reject", "reason_code": "wrong_data"}, "rejected"),
    ],
)
async def test_the_button_decides_as_the_person_of_the_link(post: Post, sent: dict[str, str], outcome: str) -> None:
    gate = post.open()
    await post.deliver()
    link = link_in(post.box.to("ann@example.org")[0])
    async with post.browser() as ann:
        page = await ann.post(link, data=sent)
    assert page.status_code == 200, page.text
    assert "Your decision is recorded." in page.text
    (decision,) = post.office.tx(lambda tx: decisions.of_gate(tx, NS, gate.gate_id))
    assert (decision.outcome, decision.via, decision.snapshot["name"]) == (outcome, "email", "ann")
    assert decision.snapshot["sign_in"] == "mail-link"
    assert "approval.viewed" in post.kinds("approval.viewed")


async def test_pressing_twice_decides_once(post: Post) -> None:
    gate = post.open()
    await post.deliver()
    link = link_in(post.box.to("ann@example.org")[0])
    async with post.browser() as ann:
        answers = await asyncio.gather(*(ann.post(link, data={"action": "approve"}) for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len(post.office.tx(lambda tx: decisions.of_gate(tx, NS, gate.gate_id))) == 1


async def test_a_link_is_for_one_revision_only(post: Post) -> None:
    post.open()
    await post.deliver()
    link = link_in(post.box.to("ann@example.org")[0])
    post.open(fields={"risk": "high", "reason": "looked again"})
    async with post.browser() as ann:
        page = await ann.get(link)
        assert "This changed since your letter was sent" in page.text
        assert "<form" not in page.text
        assert (await ann.post(link, data={"action": "approve"})).status_code == 409


async def test_a_link_ends(post: Post) -> None:
    post.open()
    await post.deliver()
    link = link_in(post.box.to("ann@example.org")[0])
    post.office.clock.forward(days=8)
    async with post.browser() as ann:
        page = await ann.post(link, data={"action": "approve"})
    assert page.status_code == 410
    assert "This link has expired." in page.text


async def test_a_link_gives_no_more_right_than_its_person_has_now(post: Post) -> None:
    gate = post.open()
    await post.deliver()
    link = link_in(post.box.to("ann@example.org")[0])
    post.office.tx(lambda tx: principals.disable(tx, NS, post.office.people["ann"].principal_id))
    async with post.browser() as ann:
        assert (await ann.post(link, data={"action": "approve"})).status_code == 410
    assert post.office.load(gate).outcome is None


@pytest.mark.parametrize("change", ["flip", "cut", "swap", "empty", "foreign"])
async def test_a_link_that_was_changed_is_worth_nothing(post: Post, change: str) -> None:
    gate = post.open()
    await post.deliver()
    ann, bob = (link_in(post.box.to(f"{name}@example.org")[0]) for name in ("ann", "bob"))
    text, _, signature = ann.removeprefix("/mail/").partition(".")
    forged = {
        "flip": f"{text[:-2]}{'A' if text[-2] != 'A' else 'B'}{text[-1]}.{signature}",
        "cut": f"{text}.{signature[:-4]}",
        "swap": f"{text}.{bob.rpartition('.')[2]}",
        "empty": f"{text}.",
        "foreign": "é.ü",
    }[change]
    async with post.browser() as stranger:
        answer = await stranger.post(f"/mail/{forged}", data={"action": "approve"})
    assert answer.status_code == 410
    assert post.office.load(gate).outcome is None


async def test_another_site_cannot_press_the_button(post: Post) -> None:
    post.open()
    await post.deliver()
    link = link_in(post.box.to("ann@example.org")[0])
    async with post.browser() as ann:
        answer = await ann.post(link, data={"action": "approve"}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


@pytest.mark.parametrize("answer", ["550 no such user", "451 try later"])
async def test_a_server_that_refuses_is_asked_again_later_and_the_reason_is_kept(post: Post, answer: str) -> None:
    gate = post.open()
    post.box.answer = answer
    await post.deliver()
    assert post.box.letters == []
    kept = post.office.tx(lambda tx: notices.of_gate(tx, NS, gate.gate_id, "email"))
    assert answer[:3] in str(kept[0].last_error)
    post.box.answer = None
    await post.deliver(after=7 * 3600 if answer.startswith("5") else 600)
    if answer.startswith("4"):
        assert len(post.box.to("ann@example.org")) == 1


async def test_hostile_text_stays_text_in_letter_and_page(post: Post) -> None:
    """All strings in one letter: no header is made, no tag, nothing that is fetched or linked but our own link."""
    every = "\n".join(hostile_strings()).replace("\x00", "")
    post.open(fields={"risk": "high", "reason": every}, order="x\r\nBcc: all@evil.example <script>alert(1)</script>")
    await post.deliver()
    letter = post.box.to("ann@example.org")[0]
    assert letter["Bcc"] is None
    assert letter["X-Rcpt"] == "ann@example.org"
    html = html_of(letter)
    assert not re.search(r"<(script|img|svg|iframe|link|meta http|base|form|object|style)", html, re.IGNORECASE)
    assert re.findall(r'href="([^"]*)"', html) == [f"{PUBLIC}{link_in(letter)}"]
    assert not set("\u202e\u2066\u200b\ufeff") & set(html + text_of(letter))
    async with post.browser() as ann:
        page = await ann.get(link_in(letter))
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert not set("\u202e\u2066\ufeff") & set(page.text)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://mail", "must begin with"),
        ("smtp://", "must begin with"),
        ("smtp://h:notaport", "no address of a mail server"),
    ],
)
def test_a_wrong_address_of_a_server_is_named_without_its_password(url: str, words: str) -> None:
    with pytest.raises(ConnectorError, match=words) as found:
        config.make(url.replace("//h", "//u:geheim@h"), "Visto <v@example.org>")
    assert "geheim" not in str(found.value)


def test_a_user_name_is_never_sent_in_the_clear() -> None:
    assert config.make("smtp://u:p@mail.example", "v@example.org").security == "starttls"
    assert config.make("smtps://mail.example", "v@example.org").port == 465
