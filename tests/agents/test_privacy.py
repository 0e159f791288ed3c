"""Personal data leaves as tokens, everywhere, and comes back in what the agent answers and does."""

from __future__ import annotations

import json
import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langsmith.run_helpers import tracing_context
from langsmith.utils import tracing_is_enabled

from agents.contracts import AgentError, Example, Feedback, PlannedTool
from agents.privacy import KINDS, UnknownKind, Vault
from agents.runner import run_agent
from tests.agents.support import POLICY, ask

ALL = tuple(sorted(KINDS))
SAMPLES = [
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
]


@pytest.mark.parametrize(("kind", "text"), SAMPLES)
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


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("iban", "pay ES91 2100 0418 4502 0005 1332 by me", "ES91 2100 0418 4502 0005 1332"),
        ("iban", "pay ES91 2100 0418 4502 0005 1332 from here", "ES91 2100 0418 4502 0005 1332"),
        ("iban", "AB12 3456 7890 ES91 2100 0418 4502 0005 1332", "ES91 2100 0418 4502 0005 1332"),
        ("card", "4111 1111 1111 1111 123", "4111 1111 1111 1111"),
        ("card", "4111-1111-1111-1111 12/27", "4111-1111-1111-1111"),
        ("card", "order 12 4111 1111 1111 1111", "4111 1111 1111 1111"),
        ("phone", "0151 23456789 2024 2025 2026", "0151 23456789"),
    ],
)
def test_what_stands_next_to_a_value_does_not_hide_it(kind, text, value):
    vault = Vault([kind])
    assert vault.redact(text) == text.replace(value, f"«{kind}-1»")
    assert vault.restore(vault.redact(text)) == text


def test_a_token_in_disguise_is_not_restored_to_somebody_elses_value():
    vault = Vault(["email"])
    hidden = vault.redact([json.dumps("«email-1»"), "victim@example.com"])
    assert "email" not in hidden[0]
    assert vault.restore("«email-1»") == "victim@example.com"
    assert json.loads(vault.restore(hidden[0])) == "«email-1»"


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


def _nested(text: str, depth: int) -> str:
    for _ in range(depth):
        text = json.dumps({"m": text}, ensure_ascii=depth % 2 == 0)
    return text


def _unnested(text: str, depth: int) -> str:
    for _ in range(depth):
        text = json.loads(text)["m"]
    return text


@pytest.mark.parametrize(("kind", "text"), SAMPLES)
def test_values_are_recognised_behind_escapes_of_json_within_json(kind, text):
    """A record's note of several lines is sent as JSON, where a line break is a backslash and an n."""
    for depth, before in product(range(4), ["\n", "\t", "\r\n", '"', "\\", "é\n", "é ", "/"]):
        case = _nested(f"Note:{before}{text} bye", depth)
        vault = Vault([kind])
        hidden = vault.redact(case)
        assert _unnested(vault.restore(hidden), depth) == _unnested(case, depth)
        # A token never takes a part of an escape with it.
        assert _unnested(hidden, depth) == f"Note:{before}«{kind}-1» bye"


@given(st.text(alphabet="a1@. \n\t\\\"'é/", max_size=30), st.sampled_from(SAMPLES), st.integers(0, 3))
def test_redacting_json_gives_json_that_restores(noise, sample, depth):
    said = f"{noise} {sample[1]} {noise}"
    vault = Vault(ALL)
    hidden = vault.redact(_nested(said, depth))
    assert _unnested(vault.restore(hidden), depth) == said
    assert sample[1] not in _unnested(hidden, depth)


@given(st.lists(st.sampled_from([f"user{n}@example.com" for n in range(6)]), min_size=1, max_size=12))
def test_tokens_are_numbered_by_first_appearance_on_every_retry(mails):
    first, again = Vault(["email"]), Vault(["email"])
    sent = [first.redact(mail) for mail in mails]
    assert sent == [again.redact(mail) for mail in mails]
    assert len(set(sent)) == len(set(mails)) == first.counts["email"]
    assert [first.restore(token) for token in sent] == mails


@given(st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text(max_size=5)))
def test_without_kinds_nothing_is_touched(value):
    assert Vault([]).redact(value) is value


async def test_the_offline_model_gets_tokens_too(bench):
    """Its requests stand in the journal like any others."""
    mail, phone = "ana@example.com", "0151 23456789"
    schema = {"type": "object", "properties": {"mail": {"type": "string", "format": "email"}}, "required": ["mail"]}
    reply = await run_agent(
        ask(
            prompt=json.dumps({"note": f"Call me\n{phone}\nor write to {mail}"}),
            instructions=f"Write to {mail}.",
            examples=(Example(prompt=json.dumps({"note": f"from\n{phone}"}), fields={"mail": mail}),),
            feedback=(Feedback(source="person", messages=(f"not {phone}",), previous={"mail": f"a\n{mail}"}),),
            output_schema=schema,
            redact=("email", "phone"),
        ),
        bench.deps,
    )
    asked = [op for op in bench.recorder.operations if op.kind == "llm"]
    assert len(asked) == 2
    journal = json.dumps([op.request for op in asked], ensure_ascii=False) + bench.recorder.answers("llm")
    assert mail not in journal
    assert phone not in journal
    assert {"«email-1»", "«phone-1»"} <= set(_tokens(journal))
    assert reply.value == {"mail": mail}
    assert asked[-1].meta["redacted"] == {"email": 1, "phone": 1}
    assert mail in bench.knowledge.queries[0]  # the search is ours and gets the real words


async def test_equal_values_leave_as_equal_tokens_in_every_sample(bench, provider):
    fake = await provider(bench=bench)
    await run_agent(ask(prompt="from ana@example.com", redact=("email",), samples=3, knowledge=()), bench.deps)
    assert len({request["sha256"] for request in fake.requests}) == 1
    assert len(fake.requests) == 3


def _tokens(text: str) -> list[str]:
    return re.findall(r"«[a-z]+-\d+»", text)


async def test_nothing_is_traced_inside_a_step_even_if_tracing_is_on_around_it(bench):
    seen = []

    async def search(*args, **kwargs):
        seen.append(tracing_is_enabled())
        return [POLICY]

    bench.knowledge.search = search
    with tracing_context(enabled=True):
        await run_agent(ask(), bench.deps)
        assert tracing_is_enabled()
    assert seen == [False]
