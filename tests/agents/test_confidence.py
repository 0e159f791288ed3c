"""Confidence is computed from what happened, carries its method, and is never what the model says of itself."""

from __future__ import annotations

import pytest

from agents import confidence
from agents.contracts import AgentError, Feedback
from agents.runner import run_agent
from tests.agents.support import SCHEMA, ask


def answers(*risks):
    return [
        {"when": {"nth": n}, "do": {"kind": "answer", "arguments": {"risk": risk, "reason": f"{n}"}}}
        for n, risk in enumerate(risks, 1)
    ]


@pytest.mark.parametrize(
    ("risks", "value", "chosen"),
    [(("high",) * 3, 1.0, "high"), (("low", "high", "high"), 2 / 3, "high"), (("low", "medium", "high"), 1 / 3, None)],
)
async def test_agreement_is_the_share_of_samples_with_the_same_closed_fields(bench, provider, risks, value, chosen):
    await provider(answers(*risks), bench)
    reply = await run_agent(ask(samples=3, knowledge=()), bench.deps)
    assert reply.confidence.method == "agreement"
    assert reply.confidence.value == pytest.approx(value)
    assert reply.value["risk"] == (chosen or reply.value["risk"])
    assert reply.usage.calls == 3


async def test_a_sample_without_a_usable_answer_counts_as_disagreeing(bench, provider):
    broken = [{"when": {"nth": n}, "do": {"kind": "text", "content": "?"}} for n in (3, 4, 5)]
    await provider([*broken, {"do": {"kind": "answer", "arguments": {"risk": "low", "reason": ""}}}], bench)
    reply = await run_agent(ask(samples=3, knowledge=()), bench.deps)
    assert reply.confidence.value == pytest.approx(2 / 3)


async def test_samples_that_all_fail_are_one_error(bench, provider):
    await provider([{"do": {"kind": "text", "content": "?"}}], bench)
    with pytest.raises(AgentError) as caught:
        await run_agent(ask(samples=2, knowledge=()), bench.deps)
    assert caught.value.code == "bad_answer"


async def test_what_a_model_says_of_itself_is_kept_apart(bench, provider):
    schema = {**SCHEMA, "properties": {**SCHEMA["properties"], "confidence": {"type": "number"}}}
    said = {"kind": "answer", "arguments": {"risk": "low", "reason": "", "confidence": 0.99}}
    await provider([{"do": said}], bench)
    reply = await run_agent(ask(output_schema=schema, knowledge=()), bench.deps)
    assert reply.stated_confidence == 0.99
    assert (reply.confidence.method, reply.confidence.value) == ("none", 0)


@pytest.mark.parametrize("said", [True, "0.9", 1.5, -0.1, None, float("nan")])
def test_a_statement_that_is_no_share_is_ignored(said):
    assert confidence.stated({"confidence": said}) is None


def test_without_a_closed_field_nothing_is_measured():
    schema = {"type": "object", "properties": {"reply": {"type": "string"}}}
    assert confidence.agreement(schema, [{"reply": "a"}, {"reply": "a"}], 2) == (0, confidence.NONE)


async def test_objections_reach_the_model_after_the_answer_they_object_to(bench, provider):
    fake = await provider(bench=bench)
    feedback = (
        Feedback(source="rule", messages=("Orders over 5000 are never low risk.",), previous={"risk": "low"}),
        Feedback(source="person", messages=("Look at the country.",), previous={"risk": "medium"}),
    )
    await run_agent(ask(feedback=feedback), bench.deps)
    sent = fake.requests[0]["body"]["messages"]
    assert [m["role"] for m in sent] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert "It breaks these rules:\n- Orders over 5000 are never low risk." in sent[3]["content"]
    assert "A reviewer asks for changes:\n- Look at the country." in sent[5]["content"]
