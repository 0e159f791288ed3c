"""An exclusive lock on a file that the kernel releases when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from connectors.base import ConnectorError
from connectors.paths import open_at

LOCK_TIMEOUT_SECONDS = 30.0
_POLL_SECONDS = 0.02


@contextmanager
def locked(parent: int, name: str, path: str) -> Iterator[int]:
    """Yield the descriptor of ``name`` in an opened folder, made where missing, under an exclusive lock.

    ``path`` is what the message calls it. Raises a transient ``ConnectorError`` when somebody else holds it too long.
    """
    descriptor = open_at(parent, name, os.O_RDWR | os.O_CREAT, path=path)
    try:
        _take(descriptor, path)
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: str) -> None:
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise ConnectorError(
                    f"Another write to {path!r} did not end within {LOCK_TIMEOUT_SECONDS:g} seconds.",
                    code="timeout",
                    permanent=False,
                    remedy="It is tried again; if it stays so, look for a stopped worker.",
                ) from error
            time.sleep(_POLL_SECONDS)
        else:
            return
