"""Ports for the servers that one command starts."""

from __future__ import annotations

import socket
import sys

import pytest

from visto.supervisor.ports import HOST, PortTaken, choose


def bound(port: int, *, shares: bool = False) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(shares))
    try:
        made.bind((HOST, port))
    except OSError:
        made.close()
        raise
    return made


def test_the_usual_port_if_it_is_free_else_another_and_never_one_twice() -> None:
    with bound(0) as taken:
        usual = taken.getsockname()[1]
        found = choose({"a": usual, "b": 0, "c": 0})
    assert usual not in found.values()
    assert len(set(found.values())) == len(found)


def test_one_number_is_for_one_name_and_who_asked_for_it_gets_it() -> None:
    with bound(0, shares=True) as some:
        usual = some.getsockname()[1]
    found = choose({"temporal": usual, "api": usual, "chroma": usual}, fixed=frozenset({"api"}))
    assert found["api"] == usual
    assert len(set(found.values())) == len(found)


def test_a_port_that_was_asked_for_and_is_taken_is_refused() -> None:
    with bound(0) as taken, pytest.raises(PortTaken, match="api is in use"):
        choose({"api": taken.getsockname()[1]}, fixed=frozenset({"api"}))


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux lets a server listen beside a socket that holds its port"
)
def test_a_port_is_kept_for_its_server() -> None:
    """The system gives it to nobody before the server takes it; the server takes it, and again after it was stopped."""
    port = choose({"api": 0}, hold=True)["api"]
    with pytest.raises(OSError, match="in use"):
        bound(port)
    for _ in range(2):
        with bound(port, shares=True) as server:
            server.listen()
            socket.create_connection((HOST, port)).close()
