"""Agents are compiled once and run side by side: whatever belongs to one step stays with that step."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading

import pytest

from agents.compiled import MAX_AGENTS, _compiled, agent_for
from agents.contracts import AgentError, AgentRequest, KnowledgeUse, PlannedTool
from agents.gateway import Gateway
from agents.runner import run_agent
from agents.tools import ToolBench
from tests.agents.support import SCHEMA, Bench, SqliteRecorder, ask

TOOL = PlannedTool(name="crm", type="http.request", parameters={"type": "object", "properties": {}})
AT_ONCE = 20


class MeetingRecorder(SqliteRecorder):
    """Holds the first call of each run until all runs have come to theirs."""

    def __init__(self, meeting: asyncio.Barrier) -> None:
        super().__init__()
        self._meeting: asyncio.Barrier | None = meeting

    async def begin(self, operation):
        meeting, self._meeting = self._meeting, None
        if meeting:
            await meeting.wait()
        return await super().begin(operation)


def agent(request: AgentRequest) -> object:
    bench = Bench()
    return agent_for(request, ToolBench(request, bench.deps, Gateway(bench.recorder, request)), answer_tool="answer")


def benches(**fields) -> list[Bench]:
    meeting = asyncio.Barrier(AT_ONCE)
    return [Bench(recorder=MeetingRecorder(meeting), **fields) for _ in range(AT_ONCE)]


def test_steps_that_differ_in_their_case_alone_share_one_agent():
    one = ask(op_id="1", prompt="a", instructions="x", max_steps=3, redact=("email",), namespace="n")
    assert agent(one) is agent(ask())


@pytest.mark.parametrize(
    "change",
    [
        {"output_schema": {**SCHEMA, "properties": dict(reversed(SCHEMA["properties"].items()))}},
        {"output_schema": {**SCHEMA, "required": ["risk"]}},
        {"knowledge": ()},
        {"knowledge": (KnowledgeUse(collection="other"),)},
        {"tools": (TOOL,)},
        {"tools": (TOOL.model_copy(update={"description": "Another one."}),)},
        {"tools": (TOOL.model_copy(update={"effect": "write"}),)},
        {"tools": (TOOL.model_copy(update={"parameters": {"type": "object"}}),)},
    ],
    ids=lambda change: json.dumps(change, default=str)[:60],
)
def test_whatever_a_model_is_shown_of_answer_or_tools_makes_another_agent(change):
    """The order of fields included: a model fills them in the order in which it sees them."""
    assert agent(ask(**change)) is not agent(ask())


def test_agents_kept_are_bounded():
    assert _compiled.cache_parameters()["maxsize"] == MAX_AGENTS
    assert _compiled.cache_info().currsize <= MAX_AGENTS


async def test_twenty_runs_at_once_answer_their_own_case_and_write_their_own_journal():
    runs = benches()
    requests = [
        ask(
            op_id=f"op-{n}",
            prompt=json.dumps({"amount": 9000 if n % 2 else 10, "email": f"user{n}@example.com"}),
            instructions=f"Task number {n}.",
            redact=("email",) if n % 3 else (),
            knowledge=(),
        )
        for n in range(AT_ONCE)
    ]
    replies = await asyncio.gather(*(run_agent(r, b.deps) for r, b in zip(requests, runs, strict=True)))
    for n, (bench, reply) in enumerate(zip(runs, replies, strict=True)):
        alone = await run_agent(requests[n], Bench().deps)
        assert reply == alone
        (operation,) = bench.recorder.operations
        assert operation.op_id == f"op-{n}"
        assert f"Task number {n}." in operation.request["messages"][0]["content"]
        sent = json.dumps(operation.request)
        assert (f"user{n}@example.com" in sent) is (n % 3 == 0)
        assert sent.count("@example.com") <= 1


async def test_each_of_twenty_runs_has_its_own_corrections_and_steps(provider):
    """A shared count would be beyond its bound with the third run that makes a mistake."""
    runs = benches()
    for bench in runs:
        bench.knowledge.hits = []
    fake = await provider([{"do": {"kind": "text", "content": "Fine."}, "times": AT_ONCE}], runs[0])
    for bench in runs:
        bench.models = runs[0].models
    replies = await asyncio.gather(*(run_agent(ask(op_id=f"o{n}", knowledge=()), b.deps) for n, b in enumerate(runs)))
    assert [reply.steps for reply in replies] == [2] * AT_ONCE
    assert len(fake.requests) == 2 * AT_ONCE


async def test_a_run_that_failed_leaves_nothing_to_the_next(bench, provider):
    await provider([{"do": {"kind": "text", "content": "?"}, "times": 3}], bench)
    with pytest.raises(AgentError, match="after 2 corrections"):
        await run_agent(ask(), bench.deps)
    reply = await run_agent(ask(op_id="op-2"), bench.deps)
    assert (reply.steps, reply.usage.calls) == (2, 2)


async def test_a_run_that_was_cancelled_leaves_nothing_to_the_next(bench, provider):
    fake = await provider([{"do": {"kind": "hang", "seconds": 30}, "times": 1}], bench, timeout_s=60)
    step = asyncio.create_task(run_agent(ask(), bench.deps))
    await asyncio.wait_for(fake.arrived.wait(), 10)
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    assert (await run_agent(ask(op_id="op-2"), bench.deps)).steps == 2


def test_one_agent_serves_event_loops_of_several_threads():
    replies = []

    def work() -> None:
        replies.append(asyncio.run(run_agent(ask(), Bench().deps)))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(replies) == 3
    assert len({reply.model_dump_json() for reply in replies}) == 1


def test_products_of_matrices_get_one_thread_unless_somebody_said_otherwise():
    code = "import os, sys, agents; print(os.environ['OPENBLAS_NUM_THREADS'], 'numpy' in sys.modules)"
    plain = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    for env, expected in ((plain, "1 False"), ({**plain, "OPENBLAS_NUM_THREADS": "4"}, "4 False")):
        ran = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        assert ran.stdout.strip() == expected
