"""Where a request comes from: its network address, and its browser in a few words.

``X-Forwarded-For`` is believed only from the proxies of ``VISTO_TRUSTED_PROXIES``, and read from the right: what a
client wrote into it itself stands further left than the first address that is not one of our proxies.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from fastapi import Request
from starlette.requests import HTTPConnection

from workflows.settings import Settings
from workflows.usecases.sign_in import Visitor

UNKNOWN = "unknown"
_IPV6_PREFIX = 64

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


class InvalidProxies(Exception):
    """``VISTO_TRUSTED_PROXIES`` is not a list of addresses or networks."""

    remedy = "Set VISTO_TRUSTED_PROXIES to addresses or networks with commas between, for example 10.0.0.5,10.1.0.0/16."


def visitor(request: Request) -> Visitor:
    """Who knocks, for sessions and for the journal."""
    settings: Settings = request.app.state.services.settings
    return Visitor(
        device=device(request.headers.get("user-agent", "")), address=address(request, settings.trusted_proxies)
    )


def address(connection: HTTPConnection, trusted: str) -> str:
    """The client's address; an IPv6 one stands for its whole /64, which one household has."""
    networks = proxies(trusted)
    found = _parsed(connection.client.host if connection.client else "")
    if found is None:
        return UNKNOWN
    for hop in reversed(",".join(connection.headers.getlist("x-forwarded-for")).split(",")):
        if not _among(found, networks):
            break
        further = _parsed(hop.strip())
        if further is None:
            break
        found = further
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, _IPV6_PREFIX), strict=False))
    return str(found)


@lru_cache(maxsize=8)
def proxies(text: str) -> tuple[Network, ...]:
    """The networks of the setting. Raises ``InvalidProxies``."""
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise InvalidProxies(f"VISTO_TRUSTED_PROXIES is not right: {error}.") from error


def device(user_agent: str) -> str:
    """A browser in words, such as "Firefox on Linux"."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "A browser")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), None)
    return f"{browser} on {system}" if system else browser


def _parsed(text: str) -> Address | None:
    try:
        found = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _among(found: Address, networks: tuple[Network, ...]) -> bool:
    return any(found in network for network in networks)
