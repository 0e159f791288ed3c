"""The workflow ``visto.execution``: the flow's tasks, then errors, then finally, then the record."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from temporalio import workflow

from workflows.contracts import (
    DOORBELL_SIGNAL,
    EXECUTION_RECORD,
    EXECUTION_WORKFLOW,
    Json,
    Nothing,
    Reason,
    RecordIn,
    RunInput,
    RunResult,
)
from workflows.flow import expr
from workflows.flow.durations import format_duration
from workflows.interpreter.admission import NotAdmitted
from workflows.interpreter.endings import Afresh, End, Stop
from workflows.interpreter.frame import Frame
from workflows.interpreter.local import local
from workflows.interpreter.pace import TimedOut, Timeout
from workflows.interpreter.run import Run
from workflows.interpreter.tasks import run_list


@dataclass(slots=True)
class Verdict:
    """What the run came to so far."""

    state: Any
    reason: Reason | None = None


@workflow.defn(name=EXECUTION_WORKFLOW)
class Execution:
    """Interprets one plan. Its only message is a doorbell; what happened is read from the store."""

    @workflow.init
    def __init__(self, given: RunInput) -> None:
        self._run = Run(given)

    @workflow.signal(name=DOORBELL_SIGNAL)
    def ring(self, what: str) -> None:
        self._run.ring(what)

    @workflow.run
    async def run(self, given: RunInput) -> RunResult:  # noqa: ARG002  Temporal hands it to __init__ too
        """Return the state the execution ended in; everything else is in the store."""
        frame = Frame(self._run)
        try:
            verdict = await self._main(frame)
        except Afresh:
            workflow.continue_as_new(self._run.carried())
        self._run.end()
        verdict = await self._aftermath(frame, verdict)
        await self._record(verdict, self._outputs(frame, verdict))
        return RunResult(state=verdict.state, reason=verdict.reason)

    async def _main(self, frame: Frame) -> Verdict:
        try:
            await self._run.admission.enter(first=True)
            frame.begin()
            try:
                end = await self._timed(frame)
            finally:
                frame.pause()
                await self._run.settle()
        except NotAdmitted as full:
            return Verdict(full.state, full.reason)
        except Stop as stop:
            return Verdict(stop.state, stop.reason)
        except TimedOut:
            limit = format_duration(self._run.given.plan.timeout_ms or 0)
            return Verdict("timed_out", Reason(code="timeout", message=f"The flow took longer than {limit}."))
        except asyncio.CancelledError:
            return Verdict("cancelled", Reason(code="cancelled", message="Cancelled."))
        return _verdict(end)

    async def _timed(self, frame: Frame) -> End:
        plan = self._run.given.plan
        if plan.timeout_ms is None:
            return await run_list(frame, plan.tasks)
        timeout = Timeout(self._run.timer, "flow", plan.timeout_ms, waits=plan.timeout_includes_waiting)
        return await timeout.guard(self._run.clock, run_list(frame, plan.tasks))

    async def _aftermath(self, frame: Frame, verdict: Verdict) -> Verdict:
        """``errors`` after a failure, ``finally`` always. Neither hides a failure; both can add one."""
        plan = self._run.given.plan
        if verdict.state in ("failed", "timed_out") and plan.errors:
            await self._list(frame, plan.errors, verdict)
        if plan.finally_:
            end = await self._list(frame, plan.finally_, verdict)
            if end.state == "failed" and verdict.state in ("succeeded", "warning"):
                return Verdict("failed", end.reason)
        return verdict

    async def _list(self, frame: Frame, tasks: Any, verdict: Verdict) -> End:
        error = verdict.reason.model_dump(exclude_none=True) if verdict.reason else {}
        inner = frame.with_names({"error": error} if verdict.state in ("failed", "timed_out") else {})
        try:
            return await run_list(inner, tasks)
        except Stop:
            return End("succeeded")
        except asyncio.CancelledError:
            return End("failed", Reason(code="cancelled", message="Cancelled."))

    def _outputs(self, frame: Frame, verdict: Verdict) -> dict[str, Json]:
        """The flow's outputs, as far as it came. One that cannot be computed fails an otherwise good run."""
        made: dict[str, Json] = {}
        for name, output in self._run.given.plan.outputs.items():
            try:
                made[name] = expr.render(output.value, frame.scope())
            except expr.ExpressionError as error:
                if verdict.state in ("succeeded", "warning"):
                    verdict.state = "failed"
                    verdict.reason = Reason(
                        code="expression", message=f"Output `{name}`: {error}", remedy=error.hint or None
                    )
        return made

    async def _record(self, verdict: Verdict, outputs: dict[str, Json]) -> None:
        result = RunResult(
            state=verdict.state,
            outputs=outputs,
            reason=verdict.reason,
            decision=self._run.decision,
            failed=self._run.failed,
        )
        given = RecordIn(where=self._run.where("", ""), state=verdict.state, reason=verdict.reason, result=result)
        self._run.admission.forget()
        recorded = self._run.aside(local(EXECUTION_RECORD, given, Nothing))
        with suppress(asyncio.CancelledError):  # too late: the execution has ended, and its record has to say so
            await self._run.settle()
        recorded.result()


def _verdict(end: End) -> Verdict:
    return Verdict(end.state, end.reason)
