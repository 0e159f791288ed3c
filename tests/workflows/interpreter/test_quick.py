"""Quick steps run beside the workflow: fewer events, the same promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agents.fakes.openai import FakeOpenAI
from agents.settings import ModelAlias, ModelSettings
from agents.warm import warm
from connectors.base import ConnectorError
from connectors.registry import CONNECTORS
from tests.workflows.interpreter.stage import WAIT_S, Stage, build
from tests.workflows.interpreter.test_gates import FLOW, sheet
from tests.workflows.interpreter.test_replay import replayer
from workflows.contracts import Limits
from workflows.interpreter import steps
from workflows.worker import running

INSTANT = Limits(instant_models=("default",))
WRITE = """
id: write
tasks:
  - id: row
    type: csv.write
    path: sheet.csv
    mode: append
    columns: [a]
    rows: [ROW]
    retry: {attempts: 3, every: 10ms}
"""
GOOD, BAD = WRITE.replace("ROW", "[1]"), WRITE.replace("ROW", "{b: 1}")


async def test_a_flow_of_quick_steps_has_one_event_a_step(stage: Stage) -> None:
    """Start to waiting and decision to end are a workflow task each; the server hands over nothing in between."""
    handle = await stage.start(FLOW, {"amount": 12}, limits=INSTANT)
    [gate] = await stage.open_gates(handle.id)
    await stage.answer(gate)
    assert (await stage.ended(handle)).state == "succeeded"
    assert len(sheet(stage)) == 2
    found = await stage.history(handle.id)
    assert "ACTIVITY_TASK_SCHEDULED" not in found
    assert len(found) <= 14


async def test_an_older_input_runs_its_agent_the_normal_way(stage: Stage) -> None:
    """The facts are in the input: one that does not name the instant models means what it meant."""
    handle = await stage.start(FLOW, {"amount": 12})
    await stage.open_gates(handle.id)
    assert (await stage.history(handle.id)).count("ACTIVITY_TASK_SCHEDULED") == 1


async def test_agents_in_loops_do_not_crowd_into_one_workflow_task(stage: Stage) -> None:
    inner = "\n".join(
        f"    {line}" for line in FLOW[FLOW.index("  - id: review") : FLOW.index("outputs:")].splitlines()
    )
    flow = f'id: many\ninputs: [{{id: amount, type: number}}]\ntasks:\n  - id: each\n    type: foreach\n    items: "{{{{ [1, 2, 3] }}}}"\n    tasks:\n{inner}'
    handle = await stage.start(flow, {"amount": 12}, limits=INSTANT)
    for gate in await stage.open_gates(handle.id, 3):
        await stage.answer(gate)
    assert (await stage.ended(handle)).state == "succeeded"
    found = await stage.history(handle.id)
    assert found.count("ACTIVITY_TASK_SCHEDULED") == 3
    assert len(sheet(stage)) == 4


@pytest.fixture(autouse=True)
async def warmed() -> None:
    """An agent's first step loads LangChain, which may take longer than a quick step is given."""
    await warm(ModelSettings())


@pytest.fixture
def before_writing(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], Awaitable[object]]]:
    """What happens before ``csv.write`` does its work, call by call: a busy disk, say."""
    write = CONNECTORS["csv.write"]
    first: list[Callable[[], Awaitable[object]]] = []

    async def hindered(call: Any, properties: Any) -> Any:
        if first:
            await first.pop(0)()
        return await write.run(call, properties)

    monkeypatch.setitem(CONNECTORS, "csv.write", replace(write, run=hindered))
    return first


async def busy() -> None:
    raise ConnectorError("The disk is busy.", code="server_error", permanent=False, remedy="Wait.")


async def test_a_quick_step_that_fails_is_tried_again_as_the_flow_says(
    stage: Stage, before_writing: list[Callable[[], Awaitable[object]]]
) -> None:
    """Attempts mean what the YAML says, wherever they ran."""
    before_writing.extend([busy] * 2)
    handle = await stage.start(GOOD, limits=INSTANT)
    assert (await stage.ended(handle)).state == "succeeded"
    before_writing.extend([busy] * 4)
    handle = await stage.start(GOOD, limits=INSTANT)
    ended = await stage.ended(handle)
    assert ended.reason is not None
    assert (ended.state, ended.reason["task"]) == ("failed", "row")
    assert ended.reason["message"] == "The disk is busy. (3 attempts)"
    assert len(before_writing) == 1
    assert "ACTIVITY_TASK_SCHEDULED" not in await stage.history(handle.id)


async def test_a_failure_counts_once_the_server_has_accepted_it(stage: Stage) -> None:
    """Before a failed step ends the execution, a timer has passed the server: a worker that was replaced gets past none."""
    handle = await stage.start(BAD, limits=INSTANT)
    assert (await stage.ended(handle)).state == "failed"
    found = await stage.history(handle.id)
    failed, recorded = (number for number, kind in enumerate(found) if kind == "MARKER_RECORDED")
    assert "TIMER_FIRED" in found[failed:recorded]


async def test_a_quick_step_that_is_slow_today_goes_the_normal_way(
    stage: Stage, before_writing: list[Callable[[], Awaitable[object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the workflow it may take moments only: then the server watches over it, and the effect happens once."""
    before_writing.append(lambda: asyncio.sleep(60))
    monkeypatch.setattr(steps, "QUICK", steps.QUICK / 10)
    handle = await stage.start(GOOD, limits=INSTANT)
    assert (await stage.ended(handle)).state == "succeeded"
    assert sheet(stage) == ["a", "1"]
    assert (await stage.history(handle.id)).count("ACTIVITY_TASK_SCHEDULED") == 1
    await replayer().replay_workflow(await handle.fetch_history())


async def test_a_quick_step_under_way_can_be_cancelled(
    stage: Stage, before_writing: list[Callable[[], Awaitable[object]]]
) -> None:
    """The workflow hears of it as soon as the step goes the normal way, and nothing is written."""
    began = asyncio.Event()

    async def hanging() -> None:
        began.set()
        await asyncio.sleep(60)

    before_writing.extend([hanging] * 2)
    handle = await stage.start(GOOD, limits=INSTANT)
    await asyncio.wait_for(began.wait(), WAIT_S)
    await stage.gateway.cancel(handle.id)
    assert (await stage.ended(handle)).state == "cancelled"
    assert sheet(stage) == []
    await replayer().replay_workflow(await handle.fetch_history())


@pytest.fixture
async def online(temporal_server: str, sqlite_url: str, tmp_path: Path) -> AsyncIterator[tuple[Stage, FakeOpenAI]]:
    """A stage whose worker asks a provider, whatever the one who starts executions believes."""
    async with FakeOpenAI() as fake:
        alias = ModelAlias(provider="openai", model="gpt-4.1-mini", base_url=fake.base_url, api_key=SecretStr("k"))
        made = await build(temporal_server, sqlite_url, tmp_path, models=ModelSettings(aliases={"default": alias}))
        async with running(made.client, made.deps):
            yield made, fake
        await made.deps.knowledge.close()
        made.db.close()


async def test_a_worker_with_another_model_than_was_believed_is_asked_the_normal_way(
    online: tuple[Stage, FakeOpenAI],
) -> None:
    """The starter's environment said offline, the worker's says otherwise: slower, and the model is asked once."""
    stage, fake = online
    handle = await stage.start(FLOW, {"amount": 12}, limits=INSTANT)
    await stage.open_gates(handle.id)
    assert (await stage.history(handle.id)).count("ACTIVITY_TASK_SCHEDULED") == 1
    assert [entry["event"] for entry in fake.requests].count("request") == 1
