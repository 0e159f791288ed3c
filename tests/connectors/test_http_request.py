"""http.request against a real server: where it goes, what it says, and what every answer means."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr, ValidationError

from connectors.addresses import canonical_host, check_address, resolve_checked
from connectors.base import ArtifactRef, Connection, ConnectorError
from connectors.http_errors import retry_after_seconds
from connectors.http_request import HTTP_REQUEST, HttpRequestProperties, request, send

TOKEN = "canary-5f1b"


def answer(status: int = 200, body: bytes = b"{}", **headers: str) -> bytes:
    named = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [
        f"HTTP/1.1 {status} X",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in named.items()),
    ]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode() + body


@asynccontextmanager
async def serving(
    respond: Callable[[bytes], bytes | None], tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that answers each request with ``respond``'s bytes; ``None`` hangs. Yields its port and the requests."""
    seen: list[bytes] = []
    over = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        seen.append(head + await reader.readexactly(length))
        if (said := respond(seen[-1])) is None:
            await over.wait()
        else:
            writer.write(said)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1], seen
    finally:
        over.set()
        server.close()
        await server.wait_closed()


def connection(port: int, secrets: dict[str, str] | None = None, **config: object) -> Connection:
    settings = {"base_url": f"http://127.0.0.1:{port}/api", "allow_private": True, **config}
    return Connection("crm", "http", settings, {name: SecretStr(value) for name, value in (secrets or {}).items()})


def properties(**given) -> HttpRequestProperties:
    return HttpRequestProperties.model_validate({"connection": "crm", "path": "/orders", **given})


async def failure(make_call, respond, **given) -> ConnectorError:
    async with serving(respond) as (port, _):
        with pytest.raises(ConnectorError) as caught:
            await request(make_call(connection=connection(port, {"token": TOKEN}, auth="bearer")), properties(**given))
    assert TOKEN not in f"{caught.value} {caught.value.remedy} {caught.value.__cause__}"
    return caught.value


async def test_a_json_answer_comes_back_with_status_and_headers(make_call):
    async with serving(lambda _: answer(201, b'{"id": 7}', set_cookie="s=1", x_trace="t")) as (port, seen):
        output = await request(
            make_call(connection=connection(port)), properties(query={"q": ["a b", "ü"], "n": 1, "ok": True})
        )
    assert (output.status, output.body, output.truncated) == (201, {"id": 7}, False)
    assert output.headers["x-trace"] == "t"
    assert "set-cookie" not in output.headers
    assert seen[0].startswith(b"GET /api/orders?q=a+b&q=%C3%BC&n=1&ok=true HTTP/1.1\r\n")
    assert f"host: 127.0.0.1:{port}".encode() in seen[0].lower()
    assert b"idempotency-key" not in seen[0].lower()


@pytest.mark.parametrize(
    ("given", "media", "body"),
    [
        ({"json": {"a": 1}}, b"application/json", b'{"a":1}'),
        ({"json": [], "text": None, "form": None}, b"application/json", b"[]"),
        ({"text": "hé"}, b"", "hé".encode()),
        ({"form": {"a": "b c", "n": 1}}, b"application/x-www-form-urlencoded", b"a=b+c&n=1"),
    ],
)
async def test_a_write_carries_its_body_and_the_operation_as_idempotency_key(make_call, given, media, body):
    async with serving(lambda _: answer()) as (port, seen):
        await request(make_call("op-77", connection=connection(port)), properties(method="POST", **given))
    head, _, sent = seen[0].partition(b"\r\n\r\n")
    assert sent == body
    assert media in head
    assert b"idempotency-key: op-77" in head.lower()


@pytest.mark.parametrize(
    ("auth", "secrets", "header"),
    [
        ({"auth": "bearer"}, {"token": TOKEN}, f"authorization: bearer {TOKEN}"),
        ({"auth": "basic"}, {"username": "u", "password": "p"}, "authorization: basic dtpw"),
        ({"auth": "header", "header": "X-Key"}, {"value": TOKEN}, f"x-key: {TOKEN}"),
    ],
)
async def test_a_connection_signs_the_request_and_wins_over_headers(make_call, auth, secrets, header):
    async with serving(lambda _: answer()) as (port, seen):
        call = make_call(connection=connection(port, secrets, **auth))
        await request(call, properties(headers={"authorization": "mine"} if "X-Key" not in auth.values() else {}))
    assert header in seen[0].decode().lower()
    assert b"mine" not in seen[0]


async def test_missing_secrets_are_named(make_call):
    with pytest.raises(ConnectorError, match="'crm' is not complete: auth: basic needs the secret 'username'"):
        await request(make_call(connection=connection(1, auth="basic")), properties())


def test_secrets_show_in_no_representation_and_no_validation_error():
    given = properties(headers={"X-Key": TOKEN})
    assert TOKEN not in repr(given) + str(given) + str(given.model_dump()) + given.model_dump_json()
    for bad in ({"headers": {"X-Key": TOKEN + "\r\nX: 1"}}, {"headers": {TOKEN: [TOKEN]}}, {"bogus": TOKEN}):
        with pytest.raises(ValidationError) as caught:
            properties(**bad)
        assert f"'{TOKEN}" not in str(caught.value).replace(f"headers.{TOKEN}", "")


