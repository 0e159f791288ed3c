"""Free ports on the loopback interface: the usual one if it is free, else one that the system picks."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack

HOST = "127.0.0.1"


class PortTaken(Exception):
    """A port that was asked for by number is in use."""

    def __init__(self, name: str, port: int) -> None:
        super().__init__(f"Port {port} for {name} is in use by another program.")
        self.remedy = "Stop that program, or choose another port (0 takes any free one)."


_held: list[socket.socket] = []
"""Bound and never listening, for as long as this process lives: the system gives the port to no connection and to nobody
who asks for any, before its server takes it and while that is started again. Whoever names the port can still take it.
Linux lets a server listen beside such a socket when both say SO_REUSEADDR, as servers do; elsewhere nothing is held."""


def choose(preferred: Mapping[str, int], *, fixed: frozenset[str] = frozenset(), hold: bool = False) -> dict[str, int]:
    """Pick a port per name, all different. A taken one is replaced, except for ``fixed`` names: ``PortTaken``.

    ``hold`` keeps them for this process's servers.
    """
    preferred = dict(sorted(preferred.items(), key=lambda one: one[0] not in fixed))
    bound: dict[str, socket.socket] = {}
    with ExitStack() as until_chosen:
        for name, port in preferred.items():
            bound[name] = until_chosen.enter_context(_socket())
            if not _bind(bound[name], port, {one.getsockname()[1] for other, one in bound.items() if other != name}):
                if name in fixed:
                    raise PortTaken(name, port)
                bound[name].close()
                bound[name] = until_chosen.enter_context(_socket())
                bound[name].bind((HOST, 0))
        chosen = {name: one.getsockname()[1] for name, one in bound.items()}
        if hold and sys.platform == "linux":
            until_chosen.pop_all()
            _held.extend(bound.values())
    return chosen


def _socket() -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


def _bind(sock: socket.socket, port: int, chosen: set[int]) -> bool:
    if port in chosen:  # sockets that share would not refuse it
        return False
    try:
        sock.bind((HOST, port))
    except OSError:
        return False
    return True
