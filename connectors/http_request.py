"""``http.request``: one HTTP request, to where it was meant to go and nowhere else."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, Self

import httpx
from pydantic import Field, JsonValue, SecretStr, field_validator, model_validator

from connectors.addresses import Resolve, resolve_checked, system_resolve
from connectors.base import ArtifactRef, Call, Connector, ConnectorError, Output, Properties
from connectors.http_auth import credentials
from connectors.http_body import hand_on, read_limited
from connectors.http_errors import of_status, of_transport
from connectors.http_target import Target, find_target

READING = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_RESPONSE_BYTES = 32 * 1024 * 1024
MAX_TIMEOUT_SECONDS = 300.0

_CONNECT_TIMEOUT_SECONDS = 10.0
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OUR_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "idempotency-key"}
)
_HIDDEN_RESPONSE_HEADERS = frozenset({"set-cookie", "set-cookie2", "authentication-info", "proxy-authenticate"})

Method = Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
Scalar = str | int | float | bool


class HttpRequestProperties(Properties):
    """Where to, what to send, and what to expect."""

    method: Method = Field(default="GET", description="The method; GET, HEAD and OPTIONS read, all others write.")
    connection: str | None = Field(
        default=None, description="A connection of type http; it brings address and secrets."
    )
    url: str | None = Field(default=None, max_length=8192, description="The full address, if not connection and path.")
    path: str | None = Field(default=None, max_length=8192, description="What follows the connection's base_url.")
    query: dict[str, Scalar | list[Scalar]] | None = Field(
        default=None, description="Query parameters, encoded for you."
    )
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="Request headers; may hold {{ secrets.NAME }}."
    )
    json_: JsonValue = Field(default=None, alias="json", description="A JSON body.")
    text: str | None = Field(default=None, description="A text body.")
    form: dict[str, Scalar] | None = Field(default=None, description="A form body, encoded for you.")
    expect: list[int] | None = Field(
        default=None, min_length=1, description="The statuses that count as success; by default 200 to 299."
    )
    request_timeout: float = Field(
        default=30.0, gt=0, le=MAX_TIMEOUT_SECONDS, description="How many seconds one request may take altogether."
    )
    max_bytes: int = Field(
        default=8 * 1024 * 1024, ge=1, le=MAX_RESPONSE_BYTES, description="Read at most this much of the answer."
    )

    @field_validator("headers")
    @classmethod
    def _plain_headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name) or name.lower() in _OUR_HEADERS:
                raise ValueError(f"the header {name[:100]!r} can not be set")
            if not value.get_secret_value().isprintable() or not value.get_secret_value().isascii():
                raise ValueError(f"the header {name!r} may only have printable ASCII characters")
        return headers

    @model_validator(mode="after")
    def _one_address_one_body(self) -> Self:
        if (self.url is None) == (self.path is None):
            raise ValueError("give either url, or connection and path")
        if self.path is not None and self.connection is None:
            raise ValueError("path needs a connection")
        if sum(body is not None for body in (self.json_, self.text, self.form)) > 1:
            raise ValueError("give only one of json, text and form")
        return self


class HttpRequestOutput(Output):
    """The answer. ``body`` is a JSON value where the answer says so, else text; a reference above 64 KiB."""

    status: int = Field(description="The HTTP status.")
    headers: dict[str, str] = Field(description="The response headers, with names in lower case, without cookies.")
    body: JsonValue | ArtifactRef = Field(description="JSON or text; a reference when above 64 KiB or not text.")
    truncated: bool = Field(description="Whether the answer was longer than max_bytes.")


def effect_of(properties: Mapping[str, Any]) -> Literal["read", "write"]:
    """``read`` for a method that is written out as reading, or left out; an expression counts as writing."""
    method = properties.get("method", "GET")
    return "read" if isinstance(method, str) and method in READING else "write"


async def request(call: Call, properties: HttpRequestProperties) -> HttpRequestOutput:
    """Send the request. Raises ``ConnectorError`` for every answer that is not expected, and for none."""
    return await send(call, properties, resolve=system_resolve, tls=_system_tls())


async def send(
    call: Call, properties: HttpRequestProperties, *, resolve: Resolve, tls: ssl.SSLContext
) -> HttpRequestOutput:
    """``request`` with the resolver and the trusted certificates as parameters."""
    target = find_target(properties.connection, properties.url, properties.path, call.connection)
    write = properties.method not in READING
    try:
        async with asyncio.timeout(properties.request_timeout):
            return await _exchange(call, properties, target, resolve, tls)
    except TimeoutError as error:
        overall = httpx.ReadTimeout("overall")
        raise of_transport(target.shown, overall, write=write) from error
    except httpx.InvalidURL as error:
        raise ConnectorError(
            f"{target.shown} is not an address.", code="bad_request", permanent=True, remedy="Correct the address."
        ) from error


async def _exchange(
    call: Call, properties: HttpRequestProperties, target: Target, resolve: Resolve, tls: ssl.SSLContext
) -> HttpRequestOutput:
    write = properties.method not in READING
    auth = credentials(call.connection)
    addresses = await resolve_checked(target.host, target.port, allow_private=target.allow_private, resolve=resolve)
    timeout = httpx.Timeout(properties.request_timeout, connect=_CONNECT_TIMEOUT_SECONDS)
    async with httpx.AsyncClient(verify=tls, trust_env=False, follow_redirects=False, timeout=timeout) as client:
        for position, address in enumerate(addresses):
            prepared = _prepare(client, call, properties, target, address, auth)
            try:
                response = await client.send(prepared, stream=True)
            except httpx.ConnectError as error:
                if position + 1 < len(addresses):
                    continue
                raise of_transport(target.shown, error, write=write) from error
            except httpx.HTTPError as error:
                raise of_transport(target.shown, error, write=write) from error
            try:
                return await _receive(call, properties, target, response, _secrets(properties, call))
            except httpx.HTTPError as error:
                raise of_transport(target.shown, error, write=write) from error
            finally:
                await response.aclose()
    raise AssertionError("a checked host has at least one address")


def _prepare(
    client: httpx.AsyncClient,
    call: Call,
    properties: HttpRequestProperties,
    target: Target,
    address: str,
    auth: Mapping[str, SecretStr],
) -> httpx.Request:
    """The request to a checked address, with the host's own name in ``Host`` and in the TLS handshake."""
    headers = {name.lower(): value.get_secret_value() for name, value in (*properties.headers.items(), *auth.items())}
    headers |= {"host": target.host_header, "accept-encoding": "identity"}
    headers.setdefault("user-agent", "visto")
    if properties.method not in READING:
        headers["idempotency-key"] = call.op_id
    form = {name: _as_text(value) for name, value in (properties.form or {}).items()}
    return client.build_request(
        properties.method,
        target.url_to(address, _query(properties)),
        headers=headers,
        json=properties.json_,
        content=properties.text,
        data=form if properties.form is not None else None,
        extensions={"sni_hostname": target.host},
    )


