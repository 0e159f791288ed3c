"""Webhooks: authentic messages start a flow once; anything else is 401 and never a 500."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.conftest import HOOK_SECRET, NS, OLD_SECRET
from tests.support.clock import FakeClock
from workflows.store.repositories import executions
from workflows.triggers.webhook import Message, NotAuthentic, authenticate

FLOW = """
id: orders
inputs: [{id: who, type: string}]
triggers:
  - {id: std, type: webhook, auth: {type: standard, secret: ORDERS_HOOK}, inputs: {who: "{{ trigger.body.who }}"}}
  - {id: key, type: webhook, auth: {type: bearer, secret: ORDERS_HOOK}, inputs: {who: "{{ trigger.body.who }}"}}
  - {id: mac, type: webhook, auth: {type: hmac, secret: ORDERS_HOOK}, inputs: {who: "{{ trigger.query.who }}"}}
  - {id: open, type: webhook, auth: {type: none}, inputs: {who: "{{ trigger.body.who }}"}}
  - {id: unset, type: webhook, auth: {type: standard, secret: NOT_SET}, inputs: {who: "{{ trigger.body.who }}"}}
tasks: [{id: hello, type: set, values: {text: "{{ inputs.who }}"}}]
"""
BODY = b'{"who": "Ann"}'
JSON = {"content-type": "application/json"}


def signed(clock: FakeClock, body: bytes = BODY, *, secret=HOOK_SECRET, message="m-1", shift=0, version="v1"):
    stamp = str(int(clock.now.timestamp()) + shift)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message}.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = f"{version},{base64.b64encode(mac).decode()}"
    return JSON | {"webhook-id": message, "webhook-timestamp": stamp, "webhook-signature": signature}


async def post(api, trigger, headers, body=BODY, query=""):
    return await api("anon", "POST", f"/hooks/{NS}/orders/{trigger}{query}", content=body, headers=headers)


def runs(database):
    return database.read_sync(lambda tx: executions.list_executions(tx, NS)).items


@pytest.fixture
async def orders(api):
    await api.save(FLOW)


@pytest.mark.usefixtures("orders")
class TestStandard:
    @pytest.mark.parametrize("secret", [HOOK_SECRET, OLD_SECRET])
    async def test_both_active_secrets_start_the_flow_with_mapped_inputs(self, api, database, clock, secret):
        answer = await post(api, "std", signed(clock, secret=secret))
        assert answer.status_code == 202, answer.text
        (run,) = runs(database)
        assert (run.id, run.inputs, run.via) == (answer.json()["execution"], {"who": "Ann"}, "webhook")
        assert "webhook-signature" not in run.trigger["headers"]

    async def test_a_message_that_comes_a_hundred_times_starts_once(self, api, database, clock):
        first = await post(api, "std", signed(clock))
        again = await asyncio.gather(*(post(api, "std", signed(clock, shift=n % 9)) for n in range(100)))
        assert {answer.json()["execution"] for answer in again} == {first.json()["execution"]}
        assert len(runs(database)) == 1

    async def test_a_first_delivery_that_races_itself_starts_once(self, api, database, clock):
        answers = await asyncio.gather(*(post(api, "std", signed(clock)) for _ in range(8)))
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["execution"] for answer in answers}) == len(runs(database)) == 1

    @pytest.mark.parametrize("shift", [-301, 301, -(10**9)])
    async def test_outside_five_minutes_it_is_refused(self, api, clock, shift):
        assert (await post(api, "std", signed(clock, shift=shift))).status_code == 401

    @pytest.mark.parametrize("shift", [-300, 299])
    async def test_within_five_minutes_it_is_taken(self, api, clock, shift):
        assert (await post(api, "std", signed(clock, shift=shift))).status_code == 202

    async def test_another_body_version_or_secret_is_refused(self, api, clock):
        headers = signed(clock)
        assert (await post(api, "std", headers, body=BODY + b" ")).status_code == 401
        assert (await post(api, "std", signed(clock, version="v1a"))).status_code == 401
        assert (await post(api, "std", signed(clock, secret="whsec_" + "eHh4" * 8))).status_code == 401
        assert (await post(api, "std", headers | {"webhook-id": "m-2"})).status_code == 401

    async def test_refusals_are_journalled_once_a_minute(self, api):
        for _ in range(5):
            await post(api, "std", JSON)
        found = (await api("auditor", "GET", "/journal/search?kind=webhook.rejected")).json()["items"]
        assert len(found) == 1

    async def test_a_secret_that_is_not_set_is_503_and_starts_nothing(self, api, database, clock):
        answer = await post(api, "unset", signed(clock))
        assert (answer.status_code, answer.json()["code"]) == (503, "webhook_not_ready")
        assert runs(database) == ()


@pytest.mark.usefixtures("orders")
class TestOthers:
    async def test_a_bearer_token_is_the_secret(self, api):
        good = JSON | {"authorization": f"Bearer {HOOK_SECRET}"}
        assert (await post(api, "key", good)).status_code == 202
        assert (await post(api, "key", JSON | {"authorization": f"Bearer {HOOK_SECRET}x"})).status_code == 401
        assert (await post(api, "key", JSON)).status_code == 401

    async def test_hmac_covers_the_body_and_repeats_start_once(self, api, database):
        mac = hmac.new(HOOK_SECRET.encode(), b"plain", hashlib.sha256).hexdigest()
        for _ in range(2):
            answer = await post(api, "mac", {"x-signature-256": f"sha256={mac}"}, body=b"plain", query="?who=Bob")
            assert answer.status_code == 202
        assert [run.inputs for run in runs(database)] == [{"who": "Bob"}]

    async def test_open_means_open_only_where_the_flow_says_so(self, api, database):
        for _ in range(2):
            assert (await post(api, "open", JSON)).status_code == 202
        assert len(runs(database)) == 2, "without an id each message is a new one"

    async def test_the_answer_to_a_stranger_shows_no_outputs(self, api, database):
        headers = JSON | {"webhook-id": "again"}
        made = (await post(api, "open", headers)).json()
        await database.write(
            lambda tx: executions.set_state(tx, NS, made["execution"], "succeeded", None, outputs={"text": "secret"})
        )
        assert "secret" not in (await post(api, "open", headers)).text

    @pytest.mark.parametrize(
        ("body", "status"), [(b'{"whom": 1}', 422), (b"{", 400), (b"[]", 422), (b"\xff", 400), (b'{"who": NaN}', 400)]
    )
    async def test_a_body_that_does_not_fit_is_named(self, api, body, status):
        assert (await post(api, "open", JSON, body=body)).status_code == status

    @pytest.mark.parametrize(
        "path", ["/hooks/default/orders/none", "/hooks/none/orders/std", "/hooks/default/none/std"]
    )
    async def test_no_such_webhook_is_404(self, api, path):
        assert (await api("anon", "POST", path, content=BODY, headers=JSON)).status_code == 404

    async def test_a_paused_flow_takes_no_messages(self, api):
        await api("author", "POST", "/flows/orders/state", json={"state": "paused"})
        assert (await post(api, "open", JSON)).status_code == 409


printable = st.text(st.characters(max_codepoint=0x2FF, blacklist_categories=("Cs",)), max_size=60)
NAMES = ("webhook-id", "webhook-timestamp", "webhook-signature", "authorization", "x-signature-256", "idempotency-key")


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(["standard", "hmac", "bearer"]),
    st.dictionaries(st.sampled_from(NAMES), printable | st.from_regex(r"v1,[A-Za-z0-9+/=]{0,60}") | st.just("9" * 400)),
    st.binary(max_size=64),
)
def test_hostile_headers_are_refused_and_nothing_else(kind, headers, body):
    """Whatever the headers hold, the answer is ``NotAuthentic``: no other exception reaches the API."""
    with pytest.raises(NotAuthentic):
        authenticate({"type": kind, "secret": "S"}, ["s3cret", HOOK_SECRET], Message(headers, body), FakeClock().now)


def test_an_unknown_kind_of_authentication_admits_nobody():
    for auth in ({}, {"type": "None"}, {"type": ""}, {"type": None}):
        with pytest.raises(NotAuthentic):
            authenticate(auth, [], Message({}, b""), FakeClock().now)


def test_without_a_secret_nothing_is_authentic():
    empty = hmac.new(b"", BODY, hashlib.sha256).hexdigest()
    for kind, headers in (("hmac", {"x-signature-256": empty}), ("bearer", {"authorization": "Bearer "})):
        with pytest.raises(NotAuthentic):
            authenticate({"type": kind}, [], Message(headers, BODY), FakeClock().now)
    assert json.loads(BODY)