@pytest.mark.parametrize(
    ("status", "code", "permanent", "known"),
    [
        (400, "bad_request", True, True), (401, "bad_request", True, True), (404, "bad_request", True, True),
        (302, "bad_request", True, True), (408, "timeout", False, False), (429, "rate_limit", False, True),
        (500, "server_error", False, False), (501, "server_error", True, False), (503, "server_error", False, False),
        (504, "timeout", False, False), (599, "server_error", False, False),
    ],
)  # fmt: skip
async def test_each_status_has_its_code_and_whether_the_write_may_have_happened(
    make_call, status, code, permanent, known
):
    body = json.dumps({"message": f"you sent {TOKEN}\n"}).encode()
    error = await failure(
        make_call, lambda _: answer(status, body, retry_after="7", location="/x"), method="POST", json=1
    )
    assert (error.code, error.permanent, error.outcome_known, error.retry_after_s) == (code, permanent, known, 7.0)
    assert f"answered {status}" in str(error)
    assert "you sent [secret]" in str(error)
    assert error.remedy


async def test_an_expected_status_is_an_answer(make_call):
    async with serving(lambda _: answer(404, b'"gone"')) as (port, _):
        output = await request(make_call(connection=connection(port)), properties(expect=[200, 404]))
    assert (output.status, output.body) == (404, "gone")


async def test_redirects_are_not_followed(make_call):
    hits = []

    def respond(seen: bytes) -> bytes:
        hits.append(seen)
        return answer(307, location="/elsewhere")

    error = await failure(make_call, respond)
    assert "final address" in error.remedy
    assert len(hits) == 1


async def test_silence_is_a_timeout_of_unknown_outcome(make_call):
    error = await failure(make_call, lambda _: None, method="POST", json=1, request_timeout=0.2)
    assert (error.code, error.permanent, error.outcome_known) == ("timeout", False, False)


async def test_half_an_answer_is_a_server_error_of_unknown_outcome(make_call):
    error = await failure(make_call, lambda _: answer(200, b'{"a": 1}')[:-3], method="POST", json=1)
    assert (error.code, error.permanent, error.outcome_known) == ("server_error", False, False)


async def test_nobody_listening_is_transient_and_nothing_was_sent(make_call):
    async with serving(lambda _: answer()) as (port, _):
        pass
    with pytest.raises(ConnectorError, match="could not be reached") as caught:
        await request(make_call(connection=connection(port)), properties(method="POST"))
    assert (caught.value.permanent, caught.value.outcome_known) == (False, True)


async def test_what_is_called_json_must_be_json(make_call):
    for body in (b"{", b"NaN", b"[" * 100_00):
        assert (await failure(make_call, lambda _, body=body: answer(200, body))).code == "bad_response"


async def test_large_and_binary_answers_become_references_and_too_large_ones_are_cut(make_call):
    bodies = {b"/big": b'"' + b"x" * 100_000 + b'"', b"/bin": b"\xff\xfe\x00", b"/cut": b"y" * 5000}

    def respond(seen: bytes) -> bytes:
        path = seen.split(b" ")[1].removeprefix(b"/api")
        return answer(200, bodies[path], content_type="application/octet-stream")

    async with serving(respond) as (port, _):
        call = make_call(connection=connection(port))
        for path in ("/big", "/bin"):
            output = await request(call, properties(path=path))
            assert isinstance(output.body, ArtifactRef)
            assert await call.artifacts.get(output.body) == bodies[path.encode()]
        cut = await request(call, properties(path="/cut", max_bytes=1000))
    assert (cut.body, cut.truncated) == ("y" * 1000, True)


async def test_a_packed_answer_is_unpacked_only_up_to_the_limit(make_call):
    """50 MB in 50 KB: the answer is cut, memory stays small."""
    bomb = gzip.compress(b"z" * 50_000_000)
    async with serving(lambda _: answer(200, bomb, content_encoding="gzip", content_type="text/plain")) as (port, _):
        output = await request(make_call(connection=connection(port)), properties(max_bytes=2000))
    assert (output.body, output.truncated) == ("z" * 2000, True)


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "orders", "/../admin", "/a/%2e%2E/b", "/a%2f..%2fb", "/a\\..\\b", "/a b", "/x\r\nHost: y"],
)
async def test_a_path_stays_below_the_base_url(make_call, path):
    with pytest.raises(ConnectorError):
        await request(make_call(connection=connection(1)), properties(path=path))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/",
        "http:///x",
        "http://user:pw@a.example/",
        "http://a.example:99999/",
        "//a.example",
        "file:///etc/passwd",
        "http://[::1",
        "http://exa mple/",
    ],
)
async def test_only_plain_http_addresses_are_taken(make_call, url):
    with pytest.raises(ConnectorError) as caught:
        await request(make_call(), HttpRequestProperties(url=url))
    assert caught.value.permanent