async def _receive(
    call: Call, properties: HttpRequestProperties, target: Target, response: httpx.Response, secrets: list[str]
) -> HttpRequestOutput:
    data, truncated = await read_limited(response, properties.max_bytes)
    expected = response.status_code in properties.expect if properties.expect else response.is_success
    if not expected:
        raise of_status(target.shown, response, data, secrets, write=properties.method not in READING)
    headers = {name: value for name, value in response.headers.items() if name not in _HIDDEN_RESPONSE_HEADERS}
    body = await hand_on(call, response, data, truncated=truncated)
    return HttpRequestOutput(status=response.status_code, headers=headers, body=body, truncated=truncated)


def _query(properties: HttpRequestProperties) -> list[tuple[str, str]]:
    return [
        (name, _as_text(one))
        for name, value in (properties.query or {}).items()
        for one in (value if isinstance(value, list) else [value])
    ]


def _as_text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _secrets(properties: HttpRequestProperties, call: Call) -> list[str]:
    held = [*properties.headers.values(), *credentials(call.connection).values()]
    held += call.connection.secrets.values() if call.connection else []
    values = [secret.get_secret_value() for secret in held]
    return sorted({part for value in values for part in (value, value.rpartition(" ")[2])}, key=len, reverse=True)


@cache
def _system_tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


HTTP_REQUEST = Connector(
    type="http.request",
    summary="Send an HTTP request.",
    properties=HttpRequestProperties,
    output=HttpRequestOutput,
    effect="write",
    idempotent=False,
    run=request,
    secrets=frozenset({"headers"}),
    effect_of=effect_of,
)
