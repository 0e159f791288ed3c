"""One run: what is done, who is waiting at which bell, how busy it is, and when to start afresh."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import workflow

from workflows.contracts import EXECUTION_RECORD, Json, Nothing, Outcome, RecordIn, RunInput, Where
from workflows.gates.ids import op_id
from workflows.interpreter.admission import Admission
from workflows.interpreter.endings import Afresh
from workflows.interpreter.local import local
from workflows.interpreter.pace import RollingTimer, WorkClock, now_ms

SECONDS = len("2026-03-01T12:30:15")


@dataclass(slots=True)
class Bell:
    """Rung by a doorbell, by a deadline (``due``), or because the run starts afresh."""

    event: asyncio.Event
    due: bool = False


class Run:
    """The state that all frames of one workflow run share."""

    def __init__(self, given: RunInput, *, siblings: int = 1) -> None:
        """``siblings`` is how many chunks share the execution with this run, itself included."""
        self.given = given
        self.siblings = siblings
        self.workflow_id = workflow.info().workflow_id
        self.done: dict[str, Outcome] = dict(given.done)
        self.failed: list[str] = list(given.failed)
        self.clock = WorkClock(given.working_ms)
        self.queued = 0
        self.people = 0
        self.admission = Admission(self)
        self.decision: dict[str, Json] | None = None
        self._idle_told = False
        self.timer = RollingTimer(now_ms)
        self.started_ms = given.started_ms if given.started_ms is not None else now_ms()
        self._bells: dict[str, Bell] = {}
        self._rung: set[str] = set()
        self._draining = False
        self._ending = False
        self._aside: list[asyncio.Task[Nothing]] = []

    # Memory of what is done --------------------------------------------------

    def recall(self, key: str) -> Outcome | None:
        return self.done.get(key)

    def remember(self, key: str, outcome: Outcome, *, whole: bool = False) -> Outcome:
        """Keep how a task ended. A ``whole`` block forgets the steps inside it, which nobody asks for again."""
        inner, suffix = _split(key) if whole else ("\0", "")
        for known in [k for k in self.done if _inside(k, inner, suffix)]:
            del self.done[known]
        self.done[key] = outcome
        return outcome

    # Bells -------------------------------------------------------------------

    def ring(self, what: str) -> None:
        """A doorbell rang. If nobody waits yet, the next one to wait for ``what`` looks at once."""
        bell = self._bells.get(what)
        if bell is None:
            self._rung.add(what)
        else:
            bell.event.set()

    async def wait_for(self, what: str, due_ms: int | None) -> bool:
        """Wait until ``what`` rings or falls due; return whether it is due. Raises ``Afresh`` when the run unwinds."""
        self._check_drain()
        if what in self._rung:
            self._rung.discard(what)
            return False
        bell = Bell(asyncio.Event())
        self._bells[what] = bell
        if due_ms is not None:
            self.timer.set(what, due_ms, lambda: _fall_due(bell))
        try:
            await bell.event.wait()
        finally:
            del self._bells[what]
            self.timer.drop(what)
        self._check_drain()
        return bell.due

    # Being idle --------------------------------------------------------------

    @property
    def parked(self) -> bool:
        """Whether the one who asks is the last to work: when it waits, everything waits."""
        return self.siblings == 1 and self.clock.busy <= 1 and self.queued == 0

    def tell_idle(self) -> None:
        """The caller's next call tells the store that everything waits."""
        self._idle_told = True

    def went_idle(self) -> None:
        """Called whenever somebody stops working: once all wait for people, the store hears it, once."""
        if self.clock.busy or self.queued or not self.people or self._ending or self._draining:
            return
        self.admission.leave()
        if not self._idle_told:
            self._idle_told = True
            self.aside(self.record_idle())

    async def record_idle(self) -> Nothing:
        given = RecordIn(where=self.where("", ""), state="waiting", workflow_id=self.workflow_id, idle_of=self.siblings)
        return await local(EXECUTION_RECORD, given, Nothing)

    def works(self) -> None:
        self._idle_told = False

    # Beside the work ---------------------------------------------------------

    def aside(self, work: Coroutine[None, None, Nothing]) -> asyncio.Task[Nothing]:
        """Begin something that no task of the flow waits for; the end of the history does, with ``settle``."""
        task = asyncio.create_task(work)
        self._aside = [*(known for known in self._aside if not known.done()), task]
        return task

    async def settle(self) -> None:
        """Wait for all that was begun aside. The server refuses a history that ends before its local activities.

        A cancellation that comes meanwhile is raised afterwards.
        """
        cancelled: asyncio.CancelledError | None = None
        while workflow.in_workflow() and (pending := [task for task in self._aside if not task.done()]):
            try:
                await workflow.wait(pending)
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled

    # Starting afresh ---------------------------------------------------------

    def checkpoint(self) -> None:
        """Called before every new step: raises ``Afresh`` once the history is long."""
        if self._ending:
            return
        info = workflow.info()
        if info.is_continue_as_new_suggested() or (
            info.get_current_history_length() >= self.given.limits.history_events
        ):
            self._draining = True
            for bell in list(self._bells.values()):
                bell.event.set()
        self._check_drain()

    def end(self) -> None:
        """The tasks are done; what follows (errors, finally, the record) belongs to this history."""
        self._ending, self._draining = True, False

    def _check_drain(self) -> None:
        if self._draining:
            raise Afresh

    def carried(self) -> RunInput:
        """The input of the next run of this execution."""
        return self.given.model_copy(
            update={
                "done": self.done,
                "failed": self.failed,
                "working_ms": self.clock.total_ms(now_ms()),
                "started_ms": self.started_ms,
            }
        )

    # Names -------------------------------------------------------------------

    def where(self, path: str, item_key: str) -> Where:
        plan = self.given.plan
        return Where(
            namespace=self.given.namespace,
            execution_id=self.given.execution_id,
            flow_id=plan.flow_id,
            revision=plan.revision,
            revision_sha256=plan.revision_sha256,
            path=path,
            item_key=item_key,
            generation=self.given.generation,
        )

    def op_id(self, path: str, item_key: str, revision: int, purpose: str) -> str:
        """Equal on every retry, restart and continue-as-new; a deliberate re-run of the task raises its generation."""
        rerun = self.given.reruns.get(memo_key(path, item_key), 0)
        return op_id(self.given.execution_id, path, item_key, revision, purpose, generation=rerun)

    def execution_scope(self) -> dict[str, Json]:
        return {
            "id": self.given.execution_id,
            "namespace": self.given.namespace,
            "flow": self.given.plan.flow_id,
            "revision": self.given.plan.revision,
            "reference": self.given.reference,
            "requester": self.given.requester_id,
            "started": iso(self.started_ms),
            "now": iso(now_ms()),
        }


def memo_key(path: str, item_key: str) -> str:
    """``triage/review[57]``: a task path and the element it ran for."""
    return f"{path}[{item_key}]" if item_key else path


def iso(ms: int) -> str:
    """An instant as ISO 8601 with milliseconds, UTC."""
    seconds, rest = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:SECONDS]}.{rest:03d}Z"


def _split(key: str) -> tuple[str, str]:
    path, bracket, rest = key.partition("[")
    return path, bracket + rest


def _inside(key: str, path: str, suffix: str) -> bool:
    inner, own = _split(key)
    if not inner.startswith(path + "/"):
        return False
    return own == suffix or not suffix or own.startswith(suffix[:-1] + ".")


def _fall_due(bell: Bell) -> None:
    bell.due = True
    bell.event.set()
