"""Group commit: units of work that queue up while the one writer is busy share the next transaction and its fsync.

Nothing waits to be grouped: a batch is what stands in the queue when the writer becomes free. Order is kept. Callers
hear of their unit after the commit, all of a batch in one wake-up of their loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, TypeVar

U = TypeVar("U")

MAX_GROUP = 32


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a unit: its ``value``, or the ``error`` that its caller gets."""

    value: Any = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class _Queued(Generic[U]):
    unit: U
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]


Commit = Callable[[Sequence[U]], Sequence[Outcome]]


class GroupCommit(Generic[U]):
    """Hands queued units to ``commit``, ``MAX_GROUP`` at most, on the thread of ``writer``.

    ``commit`` may do a first part of them only (one at least): it returns as many outcomes as it did, committed. What
    it raises, all get.
    """

    def __init__(self, writer: Executor, commit: Commit[U]) -> None:
        self._writer = writer
        self._commit = commit
        self._queue: deque[_Queued[U]] = deque()
        self._lock = Lock()
        self._running = False

    async def write(self, unit: U) -> Any:
        """Queue the unit and return its value after the commit. Cancelled while it is queued, it does not run."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        with self._lock:
            if not self._running:
                self._writer.submit(self._run)
                self._running = True
            self._queue.append(_Queued(unit, loop, answer))
        return await answer

    def _run(self) -> None:
        while group := self._next():
            try:
                outcomes = self._commit([queued.unit for queued in group])
            except BaseException as error:  # noqa: BLE001  whatever it is, nobody may wait for ever
                outcomes = [Outcome(error=error)] * len(group)
            done, left = group[: len(outcomes)], group[len(outcomes) :]
            with self._lock:
                self._queue.extendleft(reversed(left))
            _answer(done, outcomes)

    def _next(self) -> list[_Queued[U]]:
        """The units to do next; none ends the run, and the next unit to come starts another."""
        group: list[_Queued[U]] = []
        with self._lock:
            while self._queue and len(group) < MAX_GROUP:
                queued = self._queue.popleft()
                if not queued.answer.cancelled():
                    group.append(queued)
            self._running = bool(group)
        return group


def _answer(done: Sequence[_Queued[Any]], outcomes: Sequence[Outcome]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Outcome]]] = {}
    for queued, outcome in zip(done, outcomes, strict=True):
        by_loop.setdefault(queued.loop, []).append((queued.answer, outcome))
    for loop, answers in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, answers)


def _settle(answers: Sequence[tuple[asyncio.Future[Any], Outcome]]) -> None:
    for future, outcome in answers:
        if future.done():
            continue
        if outcome.error is None:
            future.set_result(outcome.value)
        else:
            future.set_exception(outcome.error)
