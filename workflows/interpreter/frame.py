"""A frame: where in the flow a list of tasks runs, what its expressions see, and which clocks and rooms it uses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from temporalio import workflow

from workflows.contracts import Json, Where
from workflows.interpreter.pace import Slots, WorkClock, now_ms
from workflows.interpreter.run import Run, memo_key


@dataclass(slots=True)
class Frame:
    """``names`` are ``item``, ``index``, ``parent`` and whatever a block adds; ``outputs`` grows as tasks finish."""

    run: Run
    path: str = ""
    item_key: str = ""
    names: dict[str, Json] = field(default_factory=dict)
    outputs: dict[str, Json] = field(default_factory=dict)
    clocks: tuple[WorkClock, ...] = ()
    slots: Slots = field(default_factory=Slots)

    def scope(self, **more: Json) -> dict[str, Json]:
        """Everything an expression may name here."""
        given = self.run.given
        return {
            "inputs": given.inputs,
            "vars": given.plan.vars,
            "labels": {**given.plan.labels, **given.labels},
            "trigger": given.trigger or {},
            "execution": self.run.execution_scope(),
            "outputs": self.outputs,
            **self.names,
            **more,
        }

    def path_of(self, task_id: str) -> str:
        return f"{self.path}/{task_id}" if self.path else task_id

    def key_of(self, task_id: str) -> str:
        return memo_key(self.path_of(task_id), self.item_key)

    def where(self, task_id: str) -> Where:
        return self.run.where(self.path_of(task_id), self.item_key)

    def inside(self, task_id: str) -> Frame:
        """The same place, one level down: paths of inner tasks begin with ``task_id``."""
        return replace(self, path=self.path_of(task_id))

    def with_names(self, names: dict[str, Json]) -> Frame:
        """The same place with more names, and outputs of its own that nobody else sees."""
        return replace(self, names={**self.names, **names}, outputs=dict(self.outputs))

    def timed(self, clock: WorkClock) -> Frame:
        return replace(self, clocks=(*self.clocks, clock))

    # Working and waiting -----------------------------------------------------

    def _all_clocks(self) -> tuple[WorkClock, ...]:
        return (self.run.clock, *self.clocks)

    def begin(self) -> None:
        if not workflow.in_workflow():  # an evicted run's coroutines are closed by the garbage collector
            return
        self.run.works()
        for clock in self._all_clocks():
            clock.enter(now_ms())

    def pause(self) -> None:
        if not workflow.in_workflow():
            return
        for clock in self._all_clocks():
            clock.leave(now_ms())
        self.run.went_idle()

    @asynccontextmanager
    async def waiting(self, *, for_people: bool = False) -> AsyncIterator[None]:
        """Waiting holds nothing: the place is given up, and one is queued for afterwards.

        Used while people decide, and while the elements of a loop work in their own right.
        """
        self.run.people += for_people
        self.slots.release()
        self.pause()
        try:
            try:
                yield
            finally:
                self.run.people -= for_people
            await self._queue()
        finally:
            self.begin()

    async def _queue(self) -> None:
        self.run.queued += 1
        try:
            await self.run.admission.enter()
            await self.slots.acquire()
        finally:
            self.run.queued -= 1
