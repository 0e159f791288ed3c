"""What was looked up a moment ago: remembered for a second or so, and looked up once however many ask meanwhile.

A burst of requests then costs one look-up. A change made through this process counts at once (``forget``), one made
elsewhere after that time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

T = TypeVar("T")

REMEMBERED = timedelta(seconds=1)
MAX_REMEMBERED = 1024


class Remembered(Generic[T]):
    """Answers by name; ``None`` is an answer that is never remembered."""

    def __init__(self, clock: Callable[[], datetime], life: timedelta = REMEMBERED) -> None:
        """``clock`` may be set back: what was looked up in its future is looked up again."""
        self._clock = clock
        self._life = life
        self._known: OrderedDict[str, tuple[datetime, T]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[T | None]] = {}

    async def get(self, name: str, look_up: Callable[[], Coroutine[Any, Any, T | None]]) -> T | None:
        """What is known under ``name``, else what ``look_up`` answers."""
        known = self._known.get(name)
        if known is not None and known[0] <= self._clock() < known[0] + self._life:
            return known[1]
        task = self._asking.get(name)
        if task is None:
            task = self._asking[name] = asyncio.create_task(look_up())
            task.add_done_callback(lambda done: self._answered(name, done))
        # shielded: the one who asked first may leave, and the others still wait
        return await asyncio.shield(task)

    def forget(self) -> None:
        """Look everything up again: rights have changed. What is being looked up now is not remembered."""
        self._known.clear()
        self._asking.clear()

    def _answered(self, name: str, task: asyncio.Task[T | None]) -> None:
        if self._asking.get(name) is not task:
            return
        del self._asking[name]
        if task.cancelled() or task.exception() is not None or (answer := task.result()) is None:
            return
        self._known[name] = (self._clock(), answer)
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
