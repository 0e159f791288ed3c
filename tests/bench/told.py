"""How a hand-written workflow tells the bench that it waits: one datagram, which costs it next to nothing."""

from __future__ import annotations

import os
import socket

VARIABLE = "BENCH_TOLD"
_socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)


def told(workflow_id: str) -> None:
    """Say that a workflow waits for its approval now."""
    _socket.sendto(workflow_id.encode(), os.environ[VARIABLE])
