"""A place among the executions of a flow that limits its ``concurrency``. Waiting for people gives it back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from workflows.contracts import SLOT_ACQUIRE, SLOT_RELEASE, Nothing, Reason, SlotIn, SlotOut
from workflows.interpreter.local import local

if TYPE_CHECKING:
    from workflows.interpreter.run import Run

BELL = "slot"


class NotAdmitted(Exception):
    """The flow is full and says that a start then ends: ``state`` is ``cancelled`` or ``failed``."""

    def __init__(self, state: str, reason: Reason) -> None:
        super().__init__(reason.message)
        self.state = state
        self.reason = reason


class Admission:
    """One execution's place. Does nothing when the flow has no limit, and nothing in chunks of a larger run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._limit = run.given.plan.concurrency if run.workflow_id.count("/") == 0 else None
        self._held = False
        self._entering = asyncio.Lock()
        self._leaving: asyncio.Task[Nothing] | None = None

    async def enter(self, *, first: bool = False) -> None:
        """Take a place, or queue for one (first come, first served). Raises ``NotAdmitted`` on the first entry."""
        if self._limit is None:
            return
        async with self._entering:
            if self._leaving is not None:
                await self._leaving
                self._leaving = None
            while not self._held:
                on_limit = self._limit.on_limit if first else "queue"
                answer = await local(SLOT_ACQUIRE, self._asked(on_limit), SlotOut)
                self._held = answer.granted
                if not answer.granted and on_limit != "queue":
                    raise NotAdmitted("cancelled" if on_limit == "cancel" else "failed", answer.reason or _full())
                if not answer.granted:
                    await self._run.wait_for(BELL, None)

    def leave(self) -> None:
        """Give the place back in the background."""
        if self._limit is not None and self._held:
            self._held = False
            self._leaving = self._run.aside(local(SLOT_RELEASE, self._asked("queue"), Nothing))

    def forget(self) -> None:
        """The record of the end gives the place back."""
        self._held = False

    def _asked(self, on_limit: str) -> SlotIn:
        limit = self._limit.limit if self._limit else 0
        return SlotIn(where=self._run.where("", ""), workflow_id=self._run.workflow_id, limit=limit, on_limit=on_limit)


def _full() -> Reason:
    return Reason(code="concurrency_limit", message="As many executions of this flow run as it allows.")
