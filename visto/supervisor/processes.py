"""Processes by pid *and* start time, so that a reused pid is never mistaken for ours; and how they die together."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

import psutil

_PR_SET_PDEATHSIG = 1
_TOLERANCE_S = 1.0


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that ran once; ``started`` is seconds since the epoch."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """Identify a running process; ``None`` when there is none (a zombie counts as none)."""
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            return cls(pid, process.create_time())
        except psutil.Error:
            return None

    def is_alive(self) -> bool:
        now = Identity.of(self.pid)
        return now is not None and abs(now.started - self.started) < _TOLERANCE_S


def die_with_parent() -> Callable[[], None] | None:
    """What a child runs before it becomes its program: the kernel kills it when its parent dies, however that happens.

    ``None`` where the system cannot do that; leftovers are then ended at the next start.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl, parent, kill = ctypes.CDLL(None).prctl, os.getpid(), int(signal.SIGKILL)

    def arm() -> None:
        prctl(_PR_SET_PDEATHSIG, kill)
        if os.getppid() != parent:  # the parent died in between
            os._exit(1)

    return arm


def signal_group(pid: int, number: signal.Signals) -> None:
    """Send a signal to a child's whole process group; nothing happens when it is gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def end_leftovers(found: Iterable[Identity], *, grace_s: float = 3.0) -> list[Identity]:
    """Kill what an earlier supervisor left behind, and wait until it is gone. Returns what had to be killed."""
    alive = [one for one in found if one.is_alive()]
    for one in alive:
        signal_group(one.pid, signal.SIGKILL)
        with suppress(ProcessLookupError, PermissionError):
            os.kill(one.pid, signal.SIGKILL)
    deadline = time.monotonic() + grace_s
    while any(one.is_alive() for one in alive) and time.monotonic() < deadline:
        time.sleep(0.02)
    return alive
