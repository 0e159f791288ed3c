"""What a request may cost, and what JSON is: refusals come before work, and never as a 500."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import timedelta

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.app import create_app
from api.limits import Limits
from api.strict_json import NotJson, parse

VALID = {"source": "id: a\ntasks: []\n"}


async def stream(chunks: int, size: int = 64 * 1024):
    for _ in range(chunks):
        yield b"x" * size


async def test_a_body_over_a_megabyte_is_413_whether_announced_or_streamed(api):
    announced = await api("author", "POST", "/flows/validate", content=b"x" * (1024 * 1024 + 1))
    streamed = await api("author", "POST", "/flows/validate", content=stream(17))
    assert (announced.status_code, streamed.status_code) == (413, 413)
    assert announced.json()["code"] == streamed.json()["code"] == "body_too_large"


async def test_a_stranger_cannot_make_us_read_a_body(api):
    """The caller is refused before the first byte of the body is asked for."""
    read = 0

    async def body():
        nonlocal read
        read += 1
        yield b"{}"

    messages: list[dict] = []
    app = api.client._transport.app
    scope = {
        "type": "http", "method": "POST", "path": "/api/v1/flows", "raw_path": b"/api/v1/flows", "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")], "scheme": "http",
        "server": ("localhost", 80), "client": ("127.0.0.1", 1), "http_version": "1.1", "root_path": "", "state": {},
    }  # fmt: skip

    async def receive():
        await anext(body())
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message):
        messages.append(message)

    await app(scope, receive, send)
    assert messages[0]["status"] == 401
    assert read == 0


async def test_a_body_that_does_not_arrive_is_408(services, callers):
    app = create_app(services, relay=False, limits=Limits(body_time=timedelta(milliseconds=50)))

    async def never():
        yield b"{"
        await asyncio.Event().wait()

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost/api/v1") as client:
        headers = {**callers.headers("author"), "content-type": "application/json"}
        answer = await client.post("/flows/validate", content=never(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (408, "body_timeout")


async def test_large_headers_are_431(api):
    answer = await api("author", "GET", "/me", headers={"X-Long": "x" * 20_000})
    assert (answer.status_code, answer.json()["code"]) == (431, "headers_too_large")


@pytest.mark.parametrize("path", ["/flows/a%00b", "/flows?cursor=%00", "/executions/%00"])
async def test_nul_reaches_no_store(api, path):
    assert (await api("author", "GET", path)).status_code == 400


@pytest.mark.parametrize("length", ["-1", "1e3", "abc", "+5", " "])
async def test_a_content_length_that_is_no_number_is_400(api, length):
    answer = await api("author", "POST", "/flows/validate", content=b"{}", headers={"Content-Length": length})
    assert answer.status_code == 400


async def test_only_known_hosts_are_answered(services, callers):
    app = create_app(services, relay=False, hosts=("visto.example.com",))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://evil.example") as client:
        assert (await client.get("/api/v1/health")).status_code == 400


NOT_JSON = [
    b'{"source": "a", "source": "b"}', b'{"a": NaN}', b'{"a": Infinity}', b'{"a": -Infinity}', b'{"a": 1e999}',
    b'{"a": 9007199254740993}', b'{"a": ' + b"9" * 5000 + b"}", b"[" * 65 + b"]" * 65, b"[" * 100_000,
    b'{"a": "\\u0000"}', b'{"a\\u0000": 1}', b'{"a": "\\ud800"}', b'{"a": "\\udfff\\ud800"}', b"\xff\xfe", b"{", b"",
    b"{'a': 1}", b'{"a": 1,}', b"nul", b'{"a": 01}', b'{"a":1} x',
]  # fmt: skip


@pytest.mark.parametrize("body", NOT_JSON)
async def test_what_is_not_acceptable_json_is_refused(api, body):
    answer = await api("author", "POST", "/flows/validate", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0")),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
            st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0")), inner, max_size=4
        ),
        max_leaves=20,
    )
)  # fmt: skip
def test_acceptable_json_comes_through_unchanged(value):
    for ascii_only in (True, False):
        assert parse(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_refusal(raw):
    with contextlib.suppress(NotJson):
        json.dumps(parse(raw), allow_nan=False)


def test_sixty_four_levels_are_fine():
    assert parse(b"[" * 64 + b"]" * 64)


async def test_every_answer_forbids_caching_framing_and_sniffing(api):
    for path in ("/health", "/nope", "/me"):
        headers = (await api("anon", "GET", path)).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
