"""Where a request comes from: believed from our own proxies only, and from the right end of what they say."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from api.visitors import InvalidProxies, address, device, proxies

OURS = "10.0.0.0/8, 192.0.2.9"


def seen(peer, *forwarded, trusted=OURS):
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    scope = {"type": "http", "headers": headers, "client": (peer, 1) if peer else None}
    return address(Request(scope), trusted)


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.5", [], "203.0.113.5"),
        ("203.0.113.5", ["198.51.100.1"], "203.0.113.5"),  # not a proxy of ours
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),  # the left part is the client's own invention
        ("10.0.0.1", ["198.51.100.1, 192.0.2.9, 10.1.2.3"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6", "198.51.100.1"], "198.51.100.1"),  # sent as two headers
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, "], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.2"], "10.0.0.2"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("10.0.0.1", ["[2001:db8::7]"], "2001:db8::/64"),
        ("::ffff:203.0.113.5", [], "203.0.113.5"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["198.51.100.1"], "127.0.0.1"),  # not even this machine, unless it is declared
        ("testclient", [], "unknown"),
        (None, ["198.51.100.1"], "unknown"),
    ],
)  # fmt: skip
def test_the_address(peer, forwarded, expected):
    assert seen(peer, *forwarded) == expected


def test_without_declared_proxies_nothing_is_believed():
    assert seen("10.0.0.1", "198.51.100.1", trusted="") == "10.0.0.1"


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.0/40", "10.0.0.1/8", "10.0.0.1 10.0.0.2"])
def test_a_list_that_is_wrong_is_named(text):
    with pytest.raises(InvalidProxies, match="VISTO_TRUSTED_PROXIES"):
        proxies(text)


def test_a_browser_is_named_in_words_of_ours():
    """Nothing of what a browser sends is shown or stored."""
    assert device("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36") == "Chrome on Android"
    assert device("curl/8.5.0") == "A browser"
    assert device("<b>" * 5000) == "A browser"
