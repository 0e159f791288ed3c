"""The fake provider refuses what the real one refuses, so that a test which passes here means something."""

from __future__ import annotations

import base64
import struct

import httpx
import pytest

from agents.fakes.openai import FakeOpenAI
from agents.fakes.openai_script import Script

USER = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
ASKED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "1"}


async def post(path, body, key="Bearer k", **fake):
    async with FakeOpenAI(**fake) as server, httpx.AsyncClient(trust_env=False) as client:
        headers = {"authorization": key} if key else {}
        return await client.post(f"{server.base_url}{path}", json=body, headers=headers)


@pytest.mark.parametrize("key", ["", "Basic k", "Bearer wrong"])
async def test_a_missing_or_wrong_key_is_401(key):
    answer = await post("/chat/completions", {"model": "m", "messages": [USER]}, key=key, keys=frozenset({"right"}))
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"model": None},
        {"messages": []},
        {"messages": [{"role": "robot", "content": "x"}]},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [USER, RESULT]},
        {"messages": [USER, ASKED, USER]},
        {"messages": [USER, ASKED]},
        {"messages": [USER, ASKED, RESULT, RESULT]},
        {"messages": [{**ASKED, "role": "user"}]},
        {"messages": [USER, {**ASKED, "tool_calls": []}]},
        {"tools": []},
        {"tools": [TOOL] * 129},
        {"tools": [{**TOOL, "function": {"name": "with space"}}]},
        {"tools": [{**TOOL, "function": {"name": "x" * 65}}]},
        {"tools": [{**TOOL, "function": {"name": "f", "parameters": {"type": "array"}}}]},
        {"tool_choice": "required"},
        {"tools": [TOOL], "tool_choice": "sometimes"},
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
        {"temperature": 2.5},
        {"temprature": 1},
        {"stream": True},
    ],
    ids=str,
)
async def test_what_the_real_endpoint_refuses_is_a_400_with_its_error_object(change):
    answer = await post("/chat/completions", {"model": "m", "messages": [USER], **change})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_a_correct_exchange_of_tool_calls_is_taken():
    body = {"model": "m", "messages": [USER, ASKED, RESULT], "tools": [TOOL], "tool_choice": "required"}
    answer = await post("/chat/completions", body)
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["finish_reason"] == "tool_calls"


async def test_equal_requests_get_equal_answers():
    async def once():
        message = (await post("/chat/completions", {"model": "m", "messages": [USER], "tools": [TOOL]})).json()
        return message["choices"][0]["message"]

    assert await once() == await once()


@pytest.mark.parametrize("coded", ["float", "base64"])
async def test_embeddings_are_unit_vectors_in_the_coding_asked_for(coded):
    body = {"model": "e", "input": ["red car", "red bus"], "dimensions": 64, "encoding_format": coded}
    data = (await post("/embeddings", body)).json()["data"]
    vectors = [
        struct.unpack("<64f", base64.b64decode(item["embedding"])) if coded == "base64" else item["embedding"]
        for item in data
    ]
    assert [sum(x * x for x in vector) for vector in vectors] == pytest.approx([1, 1])


async def test_an_empty_embedding_input_and_an_unknown_path_are_refused():
    assert (await post("/embeddings", {"model": "e", "input": [""]})).status_code == 400
    assert (await post("/nowhere", {})).status_code == 404


def test_a_rule_is_used_as_often_as_it_says_and_in_order():
    script = Script([{"do": {"kind": "html"}, "times": 1}, {"when": {"model": "m"}, "do": {"kind": "cut"}}])
    assert [script.decide({"model": m}, 1)["kind"] for m in ("m", "m", "n")] == ["html", "cut", "auto"]


def test_a_script_with_an_unknown_condition_is_refused():
    with pytest.raises(ValueError, match="weather"):
        Script([{"when": {"weather": "rain"}, "do": {"kind": "auto"}}])
