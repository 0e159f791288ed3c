"""How long an agent may go on, and what it is offered on the way."""

from __future__ import annotations

import pytest

from agents.contracts import AgentError, PlannedTool
from agents.runner import run_agent
from tests.agents.support import ask

CRM = PlannedTool(name="crm", type="http.request", parameters={"type": "object", "properties": {}})
SEARCH = {"kind": "tool_calls", "calls": [{"name": "search_fraud-policy", "arguments": {"query": "more"}}]}


def offered(request) -> list[str]:
    return [tool["function"]["name"] for tool in request["body"].get("tools", [])]


@pytest.mark.parametrize("max_steps", [1, 2, 3])
async def test_only_the_last_step_is_offered_nothing_but_the_answer(bench, provider, max_steps):
    fake = await provider([{"do": SEARCH, "times": max_steps - 1}], bench)
    reply = await run_agent(ask(max_steps=max_steps, tools=(CRM,)), bench.deps)
    everything = ["search_fraud-policy", "crm", "answer"]
    assert [offered(request) for request in fake.requests] == [everything] * (max_steps - 1) + [["answer"]]
    assert reply.steps == max_steps


@pytest.mark.parametrize("max_steps", [0, -1])
async def test_without_a_step_nobody_is_asked(bench, provider, max_steps):
    fake = await provider(bench=bench)
    with pytest.raises(AgentError) as caught:
        await run_agent(ask(max_steps=max_steps), bench.deps)
    assert (caught.value.code, caught.value.permanent, fake.requests) == ("step_limit", True, [])
    assert bench.recorder.operations == []


async def test_the_offline_model_answers_from_the_case_alone_if_it_has_one_step(bench):
    reply = await run_agent(ask(max_steps=1), bench.deps)
    assert (reply.steps, reply.citations, bench.knowledge.queries) == (1, (), [])
    assert reply.value["risk"] in {"low", "medium", "high"}


async def test_corrections_use_up_steps(bench, provider):
    fake = await provider([{"do": {"kind": "text", "content": "Low."}}], bench)
    with pytest.raises(AgentError) as caught:
        await run_agent(ask(max_steps=2), bench.deps)
    assert (caught.value.code, len(fake.requests)) == ("step_limit", 2)


async def test_a_call_of_what_is_no_longer_offered_on_the_last_step_does_not_go_on(bench, provider):
    fake = await provider([{"do": SEARCH}], bench)
    with pytest.raises(AgentError) as caught:
        await run_agent(ask(max_steps=1), bench.deps)
    assert (caught.value.code, len(fake.requests)) == ("step_limit", 1)


async def test_samples_count_their_steps_apart(bench, provider):
    fake = await provider(bench=bench)
    reply = await run_agent(ask(max_steps=2, samples=4), bench.deps)
    assert reply.steps == 2
    assert reply.usage.calls == len(fake.requests) == 8
