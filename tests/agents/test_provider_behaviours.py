"""The real langchain-openai client against a provider that answers, and against one that misbehaves in every known way."""

from __future__ import annotations

import json

import pytest

from agents.contracts import AgentError
from agents.runner import run_agent
from tests.agents.support import ask


async def test_an_answer_comes_back_with_citation_usage_and_who_answered(bench, provider):
    fake = await provider(bench=bench)
    reply = await run_agent(ask(), bench.deps)
    assert reply.value == {"risk": "low", "reason": "fake answer"}
    assert [c.document for c in reply.citations] == ["policy.md"]
    assert reply.citations[0].quote in bench.knowledge.hits[0].text
    assert (reply.generator.provider, reply.generator.model, reply.generator.is_llm) == ("openai", "gpt-4.1-mini", True)
    assert reply.confidence.method == "none"
    assert reply.confidence.value == 0
    assert reply.steps == len(fake.requests) == reply.usage.calls == 2
    assert reply.usage.usd is not None
    assert 0 < reply.usage.usd < 0.01


async def test_the_prompt_carries_task_case_and_only_this_steps_tools(bench, provider):
    fake = await provider(bench=bench)
    await run_agent(ask(), bench.deps)
    body = fake.requests[0]["body"]
    assert "You are a fraud analyst." in body["messages"][0]["content"]
    assert '"amount": 7200' in body["messages"][1]["content"]
    assert [tool["function"]["name"] for tool in body["tools"]] == ["search_fraud-policy", "answer"]
    assert body["tool_choice"] == "required"


@pytest.mark.parametrize(
    ("do", "code", "permanent"),
    [
        ({"kind": "status", "status": 429}, "rate_limit", False),
        ({"kind": "status", "status": 429, "code": "insufficient_quota"}, "bad_request", True),
        ({"kind": "status", "status": 500}, "server_error", False),
        ({"kind": "status", "status": 529}, "server_error", False),
        ({"kind": "status", "status": 400}, "bad_request", True),
        ({"kind": "status", "status": 401}, "bad_request", True),
        ({"kind": "status", "status": 404}, "bad_request", True),
        ({"kind": "status", "status": 400, "code": "content_filter"}, "model_refused", True),
        ({"kind": "hang", "seconds": 30}, "timeout", False),
        ({"kind": "cut"}, "server_error", False),
        ({"kind": "cut", "after": 0}, "server_error", False),
        ({"kind": "half_json"}, "server_error", False),
        ({"kind": "html"}, "server_error", False),
        ({"kind": "empty_choices"}, "server_error", False),
        ({"kind": "null_choices"}, "server_error", False),
        ({"kind": "refusal"}, "model_refused", True),
        ({"kind": "content_filter"}, "model_refused", True),
        ({"kind": "huge", "bytes": 10_000_000}, "bad_answer", True),
        ({"kind": "answer", "arguments": {"risk": "extreme", "reason": "x"}}, "bad_answer", True),
        ({"kind": "answer", "arguments": {}}, "bad_answer", True),
        ({"kind": "nan", "field": "reason"}, "bad_answer", True),
        ({"kind": "text", "content": "I think it is fine."}, "bad_answer", True),
        ({"kind": "broken_arguments"}, "bad_answer", True),
        ({"kind": "tool_calls", "calls": [{"name": "delete_everything"}]}, "bad_answer", True),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else str(value),
)
async def test_every_misbehaviour_is_one_typed_error_with_a_remedy(bench, provider, do, code, permanent):
    await provider([{"do": do}], bench, timeout_s=0.4)
    schema = {**ask().output_schema, "properties": {**ask().output_schema["properties"], "reason": {"type": "number"}}}
    request = ask(output_schema=schema) if do["kind"] == "nan" else ask()
    with pytest.raises(AgentError) as caught:
        await run_agent(request, bench.deps)
    assert (caught.value.code, caught.value.permanent) == (code, permanent)
    assert caught.value.remedy
    assert "Traceback" not in str(caught.value)
    assert "sk-test" not in str(caught.value)


@pytest.mark.parametrize("retry_after", ["2", "2.5"])
async def test_the_provider_says_when_to_try_again(bench, provider, retry_after):
    await provider([{"do": {"kind": "status", "status": 429, "retry_after": retry_after}}], bench)
    with pytest.raises(AgentError) as caught:
        await run_agent(ask(), bench.deps)
    assert caught.value.retry_after_s == float(retry_after)


@pytest.mark.parametrize("retry_after", ["nan", "soon", "-5", "1e12"])
async def test_a_senseless_retry_after_is_bounded_or_ignored(bench, provider, retry_after):
    await provider([{"do": {"kind": "status", "status": 503, "retry_after": retry_after}}], bench)
    with pytest.raises(AgentError) as caught:
        await run_agent(ask(), bench.deps)
    assert caught.value.retry_after_s is None or 0 <= caught.value.retry_after_s <= 600


async def test_the_client_never_retries_by_itself(bench, provider):
    fake = await provider([{"do": {"kind": "status", "status": 500}}], bench)
    with pytest.raises(AgentError):
        await run_agent(ask(), bench.deps)
    assert len(fake.requests) == 1
    assert bench.recorder.failures[0][0] == "server_error"


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "answer", "arguments": {"risk": "extreme", "reason": "x"}},
        {"kind": "text", "content": "Low, I would say."},
        {"kind": "broken_arguments"},
        {"kind": "tool_calls", "calls": [{"name": "no_such_tool"}]},
        {"kind": "tool_calls", "calls": [{"name": "search_fraud-policy", "arguments": {"question": "?"}}]},
    ],
    ids=lambda bad: bad["kind"],
)
async def test_a_mistake_is_explained_to_the_model_and_mended(bench, provider, bad):
    fake = await provider([{"when": {"nth": 1}, "do": bad}], bench)
    reply = await run_agent(ask(), bench.deps)
    assert reply.value["risk"] == "low"
    assert "could not be used" in json.dumps(fake.requests[1]["body"]["messages"][-1])


