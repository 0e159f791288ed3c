"""Time and room: working clocks, one rolling timer, slots. Nothing here polls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from temporalio import workflow

T = TypeVar("T")


def now_ms() -> int:
    """The workflow's own clock, in milliseconds since the epoch."""
    return int(workflow.time() * 1000)


@dataclass(slots=True)
class WorkClock:
    """Counts working time: it runs while at least one step works, and stands while all wait for people.

    ``on_change`` hears when it starts to run (with the milliseconds used) and when it stops (``None``).
    """

    used_ms: int = 0
    busy: int = 0
    on_change: Callable[[int | None], None] | None = None
    _since_ms: int = 0

    def enter(self, now_ms: int) -> None:
        self.busy += 1
        if self.busy == 1:
            self._since_ms = now_ms
            if self.on_change:
                self.on_change(self.used_ms)

    def leave(self, now_ms: int) -> None:
        self.busy -= 1
        if self.busy == 0:
            self.used_ms += now_ms - self._since_ms
            if self.on_change:
                self.on_change(None)

    def total_ms(self, now_ms: int) -> int:
        return self.used_ms + (now_ms - self._since_ms if self.busy else 0)


class RollingTimer:
    """Wakes whoever asked, with one timer outstanding: a later deadline waits behind the earlier one's firing.

    A dropped deadline cancels nothing; the timer fires once, finds nothing due and sets itself anew. That costs one
    wake-up and saves an event in every execution that ends before its deadline.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._due: dict[str, tuple[int, Callable[[], None]]] = {}
        self._armed_ms: int | None = None
        self._task: asyncio.Task[None] | None = None

    def set(self, key: str, due_ms: int, ring: Callable[[], None]) -> None:
        self._due[key] = (due_ms, ring)
        if self._armed_ms is None or due_ms < self._armed_ms:
            self._arm(due_ms)

    def drop(self, key: str) -> None:
        self._due.pop(key, None)

    def _arm(self, due_ms: int) -> None:
        if self._task is not None:
            self._task.cancel()
        self._armed_ms = due_ms
        self._task = asyncio.create_task(self._wait(due_ms))

    async def _wait(self, due_ms: int) -> None:
        await asyncio.sleep(max(0, due_ms - self._now_ms()) / 1000)
        self._armed_ms, self._task = None, None
        now = self._now_ms()
        for key, (due, ring) in sorted(self._due.items()):
            if due <= now:
                del self._due[key]
                ring()
        if self._due and self._armed_ms is None:
            self._arm(min(due for due, _ in self._due.values()))


@dataclass(slots=True)
class Slots:
    """Room to work in: an element of a nested ``foreach`` needs a place in its own loop and in every outer one."""

    rooms: tuple[asyncio.Semaphore, ...] = ()
    held: bool = field(default=False)

    async def acquire(self) -> None:
        taken: list[asyncio.Semaphore] = []
        try:
            for room in reversed(self.rooms):
                await room.acquire()
                taken.append(room)
        except BaseException:
            for room in taken:
                room.release()
            raise
        self.held = True

    def release(self) -> None:
        if self.held:
            self.held = False
            for room in self.rooms:
                room.release()


class TimedOut(Exception):
    """Working time, or time altogether, ran out."""


class Timeout:
    """Ends a piece of work when its time is used up. With ``waits``, waiting for people counts too."""

    def __init__(self, timer: RollingTimer, key: str, limit_ms: int, *, waits: bool) -> None:
        self._timer, self._key, self._limit_ms, self._waits = timer, f"timeout:{key}", limit_ms, waits
        self._task: asyncio.Task[Any] | None = None
        self._late = False

    async def guard(self, clock: WorkClock, work: Coroutine[object, object, T]) -> T:
        """Run ``work``; raise ``TimedOut`` after it has been cancelled and has cleaned up."""
        task = self._task = asyncio.create_task(work)
        if self._waits:
            self._timer.set(self._key, now_ms() + self._limit_ms - clock.total_ms(now_ms()), self._end)
        else:
            clock.on_change = self._changed
            self._changed(clock.total_ms(now_ms()) if clock.busy else None)
        try:
            result: T = await task
        except asyncio.CancelledError:
            if self._late:
                raise TimedOut from None
            raise
        finally:
            clock.on_change = None
            self._timer.drop(self._key)
        return result

    def _changed(self, used_ms: int | None) -> None:
        if used_ms is None:
            self._timer.drop(self._key)
        else:
            self._timer.set(self._key, now_ms() + self._limit_ms - used_ms, self._end)

    def _end(self) -> None:
        self._late = True
        if self._task is not None:
            self._task.cancel()
