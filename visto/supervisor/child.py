"""One supervised process: started, watched, restarted with growing pauses, and ended with its whole group."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from visto.supervisor.processes import Identity, die_with_parent, signal_group

READY_EVERY_S = 0.05
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 15.0
STABLE_AFTER_S = 20.0
ATTEMPTS_BEFORE_READY = 3
LOG_LIMIT_BYTES = 5_000_000
TAIL_LINES = 15


class StartFailed(Exception):
    """A process did not come up. ``tail`` is the end of its log."""

    def __init__(self, name: str, why: str, log: Path) -> None:
        super().__init__(f"{name} did not start: {why}.")
        self.remedy = f"See {log}."
        self.tail = tail(log)


@dataclass(frozen=True, slots=True)
class Spec:
    """How to run a process. ``ready`` is asked again and again, with the process's id, until it says yes."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    ready: Callable[[int], Awaitable[bool]]


@dataclass(slots=True)
class Child:
    """A running ``Spec``. ``on_change`` hears of every start; ``note`` gets a sentence about every crash."""

    spec: Spec
    on_change: Callable[[str, Identity], None]
    note: Callable[[str], None]
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None
    stopping: bool = False

    async def supervise(self) -> None:
        """Run until ``stop``. Raises ``StartFailed`` when it ends several times before it was ever ready."""
        pause, attempts, was_ready = FIRST_PAUSE_S, 0, False
        while not self.stopping:
            started = time.monotonic()
            code = await self._run_once()
            if self.stopping:
                return
            was_ready, attempts = was_ready or self.ready.is_set(), attempts + 1
            self.ready.clear()
            if not was_ready and attempts >= ATTEMPTS_BEFORE_READY:
                raise StartFailed(self.spec.name, f"it ended {attempts} times ({ending(code)})", self.spec.log)
            pause = FIRST_PAUSE_S if time.monotonic() - started > STABLE_AFTER_S else min(pause * 2, LONGEST_PAUSE_S)
            self.note(
                f"{self.spec.name} ended ({ending(code)}); starting it again in {pause:.1f} s, see {self.spec.log}"
            )
            await asyncio.sleep(pause)

    async def _run_once(self) -> int:
        with open_log(self.spec.log) as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.spec.argv,
                env=dict(self.spec.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )
        identity = Identity.of(self.process.pid)
        if identity is not None:
            self.on_change(self.spec.name, identity)
        probe = asyncio.create_task(self._until_ready(self.process.pid))
        try:
            return await self.process.wait()
        finally:
            probe.cancel()
            with suppress(asyncio.CancelledError):
                await probe

    async def _until_ready(self, pid: int) -> None:
        while not self.ready.is_set():
            if await self.spec.ready(pid):
                self.ready.set()
            await asyncio.sleep(READY_EVERY_S)

    async def stop(self, *, grace_s: float) -> None:
        """Ask the group to end, and kill what is left of it after ``grace_s``."""
        self.stopping = True
        process = self.process
        if process is None or process.returncode is not None:
            return
        signal_group(process.pid, signal.SIGTERM)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), grace_s)
        signal_group(process.pid, signal.SIGKILL)
        await process.wait()


def open_log(path: Path) -> BinaryIO:
    """Open a log for appending; one that has grown large is set aside first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def tail(path: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log; empty when there is none."""
    with suppress(OSError), path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - 16_384))
        return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
    return ""


def ending(code: int) -> str:
    """Say how a process ended."""
    if code < 0:
        with suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