async def test_corrections_are_bounded(bench, provider):
    fake = await provider([{"do": {"kind": "text", "content": "no"}}], bench)
    with pytest.raises(AgentError, match="after 2 corrections"):
        await run_agent(ask(), bench.deps)
    assert len(fake.requests) == 3


async def test_an_agent_that_only_searches_is_offered_nothing_but_the_answer_at_last(bench, provider):
    search = {"kind": "tool_calls", "calls": [{"name": "search_fraud-policy", "arguments": {"query": "more"}}]}
    fake = await provider([{"do": search, "times": 3}], bench)
    reply = await run_agent(ask(max_steps=4), bench.deps)
    assert reply.steps == 4
    assert [t["function"]["name"] for t in fake.requests[-1]["body"]["tools"]] == ["answer"]


async def test_an_agent_that_never_answers_runs_into_the_step_limit(bench, provider):
    search = {"kind": "tool_calls", "calls": [{"name": "search_fraud-policy", "arguments": {"query": "more"}}]}
    fake = await provider([{"do": search}], bench)
    with pytest.raises(AgentError) as caught:
        await run_agent(ask(max_steps=3), bench.deps)
    assert (caught.value.code, len(fake.requests)) == ("step_limit", 3)


async def test_a_fallback_answers_and_the_reply_says_so(bench, provider):
    broken = await provider([{"do": {"kind": "status", "status": 500}}], bench)
    works = await provider()
    first = bench.models.aliases["default"].model_copy(update={"fallback": "second"})
    second = first.model_copy(update={"base_url": works.base_url, "model": "gpt-4o-mini", "fallback": None})
    bench.models = type(bench.models)(aliases={"default": first, "second": second})
    reply = await run_agent(ask(), bench.deps)
    assert reply.generator.model == "gpt-4o-mini"
    assert len(broken.requests) == 2
    assert [note[0] for note in bench.recorder.notes] == ["llm.fallback", "llm.fallback"]


async def test_a_configured_provider_never_falls_back_to_the_offline_model_by_itself(bench, provider):
    await provider([{"do": {"kind": "status", "status": 401}}], bench)
    with pytest.raises(AgentError):
        await run_agent(ask(), bench.deps)


async def test_a_refusal_is_no_reason_to_ask_another_model(bench, provider):
    await provider([{"do": {"kind": "refusal"}}], bench, fallback="offline")
    with pytest.raises(AgentError) as caught:
        await run_agent(ask(), bench.deps)
    assert caught.value.code == "model_refused"


async def test_proxies_of_the_environment_are_not_used(bench, provider, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("OPENAI_PROXY", "")
    await provider(bench=bench)
    assert (await run_agent(ask(), bench.deps)).value["risk"] == "low"


async def test_the_knowledge_base_being_down_is_transient_and_named(bench, provider):
    await provider(bench=bench)
    bench.knowledge.down = ConnectionError("refused")
    with pytest.raises(AgentError, match="fraud-policy") as caught:
        await run_agent(ask(), bench.deps)
    assert (caught.value.code, caught.value.permanent) == ("retrieval_unavailable", False)


async def test_an_unknown_alias_is_named_with_those_that_exist(bench):
    with pytest.raises(AgentError, match=r"no model alias 'clever'.*default") as caught:
        await run_agent(ask(model="clever"), bench.deps)
    assert caught.value.code == "no_model"


async def test_a_negotiated_price_wins_and_an_unknown_one_stays_unknown(bench, provider):
    await provider(bench=bench, model="in-house-7", price={"input": 1.0, "output": 2.0})
    known = (await run_agent(ask(), bench.deps)).usage
    assert known.usd == pytest.approx((known.input_tokens + 2 * known.output_tokens) / 1e6)
    await provider(bench=bench, model="in-house-7")
    assert (await run_agent(ask(op_id="op-2"), bench.deps)).usage.usd is None
