"""Which hosts and addresses requests may go to: names are resolved once, and every address is checked.

The networks are listed by hand: the interpreter's own notion of a global address includes translated and embedded
loopback addresses, and has changed between releases.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import idna

from connectors.base import ConnectorError

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7"],
    )
)
"""Reached only by a connection whose configuration says ``allow_private: true``."""

NEVER = tuple(
    map(
        ipaddress.ip_network,
        [
            "0.0.0.0/8",  # this network; the kernel takes it for loopback
            "169.254.0.0/16",  # link-local, with the clouds' metadata services
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/3",  # multicast, reserved and broadcast
            "::/96",  # unspecified and embedded IPv4 (::1 is judged before)
            "::ffff:0:0/96",  # mapped IPv4 that did not unwrap
            "64:ff9b::/96",  # translated IPv4
            "64:ff9b:1::/48",  # locally translated IPv4
            "100::/64",  # discard
            "2001::/23",  # protocol assignments, Teredo among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: carries any IPv4 address
            "3fff::/20",  # documentation
            "5f00::/16",  # segment routing
            "fe80::/10",  # link-local
            "fec0::/10",  # old site-local
            "ff00::/8",  # multicast
            "fd00:ec2::/32",  # metadata services within the private range
        ],
    )
)
"""Reached by nobody."""

_NUMERIC_LABEL = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_MAX_HOST = 253


def _refused(host: str, why: str, remedy: str) -> ConnectorError:
    return ConnectorError(f"The host {host[:100]!r} {why}.", code="bad_request", permanent=True, remedy=remedy)


def canonical_host(host: str) -> str:
    """Return a host as ASCII name or canonical address; refuse every other way of writing a number.

    Raises ``ConnectorError`` for ``2130706433``, ``0x7f.1``, ``127.1``, full-width digits and the like.
    """
    try:
        return str(ipaddress.ip_address(host)) if "%" not in host else _reject_number(host)
    except ValueError:
        pass
    try:
        name = host if host.isascii() else idna.encode(host, uts46=False).decode()
    except idna.IDNAError:
        raise _refused(host, "is not a valid name", "Write the name in letters, digits and hyphens.") from None
    labels = name.removesuffix(".").split(".")
    if len(name) > _MAX_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refused(host, "is not a valid name", "Write the name in letters, digits and hyphens.")
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        return _reject_number(host)
    return name.removesuffix(".").lower()


def _reject_number(host: str) -> str:
    raise _refused(host, "is a number in disguise", "Write the host's name, or a plain address such as 192.0.2.1.")


def check_address(address: Address, host: str, *, allow_private: bool) -> None:
    """Refuse an address that requests must not reach. Raises ``ConnectorError``."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    actual = mapped or address
    if _within(actual, PRIVATE) and not _within(actual, NEVER[-1:]):
        if not allow_private:
            raise _refused(
                host,
                f"resolves to the private address {address}",
                "If it is meant, use a connection with allow_private: true in its configuration.",
            )
    elif _within(actual, NEVER):
        raise _refused(host, f"resolves to {address}, which no request may reach", "Use a public address.")


def _within(address: Address, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of a name, by the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def resolve_checked(host: str, port: int, *, allow_private: bool, resolve: Resolve) -> Sequence[str]:
    """Resolve once and check every address; one bad address refuses the host. Raises ``ConnectorError``."""
    name = canonical_host(host)
    try:
        texts: Sequence[str] = [str(ipaddress.ip_address(name))]
    except ValueError:
        texts = await _resolve(name, port, resolve)
    addresses = [ipaddress.ip_address(text) for text in texts]
    for address in addresses:
        check_address(address, host, allow_private=allow_private)
    return [str(address) for address in addresses]


async def _resolve(name: str, port: int, resolve: Resolve) -> Sequence[str]:
    try:
        found = await resolve(name, port)
    except socket.gaierror as error:
        unknown = error.errno == socket.EAI_NONAME
        raise ConnectorError(
            f"The host {name!r} can not be resolved: {error.strerror}.",
            code="bad_request" if unknown else "server_error",
            permanent=unknown,
            remedy="Check its name, and this machine's name service.",
        ) from error
    if not found:
        raise _refused(name, "has no address", "Check its name.")
    return found
