"""The address where Slack's requests arrive: what Slack signed is answered with 200, everything else with 401."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from urllib.parse import quote_plus

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from api.app import create_app
from api.slack_app.signature import authentic
from connectors.fakes.slack.server import FakeSlack
from tests.api.slack_app.conftest import Floor, services_for
from tests.api.slack_app.test_deciding import APPROVE
from tests.workflows.arbiter.conftest import opened_office
from workflows.store.db import utc_now

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
    b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d"
    b"10d2c447fce8b6703c"
)
AT = 1531420618
SIGNATURE = b"v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


STAMP = str(AT).encode()


def headers(stamp=STAMP, signature=SIGNATURE):
    return [(b"x-slack-request-timestamp", stamp), (b"X-Slack-Signature", signature)]


def test_slack_s_own_example_is_authentic():
    assert authentic(headers(), BODY, SECRET, AT)


@pytest.mark.parametrize(("off", "accepted"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_a_request_is_good_for_five_minutes(off, accepted):
    assert authentic(headers(), BODY, SECRET, AT + off) is accepted


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        headers()[:1],
        headers()[1:],
        headers() + headers()[:1],
        headers() + headers()[1:],
        headers(stamp=b""),
        headers(stamp=b"abc"),
        headers(stamp=b"1531420618.0"),
        headers(stamp=b"\xc2\xb2"),
        headers(stamp=b"-1531420618"),
        headers(stamp=b" 1531420618"),
        headers(stamp=b"9" * 5000),
        headers(signature=b""),
        headers(signature=b"v0="),
        headers(signature=SIGNATURE.upper()),
        headers(signature=b"v1" + SIGNATURE[2:]),
        headers(signature=b"v0=\xff\xfe" + SIGNATURE[5:]),
        headers(signature=SIGNATURE + b"0"),
        headers(signature=SIGNATURE[:-1] + b"4"),
    ],
)
def test_anything_else_is_not(wrong):
    assert not authentic(wrong, BODY, SECRET, AT)
    assert not authentic(headers(), BODY + b" ", SECRET, AT)
    assert not authentic(headers(), BODY, SECRET + "x", AT)


def mutated(chance: random.Random) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The example with something wrong: cut, doubled, dropped, spelled otherwise, or with other bytes in it."""
    body, some = bytearray(BODY), headers()
    match chance.randrange(5):
        case 0:
            body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
        case 1:
            del body[chance.randrange(len(body)) :]
        case 2:
            some.pop(chance.randrange(2))
        case 3:
            some.append((chance.choice(some)[0].upper(), chance.randbytes(chance.randrange(80))))
        case _:
            at = chance.randrange(2)
            value = bytearray(some[at][1])
            value[chance.randrange(len(value))] ^= 1 << chance.randrange(8)
            some[at] = (some[at][0], bytes(value))
    return some, bytes(body)


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_ten_thousand_mutations_are_refused_without_an_error(chance):
    for _ in range(20):
        some, body = mutated(chance)
        assert not authentic(some, body, SECRET, AT), (some, body)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([b"x-slack-request-timestamp", b"x-slack-signature"]), st.binary()), max_size=4),
    st.binary(),
)
def test_arbitrary_headers_raise_nothing(some, body):
    assert not authentic(some, body, SECRET, AT)


async def test_mutated_requests_are_answered_with_200_or_401(floor):
    """Through the whole application: cut, doubled, garbled, with strange headers; signed and unsigned."""
    ann = floor.join("ann")
    gate, card = await floor.opened_card()
    good = json.dumps(ann.pressed(card, APPROVE, user={"id": "U99999", "team_id": "T0FAKE"}))
    bodies = [
        b"", b"payload=", b"payload=null", b"payload=%FF", b"payload=[]", b"payload=1", b"{", b"\xff\xfe", b"\x00",
        b"payload=" + quote_plus("[" * 20_000).encode(), b"payload=" + quote_plus('{"type":"block_actions"}').encode(),
        b"payload=" + quote_plus('{"type":"view_submission","view":{}}').encode(),
        b"payload=" + quote_plus('{"type":"x","team":5,"user":[]}').encode(), b"ssl_check=1", b'{"type":"url_verification","challenge":"x"}',
        b'{"type":"event_callback","event":{"type":"message"},"event_id":"E1","team_id":"T0FAKE"}', b"payload=" + good[:-7].encode(),
        b"payload=" + quote_plus(good).encode(), b"a=b&a=c", b"command=%2Fx&team_id=T0FAKE", b'{"team_id": "T0FAKE", "event": 7}',
        b'{"a":1,"a":2}', b"payload=" + quote_plus('{"type":"block_actions","actions":[{}],"user":{"id":7},"team":{"id":"T0FAKE"}}').encode(),
    ]  # fmt: skip
    for body in bodies:
        signed = await floor.slack.send(body, floor.slack.signed(body))
        assert signed.status == 200, (body, signed)
        as_json = floor.slack.signed(body) | {"content-type": "application/json"}
        assert (await floor.slack.send(body, as_json)).status == 200, body
        for broken in (
            {}, {"x-slack-request-timestamp": "abc", "x-slack-signature": "v0=0"}, floor.slack.signed(body, at=0),
            floor.slack.signed(body, at=time.time() - 301), floor.slack.signed(body, at=time.time() + 302),
            floor.slack.signed(body, secret="guess"), floor.slack.signed(body + b"x"),
        ):  # fmt: skip
            assert (await floor.slack.send(body, broken)).status == 401, body
    await asyncio.sleep(0.2)
    assert floor.office.standing(gate.gate_id) == []


async def test_a_refused_request_is_journalled_once_a_minute(floor):
    for _ in range(5):
        await floor.slack.send(b"payload=x", {})
    assert len(floor.records("auth.failed")) in (1, 2), "a minute may end meanwhile"


async def test_a_get_decides_nothing(floor):
    """Link previews and crawlers GET whatever they see."""
    answer = await floor.client.get("/slack/events")
    assert answer.status_code == 405


async def test_without_slack_there_is_no_such_address_and_nothing_of_slack_is_imported(services, callers):
    app = create_app(services, relay=False)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.post("/slack/events", content=b"payload=x")
    assert answer.status_code == 404
    assert "visto slack setup" in answer.json()["remedy"]


def test_the_api_starts_without_importing_slack():
    code = "import api.app, sys; print([m for m in sys.modules if m.split('.')[0] in ('slack_bolt', 'slack_sdk')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"


@asynccontextmanager
async def by_socket(database, journal, slack: FakeSlack, home):
    office = opened_office(database, journal)
    database.clock = utc_now
    services = await services_for(database, journal, slack, home, slack_app_token=SecretStr(slack.world.app_token))
    app = create_app(services)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport) as client, app.router.lifespan_context(app):
        async with asyncio.timeout(10):
            await slack.connected()
        yield Floor(app, services, office, slack, client)


async def test_with_an_app_token_clicks_arrive_through_a_socket(database, journal, slack, tmp_path):
    """No public address is needed; the same handlers work, forms included."""
    async with by_socket(database, journal, slack, tmp_path) as floor:
        ann = floor.join("ann")
        gate, card = await floor.opened_card()
        await ann.click(card, "visto_reject")
        await ann.form()
        answer = await ann.submit()
        assert answer.json()["response_action"] == "errors"
        await ann.submit(reason="wrong_data")
        await floor.card("Rejected by ann")
        assert floor.office.standing(gate.gate_id)[0].via == "slack"
