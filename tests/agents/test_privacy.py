"""Personal data leaves as tokens, everywhere, and comes back in what the agent answers and does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.contracts import AgentError, Example, Feedback, PlannedTool
from agents.privacy import KINDS, UnknownKind, Vault
from agents.runner import run_agent
from tests.agents.support import POLICY, ask

ALL = tuple(sorted(KINDS))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("email", "ana.garcia+shop@mail.example.com"),
        ("email", "jürgen@müller.de"),
        ("phone", "+34 612 345 678"),
        ("phone", "(020) 7946 0958"),
        ("phone", "0151 23456789"),
        ("card", "4111 1111 1111 1111"),
        ("card", "5500-0000-0000-0004"),
        ("iban", "ES91 2100 0418 4502 0005 1332"),
        ("iban", "DE89370400440532013000"),
        ("ip", "192.168.10.7"),
        ("ssn", "078-05-1120"),
        ("url", "https://example.com/u/42?t=abc"),
    ],
)
def test_each_kind_is_recognised_and_restored(kind, text):
    vault = Vault([kind])
    hidden = vault.redact(f"Contact: {text}, thanks")
    assert text not in hidden
    assert f"«{kind}-1»" in hidden
    assert vault.restore(hidden) == f"Contact: {text}, thanks"


@pytest.mark.parametrize(
    "text",
    [
        "order 4111111111111112",
        "amount 7200",
        "2026-11-22",
        "12:30",
        "5,000 EUR",
        "version 1.2.3.4567",
        "A-100 to B-200",
    ],
)
def test_ordinary_numbers_are_left_alone(text):
    assert Vault(["card", "phone", "iban", "ip", "ssn"]).redact(text) == text


def test_equal_values_get_one_token_and_kinds_that_were_not_named_stay():
    vault = Vault(["email"])
    assert vault.redact("a@b.io, c@d.io, a@b.io, +34 612 345 678") == "«email-1», «email-2», «email-1», +34 612 345 678"


def test_a_token_that_arrives_as_data_is_not_restored_to_somebody_elses_value():
    vault = Vault(["email"])
    hidden = vault.redact(["«email-1» wants what", "victim@example.com"])
    assert "«email-1»" not in hidden[0]
    assert vault.restore(hidden) == ["«email-1» wants what", "victim@example.com"]


def test_an_unknown_kind_is_refused_with_those_that_exist():
    with pytest.raises(UnknownKind, match="email"):
        Vault(["shoe-size"])


@given(st.recursive(st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v), max_leaves=8))
def test_restoring_what_was_redacted_gives_it_back(value):
    vault = Vault(ALL)
    assert vault.restore(vault.redact(value)) == value


@given(st.text(alphabet="ab1@. +-«»email\n", max_size=60))
def test_redacting_twice_changes_nothing_more(text):
    vault = Vault(["email", "phone"])
    once = vault.redact(text)
    assert vault.redact(once) == once


async def test_nothing_personal_leaves_in_prompt_examples_feedback_tool_results_or_journal(bench, provider):
    secret = "ana@example.com"
    lookup = PlannedTool(name="crm", type="http.request", parameters={"type": "object", "properties": {}})

    async def crm(tool, args):
        return {"mail": secret}

    bench.tool = crm
    bench.knowledge.hits = [POLICY.model_copy(update={"text": f"Ask {secret} first."})]
    both = [{"name": "crm"}, {"name": "search_fraud-policy", "arguments": {"query": "who is «email-1»"}}]
    fake = await provider([{"when": {"tool_results": 0}, "do": {"kind": "tool_calls", "calls": both}}], bench)
    fields = {"risk": "low", "reason": f"known: {secret}"}
    await run_agent(
        ask(
            prompt=json.dumps({"email": secret}),
            instructions=f"Copy {secret}.",
            examples=(Example(prompt=f"from {secret}", fields=fields),),
            feedback=(Feedback(source="person", messages=(f"call {secret}",), previous=fields),),
            tools=(lookup,),
            redact=("email",),
        ),
        bench.deps,
    )
    assert len(fake.requests) == 2
    assert secret not in json.dumps([r["body"] for r in fake.requests])
    assert secret not in json.dumps([op.request for op in bench.recorder.operations if op.kind == "llm"])
    assert bench.knowledge.queries == [f"who is {secret}"]
    assert ("privacy.redacted", {"email": 1}) in [(note[0], note[2]) for note in bench.recorder.notes]


async def test_the_answer_comes_back_with_the_real_values(bench, provider):
    answer = {"kind": "answer", "arguments": {"risk": "low", "reason": "«email-1» is known, «email-9» is not"}}
    await provider([{"do": answer}], bench)
    reply = await run_agent(ask(prompt="from ana@example.com", redact=("email",), knowledge=()), bench.deps)
    assert reply.value["reason"] == "ana@example.com is known, «email-9» is not"


async def test_a_flow_that_asks_to_redact_what_cannot_be_recognised_is_refused_before_any_call(bench, provider):
    fake = await provider(bench=bench)
    with pytest.raises(AgentError, match="shoe-size") as caught:
        await run_agent(ask(redact=("shoe-size",)), bench.deps)
    assert (caught.value.code, fake.requests) == ("bad_request", [])
