"""Where a request goes: the address taken apart once, so that what was checked is what is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import SplitResult, urlencode, urlsplit

from connectors.addresses import canonical_host
from connectors.base import Connection, ConnectorError
from connectors.connections import refuse_foreign_host

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """``shown`` names it in messages, without query: that may hold personal data."""

    scheme: str
    host: str
    port: int
    path: str
    query: str
    allow_private: bool

    @property
    def shown(self) -> str:
        return f"{self.scheme}://{self.host_header}{self.path[:100]}"

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def url_to(self, address: str, parameters: list[tuple[str, str]]) -> str:
        """The URL with a checked address in the place of the name."""
        literal = f"[{address}]" if ":" in address else address
        query = "&".join(part for part in (self.query, urlencode(parameters)) if part)
        return f"{self.scheme}://{literal}:{self.port}{self.path}{'?' + query if query else ''}"


def find_target(name: str | None, url: str | None, path: str | None, connection: Connection | None) -> Target:
    """Put the address together and check its form. Raises ``ConnectorError``."""
    if name is not None and connection is None:
        _refuse(f"The connection {name!r} was not resolved", "Define it for this namespace and environment.")
    if url is not None:
        target = _parse(url, allow_private=bool(connection and connection.config.get("allow_private") is True))
        if connection is not None:
            refuse_foreign_host(connection, target.host)
        return target
    assert connection is not None
    assert path is not None
    return _below(connection, path)


def _below(connection: Connection, path: str) -> Target:
    base = connection.config.get("base_url")
    if not isinstance(base, str):
        _refuse(f"The connection {connection.name!r} has no base_url", "Add base_url to its configuration.")
    if not path.startswith("/") or path.startswith("//"):
        _refuse("The path does not begin with one slash", "Write it like /orders?status=open.")
    split = path.partition("?")[0].lower().replace("%2e", ".").replace("%2f", "/").replace("\\", "/").split("/")
    if ".." in split:
        _refuse("The path leaves its folder", "Remove the dots.")
    allow_private = connection.config.get("allow_private") is True
    return _parse(base.rstrip("/") + path, allow_private=allow_private)


def _parse(url: str, *, allow_private: bool) -> Target:
    if any(char <= " " or char in "\\\x7f" for char in url):
        _refuse("The address has spaces, control characters or backslashes", "Encode them, for example with urlencode.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        _refuse("The address is not well formed", "Write it like https://example.com/path.")
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        _refuse("The address is not http or https with a host", "Write it like https://example.com/path.")
    if "@" in parts.netloc:
        _refuse("The address holds a user name", "Use a connection with auth: basic.")
    return _target(parts, port, allow_private=allow_private)


def _target(parts: SplitResult, port: int | None, *, allow_private: bool) -> Target:
    return Target(
        scheme=parts.scheme,
        host=canonical_host(parts.hostname or ""),
        port=port if port is not None else _DEFAULT_PORTS[parts.scheme],
        path=parts.path or "/",
        query=parts.query,
        allow_private=allow_private,
    )


def _refuse(problem: str, remedy: str) -> NoReturn:
    raise ConnectorError(f"{problem}.", code="bad_request", permanent=True, remedy=remedy)