async def test_a_connections_secrets_go_to_its_own_hosts_only(make_call):
    call = make_call(connection=Connection("crm", "http", {"base_url": "https://a.example", "hosts": ["*.b.example"]}))
    for host in ("evil.example", "b.example", "xb.example", "a.example.evil.example"):
        with pytest.raises(ConnectorError, match="may not be used with the host"):
            await request(call, HttpRequestProperties(connection="crm", url=f"https://{host}/"))


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.1", "127.0.0.1.0x1", "①②⑦.⓪.⓪.①", "127。0。0。1", "\uff11\uff12\uff17.0.0.1", "fe80::1%1", "", ".", "a..b", "-a.example", "a" * 300],
)  # fmt: skip
def test_numbers_in_disguise_and_broken_names_are_refused(host):
    with pytest.raises(ConnectorError):
        canonical_host(host)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Example.COM.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("8.8.8.8", "8.8.8.8"),
        ("2606:4700:0::1", "2606:4700::1"),
    ],
)
def test_names_and_plain_addresses_have_one_form(host, name):
    assert canonical_host(host) == name


@pytest.mark.parametrize(
    "address",
    ["64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "::127.0.0.1", "192.0.0.8", "224.0.0.1", "169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "0.0.0.0", "::", "255.255.255.255", "fe80::1", "ff02::1", "2001::1", "240.0.0.1"],
)  # fmt: skip
def test_addresses_that_nobody_may_reach(address):
    with pytest.raises(ConnectorError, match="no request may reach"):
        check_address(ip_address(address), "h", allow_private=True)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.0.9",
        "10.1.2.3",
        "172.31.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "::1",
        "fc00::1",
        "::ffff:10.0.0.1",
    ],
)
def test_private_addresses_need_a_connection_that_says_so(address):
    with pytest.raises(ConnectorError, match="private address"):
        check_address(ip_address(address), "h", allow_private=False)
    check_address(ip_address(address), "h", allow_private=True)


async def test_one_bad_address_among_good_ones_refuses_the_host():
    async def resolve(host: str, port: int) -> list[str]:
        return ["8.8.8.8", "127.0.0.1"]

    with pytest.raises(ConnectorError, match=r"private address 127\.0\.0\.1"):
        await resolve_checked("rebind.example", 80, allow_private=False, resolve=resolve)


def certificate(host: str) -> tuple[bytes, bytes]:
    """A certificate and its private key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem, private


async def test_the_checked_address_is_connected_to_with_the_hosts_own_name(make_call, tmp_path):
    """A resolver that answers differently the second time is asked only once; TLS is verified for the name."""
    pem, private = certificate("api.example")
    (tmp_path / "both.pem").write_bytes(pem + private)
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_tls.load_cert_chain(tmp_path / "both.pem")
    client_tls = ssl.create_default_context(cadata=pem.decode())
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    async with serving(lambda _: answer(), server_tls) as (port, seen):
        call = make_call(connection=connection(port, base_url=f"https://api.example:{port}"))
        output = await send(call, properties(), resolve=resolve, tls=client_tls)
        assert output.status == 200
        other = make_call(connection=connection(port, base_url=f"https://other.example:{port}"))
        asked.clear()
        with pytest.raises(ConnectorError, match="could not be reached"):
            await send(other, properties(), resolve=resolve, tls=client_tls)
    assert f"host: api.example:{port}".encode() in seen[0].lower()
    assert len(seen) == len(asked) == 1


async def test_proxies_of_the_environment_are_ignored(make_call, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with serving(lambda _: answer()) as (port, _):
        assert (await request(make_call(connection=connection(port)), properties())).status == 200


@pytest.mark.parametrize(
    "given",
    [{}, {"url": "http://a.example", "path": "/x"}, {"path": "/x"}, {"url": "http://a.example", "json": 1, "text": "x"}, {"url": "http://a.example", "headers": {"Host": "b"}}, {"url": "http://a.example", "method": "TRACE"}],
)  # fmt: skip
def test_contradictory_requests_are_refused(given):
    with pytest.raises(ValidationError):
        HttpRequestProperties.model_validate(given)


def test_the_effect_follows_the_method_and_an_expression_counts_as_writing():
    effects = {
        method: HTTP_REQUEST.effect_for({"method": method})
        for method in ("GET", "HEAD", "OPTIONS", "POST", "DELETE", "{{ x }}")
    }
    assert effects == {
        "GET": "read",
        "HEAD": "read",
        "OPTIONS": "read",
        "POST": "write",
        "DELETE": "write",
        "{{ x }}": "write",
    }
    assert HTTP_REQUEST.effect_for({}) == "read"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, None), ("5", 5.0), ("999999999999", 86400.0), ("Sun, 22 Nov 2026 10:00:30 GMT", 30.0), ("Sun, 22 Nov 2026 09:00:00 GMT", 0.0), ("soon", None), ("-1", None), ("٣", None)],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(text, seconds):
    assert retry_after_seconds(text, datetime(2026, 11, 22, 10, 0, tzinfo=UTC)) == seconds
