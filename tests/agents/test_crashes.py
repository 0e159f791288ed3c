"""Killed at every durable point and run again: no answered call is asked again, counted at the provider."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from agents.contracts import AgentError, PlannedTool
from agents.runner import run_agent
from tests.agents.support import Bench, Killed, SqliteRecorder, ask, openai_settings

LOOKUP = PlannedTool(
    name="history",
    type="http.request",
    parameters={"type": "object", "properties": {"email": {"type": "string"}}, "required": ["email"]},
)
STEPS = [
    {
        "when": {"tool_results": 0},
        "do": {
            "kind": "tool_calls",
            "calls": [
                {"name": "search_fraud-policy", "arguments": {"query": "limits"}, "id": "call_0"},
                {"name": "history", "arguments": {"email": "a@b.es"}, "id": "call_1"},
            ],
        },
    },
    # A provider that numbers calls anew in each message: the ids are equal, the calls are not.
    {
        "when": {"tool_results": 2},
        "do": {"kind": "tool_calls", "calls": [{"name": "history", "arguments": {"email": "c@d.es"}, "id": "call_0"}]},
    },
]


async def found(tool, args):
    return {"orders": len(args["email"])}


async def points_of_a_clean_run(provider) -> int:
    bench = Bench(tool=found)
    await provider(STEPS, bench)
    await run_agent(ask(tools=(LOOKUP,)), bench.deps)
    return bench.recorder.points


async def test_death_at_every_durable_point_repeats_no_answered_call(provider, tmp_path):
    total = await points_of_a_clean_run(provider)
    assert total == 6 * 4  # three model calls, one search and two tools, each with four points
    for point in range(1, total + 1):
        journal = str(tmp_path / f"journal-{point}.db")
        first = Bench(recorder=SqliteRecorder(journal), tool=found)
        fake = await provider(STEPS, first)
        first.recorder.die_at = point
        with pytest.raises(Killed):
            await run_agent(ask(tools=(LOOKUP,)), first.deps)
        again = Bench(recorder=SqliteRecorder(journal), tool=found, models=first.models)
        reply = await run_agent(ask(tools=(LOOKUP,)), again.deps)
        assert reply.value["risk"] == "low"
        hashes = [request["sha256"] for request in fake.requests]
        # Dead between answer and journal costs one more request, never more.
        assert len(hashes) - len(set(hashes)) <= 1
        assert len(set(hashes)) == 3
        assert len(first.tool_calls) + len(again.tool_calls) <= 3
        assert not [note for note in again.recorder.notes if note[0] == "llm.divergence"]


async def test_a_finished_step_asks_nobody_when_it_is_run_again(bench, provider):
    fake = await provider(bench=bench)
    first = await run_agent(ask(), bench.deps)
    again = await run_agent(ask(), bench.deps)
    assert again == first
    assert len(fake.requests) == 2
    assert len(bench.knowledge.queries) == 1


async def test_a_failed_step_goes_on_where_it_failed(bench, provider):
    fake = await provider([{"when": {"nth": 2}, "do": {"kind": "status", "status": 503}}], bench)
    with pytest.raises(AgentError):
        await run_agent(ask(), bench.deps)
    assert (await run_agent(ask(), bench.deps)).value["risk"] == "low"
    assert len(fake.requests) == 3


async def test_another_operation_shares_nothing(bench, provider):
    fake = await provider(bench=bench)
    await run_agent(ask(op_id="op-1"), bench.deps)
    await run_agent(ask(op_id="op-2"), bench.deps)
    assert len(fake.requests) == 4


async def test_a_changed_request_is_noted_as_a_divergence_and_goes_on_live(bench, provider):
    fake = await provider(bench=bench)
    await run_agent(ask(), bench.deps)
    await run_agent(ask(instructions="Be stricter."), bench.deps)
    assert [note[0] for note in bench.recorder.notes] == ["llm.divergence"] * 2
    assert len(fake.requests) == 4


async def test_equal_requests_of_one_step_are_different_operations(bench, provider):
    fake = await provider(bench=bench)
    await run_agent(ask(samples=3), bench.deps)
    keys = [op.key for op in bench.recorder.operations if op.kind == "llm"]
    assert len(set(keys)) == len(keys) == len(fake.requests) == 6
    assert {key.rsplit(":", 1)[1] for key in keys} == {"0", "1", "2"}
    await run_agent(ask(samples=3), bench.deps)
    assert len(fake.requests) == 6


async def test_the_journal_can_rebuild_what_was_sent(bench, provider):
    fake = await provider(bench=bench)
    await run_agent(ask(), bench.deps)
    recorded = next(op for op in bench.recorder.operations if op.kind == "llm")
    assert recorded.request["messages"][0]["content"] == fake.requests[0]["body"]["messages"][0]["content"]
    assert recorded.request["tools"] == fake.requests[0]["body"]["tools"]
    assert recorded.meta["model"] == "gpt-4.1-mini"
    assert all(len(digest) == 64 for digest in recorded.meta["prompts"].values())
    assert "system@1" in recorded.meta["prompts"]


async def test_the_step_shows_that_it_is_alive_while_the_provider_thinks(bench, provider, monkeypatch):
    monkeypatch.setattr("agents.runner.HEARTBEAT_S", 0.01)
    await provider([{"do": {"kind": "hang", "seconds": 30}}], bench, timeout_s=0.2)
    with pytest.raises(AgentError):
        await run_agent(ask(), bench.deps)
    assert len(bench.beats) >= 5


async def test_cancelling_leaves_no_answer_and_no_heartbeat_behind(bench, provider):
    fake = await provider([{"do": {"kind": "hang", "seconds": 30}}], bench, timeout_s=60)
    step = asyncio.create_task(run_agent(ask(), bench.deps))
    await asyncio.wait_for(fake.arrived.wait(), 10)
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    assert bench.recorder.failures == []  # the outcome is unknown, and nothing claims to know it
    assert len(asyncio.all_tasks()) - len(fake._open) <= 2


async def test_the_fakes_log_is_on_disk_before_the_answer_and_in_reach_of_another_process(tmp_path):
    log, script = tmp_path / "log.jsonl", tmp_path / "script.json"
    script.write_text(json.dumps([{"do": {"kind": "text", "content": "no"}, "times": 1}]))
    command = [sys.executable, "-m", "agents.fakes.openai", "--port", "0", "--log", str(log), "--script", str(script)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        bench = Bench(models=openai_settings((await process.stdout.readline()).decode().strip()))
        await run_agent(ask(), bench.deps)
    finally:
        process.kill()
        await process.wait()
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert [entry["event"] for entry in entries] == ["request", "answered"] * 3
    assert len({entry["sha256"] for entry in entries if entry["event"] == "request"}) == 3
