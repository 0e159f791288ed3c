"""What a model is shown: data stays in its section, retries look alike, and examples come back as they went in."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from agents.contracts import Example, Feedback
from agents.conversation import opening, read_case, read_examples
from agents.examples import nearest
from agents.runner import MAX_LLM_EXAMPLES, run_agent
from agents.wire import decode_answer, encode_messages
from tests.agents.support import Bench, ask

DATA = st.lists(
    st.sampled_from([*"<>/ \n{}a", "</case>", "<CASE>", "</examples>", "<examples>", "{{prompt}}"]), max_size=8
).map("".join)
EXAMPLES = st.lists(
    st.builds(Example, prompt=DATA, fields=st.dictionaries(st.sampled_from(["risk", "b", "a"]), DATA)), max_size=4
)


@given(DATA, EXAMPLES)
def test_no_data_can_end_its_own_section(prompt, examples):
    (message,) = opening(ask(prompt=prompt), examples)
    text = str(message.content)
    assert text.count("<case>") == text.count("</case>") == 1
    assert text.lower().count("<examples>") == text.lower().count("</examples>") == (1 if examples else 0)
    broken_up = read_case(text)
    assert broken_up.replace("< ", "<") == prompt.replace("< ", "<")
    lines = read_examples(text).splitlines() if examples else []
    assert len([json.loads(line) for line in lines]) == len(examples)


@given(DATA)
def test_a_case_is_never_filled_as_a_template(prompt):
    again = opening(ask(prompt="{{examples}} {{nothing}} " + prompt), [])
    assert "{{examples}} {{nothing}}" in str(again[0].content)


def test_feedback_without_words_says_so_and_every_round_is_kept():
    rounds = tuple(Feedback(source="rule", messages=(), previous={"risk": r}) for r in ("low", "medium"))
    messages = encode_messages(opening(ask(feedback=rounds), []))
    assert [m["role"] for m in messages] == ["user", "assistant", "user", "assistant", "user"]
    assert [json.loads(m["content"]) for m in messages[1::2]] == [{"risk": "low"}, {"risk": "medium"}]
    assert all("no reason was given" in m["content"] for m in messages[2::2])


async def test_equal_examples_in_equal_order_are_the_same_request_and_another_order_is_not():
    """Fields of an example may come back from a store in any order."""
    first = [Example(prompt=f"case {n}", fields={"risk": "low", "reason": f"r{n}"}) for n in range(3)]
    again = [Example(prompt=e.prompt, fields=dict(reversed(e.fields.items()))) for e in first]

    async def asked(examples):
        bench = Bench()
        await run_agent(ask(examples=tuple(examples), knowledge=()), bench.deps)
        return [op.key for op in bench.recorder.operations]

    assert await asked(first) == await asked(again)
    assert await asked(first) != await asked(reversed(first))


async def test_a_language_model_sees_the_nearest_examples_the_same_ones_on_every_retry(bench, provider):
    fake = await provider(bench=bench)
    examples = tuple(
        Example(prompt=f"{word} number {n}", fields={"risk": "low", "reason": word})
        for n in range(30)
        for word in ("parcel", "invoice")
    )
    request = ask(prompt="an invoice", examples=examples, knowledge=())
    await run_agent(request, bench.deps)
    await run_agent(request, Bench(models=bench.models).deps)
    assert len({sent["sha256"] for sent in fake.requests}) == 1
    shown = read_examples(fake.requests[0]["body"]["messages"][1]["content"]).splitlines()
    assert len(shown) == MAX_LLM_EXAMPLES
    assert {json.loads(line)["fields"]["reason"] for line in shown} == {"invoice"}


@given(st.lists(st.text(max_size=12), max_size=12), st.text(max_size=12), st.integers(1, 8))
def test_the_nearest_examples_are_a_deterministic_choice_of_those_given(prompts, prompt, limit):
    examples = [Example(prompt=text, fields={"n": n}) for n, text in enumerate(prompts)]
    chosen = nearest(prompt, examples, limit)
    assert chosen == nearest(prompt, examples, limit)
    assert len(chosen) == min(limit, len(examples))
    assert all(example in examples for example in chosen)


@given(st.text(max_size=20), st.lists(st.dictionaries(st.text(max_size=3), st.integers()), max_size=3))
def test_a_recorded_answer_gives_the_same_message_every_time(content, arguments):
    answer = {
        "content": content,
        "tool_calls": [{"name": "answer", "args": args} for args in arguments],
        "invalid_tool_calls": [{"name": "unknown"}],
    }
    one, two = decode_answer("op:hash:0", answer), decode_answer("op:hash:0", json.loads(json.dumps(answer)))
    assert encode_messages([one]) == encode_messages([two])
    ids = [call["id"] for call in [*one.tool_calls, *one.invalid_tool_calls]]
    assert len(set(ids)) == len(ids)
    other = decode_answer("op:hash:1", answer)
    assert not {call["id"] for call in other.tool_calls} & set(ids)
