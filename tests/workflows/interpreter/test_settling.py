"""What runs beside the work ends before the history does, and a cancellation that comes too late changes nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from temporalio import activity

from tests.workflows.interpreter.stage import WAIT_S, Stage
from tests.workflows.interpreter.test_loops import GATES, rows
from workflows.activities import table
from workflows.activities.execution import ExecutionActivities
from workflows.contracts import EXECUTION_RECORD, Nothing, RecordIn

DONE = "id: done\ntasks:\n  - {id: a, type: set, values: {n: 1}}\n"


@dataclass
class Held:
    """Records of these states wait until ``go``."""

    states: set[str] = field(default_factory=set)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """Requested before ``stage``: a slow store, as far as the record of some states goes."""
    made = Held()

    class Slow(ExecutionActivities):
        @activity.defn(name=EXECUTION_RECORD)
        async def record(self, given: RecordIn) -> Nothing:
            if given.state in made.states:
                made.begun.set()
                await made.go.wait()
            return await super().record(given)

    monkeypatch.setattr(table, "ExecutionActivities", Slow)
    return made


@pytest.mark.slow
async def test_a_cancellation_during_the_record_of_the_end_comes_too_late(held: Held, stage: Stage) -> None:
    """The execution has succeeded, its record is under way: store and Temporal agree that it did."""
    held.states = {"succeeded"}
    handle = await stage.start(DONE)
    await asyncio.wait_for(held.begun.wait(), WAIT_S)
    await stage.gateway.cancel(handle.id)

    async def heard() -> bool:
        return "WORKFLOW_EXECUTION_CANCEL_REQUESTED" in await stage.history(handle.id)

    async with asyncio.timeout(WAIT_S):
        while not await heard():
            await asyncio.sleep(0.1)
    held.go.set()
    assert (await stage.ended(handle)).state == "succeeded"
    assert "WORKFLOW_TASK_FAILED" not in await stage.history(handle.id)


@pytest.mark.slow
async def test_a_cancellation_while_the_store_is_told_that_all_wait(held: Held, stage: Stage) -> None:
    """The end waits for what was begun before it, so that the server accepts it."""
    held.states = {"waiting"}
    handle = await stage.start(GATES, rows(2))
    [first, _] = await stage.open_gates(handle.id, 2)
    await stage.answer(first)  # when it is done, nothing works any more
    await asyncio.wait_for(held.begun.wait(), WAIT_S)
    await stage.gateway.cancel(handle.id)
    async with asyncio.timeout(WAIT_S):
        while any(gate.state == "open" for gate in stage.gates(handle.id, only_open=False)):
            await asyncio.sleep(0.1)
    held.go.set()
    assert (await stage.ended(handle)).state == "cancelled"
    assert "WORKFLOW_TASK_FAILED" not in await stage.history(handle.id)
