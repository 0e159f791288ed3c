"""Free ports on the loopback interface: the usual one if it is free, else one that the system picks."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import ExitStack

HOST = "127.0.0.1"


class PortTaken(Exception):
    """A port that was asked for by number is in use."""

    def __init__(self, name: str, port: int) -> None:
        super().__init__(f"Port {port} for {name} is in use by another program.")
        self.remedy = "Stop that program, or choose another port (0 takes any free one)."


def choose(preferred: Mapping[str, int], *, fixed: frozenset[str] = frozenset()) -> dict[str, int]:
    """Pick a port per name, all different. A taken one is replaced, except for ``fixed`` names: ``PortTaken``."""
    chosen: dict[str, int] = {}
    with ExitStack() as held:
        for name, port in preferred.items():
            taken = held.enter_context(socket.socket())
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if not _bind(taken, port):
                if name in fixed:
                    raise PortTaken(name, port)
                taken = held.enter_context(socket.socket())
                taken.bind((HOST, 0))
            chosen[name] = taken.getsockname()[1]
    return chosen


def _bind(sock: socket.socket, port: int) -> bool:
    try:
        sock.bind((HOST, port))
    except OSError:
        return False
    return True
