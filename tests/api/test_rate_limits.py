"""How many requests somebody may send, and that one who sends too many does not stop the others."""

from __future__ import annotations

import httpx
import pytest

from api.app import create_app
from api.rate_limits import ADDRESS_FACTOR, BURST_S, MAX_BUCKETS, Buckets
from tests.api.conftest import Api
from tests.api.console.conftest import token_of


def limited(services, rate, **settings):
    changed = services.settings.model_copy(update={"requests_per_second": rate, **settings})
    fields = {name: getattr(services, name) for name in services.__slots__} | {"settings": changed}
    return create_app(type(services)(**fields), relay=False)


@pytest.fixture
async def slow_api(services, callers):
    """An API with a bucket of one request for a principal and one every ten seconds after it."""
    transport = httpx.ASGITransport(limited(services, 0.1), client=("192.0.2.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost/api/v1") as client:
        yield Api(client, callers)


def test_a_bucket_gives_what_it_holds_and_fills_up_again():
    now = 0.0
    buckets = Buckets(2, clock=lambda: now)
    assert [buckets.take("ana") for _ in range(2 * BURST_S)] == [0.0] * (2 * BURST_S)
    assert buckets.take("ana") == 0.5
    assert buckets.take("bo") == 0
    now += 0.5
    assert buckets.take("ana") == 0
    assert buckets.take("ana") == 0.5
    now += 3600
    assert [buckets.take("ana") for _ in range(2 * BURST_S)] == [0.0] * (2 * BURST_S)
    assert buckets.take("ana") > 0


def test_refused_requests_do_not_lengthen_the_wait():
    buckets = Buckets(1, clock=lambda: 0.0)
    waits = [buckets.take("ana") for _ in range(BURST_S + 50)]
    assert waits == [0.0] * BURST_S + [1.0] * 50


def test_no_limit_is_a_choice():
    buckets = Buckets(0)
    assert {buckets.take("ana") for _ in range(1000)} == {0.0}


def test_the_buckets_of_many_take_little_memory():
    buckets = Buckets(1, clock=lambda: 0.0)
    for n in range(MAX_BUCKETS + 5):
        buckets.take(str(n))
    assert len(buckets._levels) == MAX_BUCKETS


async def test_one_principal_is_slowed_down_and_the_others_are_not(slow_api):
    assert (await slow_api("viewer", "GET", "/me")).status_code == 200
    answer = await slow_api("viewer", "GET", "/me")
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    assert answer.headers["content-type"] == "application/problem+json"
    assert 1 <= int(answer.headers["retry-after"]) <= 10
    assert (await slow_api("author", "GET", "/me")).status_code == 200


async def test_all_keys_and_sessions_of_a_principal_share_one_bucket(services, callers, database):
    app = limited(services, 0.1)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        assert (await client.get("/api/v1/me", headers=callers.headers("viewer"))).status_code == 200
        cookie = f"visto_session={token_of(database, callers, 'viewer')}"
        answer = await client.get("/account", headers={"accept": "text/html", "cookie": cookie})
    assert answer.status_code == 429
    assert "These are too many requests" in answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["retry-after"]


@pytest.mark.parametrize(("accept", "kind"), [("text/html", "text/html"), ("*/*", "application/problem+json")])
async def test_an_address_is_stopped_before_anything_is_done_for_it(services, accept, kind):
    transport = httpx.ASGITransport(limited(services, 0.02), client=("192.0.2.7", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answers = [await client.get("/nowhere", headers={"accept": accept}) for _ in range(3)]
    assert ADDRESS_FACTOR * 0.02 * BURST_S == 1
    assert [answer.status_code for answer in answers] == [404, 429, 429]
    assert answers[-1].headers["content-type"].startswith(kind)
    assert answers[-1].headers["x-content-type-options"] == "nosniff"
    assert "Traceback" not in answers[-1].text


async def test_behind_a_declared_proxy_each_client_has_its_own_bucket(services):
    app = limited(services, 0.02, trusted_proxies="192.0.2.0/24")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, client=("192.0.2.7", 1)), base_url="http://localhost"
    ) as client:
        for hop, status in (("198.51.100.1", 404), ("198.51.100.2", 404), ("198.51.100.1", 429)):
            assert (await client.get("/nowhere", headers={"x-forwarded-for": hop})).status_code == status
