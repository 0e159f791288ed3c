"""LangChain messages as plain JSON and back: what is hashed, recorded and replayed.

Message ids are random and are left out. Ids of tool calls are made ours: unique within a step whatever the
provider sends, and equal on every retry because they derive from the operation's key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from agents.canonical import storable
from agents.contracts import AgentError, Usage

Json = Any
MAX_ANSWER_CHARS = 1_000_000
_ROLES = {"system": "system", "human": "user", "ai": "assistant", "tool": "tool"}


def encode_messages(messages: Sequence[BaseMessage]) -> list[dict[str, Json]]:
    """Role, text, tool calls and results, in order."""
    return [storable(_encode(message)) for message in messages]


def _encode(message: BaseMessage) -> dict[str, Json]:
    coded: dict[str, Json] = {"role": _ROLES.get(message.type, message.type), "content": str(message.text)}
    if isinstance(message, AIMessage) and message.tool_calls:
        coded["tool_calls"] = [{"id": c["id"], "name": c["name"], "args": c["args"]} for c in message.tool_calls]
    if isinstance(message, ToolMessage):
        coded |= {"tool_call_id": message.tool_call_id, "name": message.name, "status": message.status}
    return coded


def encode_answer(message: AIMessage, usage: Usage) -> dict[str, Json]:
    """The provider's answer as it is recorded. Raises ``AgentError`` ``bad_answer`` for one beyond all bounds."""
    answer = {
        "content": str(message.text),
        "tool_calls": [{"name": c["name"], "args": c["args"]} for c in message.tool_calls],
        "invalid_tool_calls": [{"name": c["name"] or "unknown"} for c in message.invalid_tool_calls],
        "finish_reason": message.response_metadata.get("finish_reason") or message.response_metadata.get("stop_reason"),
        "refusal": message.additional_kwargs.get("refusal"),
        "model": message.response_metadata.get("model_name"),
        "extra": message.response_metadata.get("visto"),
        "usage": usage.model_dump(),
    }
    if len(repr(answer)) > MAX_ANSWER_CHARS:
        raise AgentError(
            f"the model's answer is longer than {MAX_ANSWER_CHARS:,} characters",
            code="bad_answer",
            permanent=True,
            remedy="Ask for less in one step, or bound the texts in its output with max_length.",
        )
    return dict(storable(answer))


def decode_answer(key: str, answer: dict[str, Json]) -> AIMessage:
    """The message of a recorded or fresh answer; both give the same message."""
    calls = [
        {"name": call["name"], "args": call["args"], "id": _call_id(key, index), "type": "tool_call"}
        for index, call in enumerate(answer["tool_calls"])
    ]
    broken = [
        {"name": call["name"], "args": "", "id": _call_id(key, -1 - index), "error": None, "type": "invalid_tool_call"}
        for index, call in enumerate(answer["invalid_tool_calls"])
    ]
    return AIMessage(
        content=answer["content"],
        tool_calls=calls,
        invalid_tool_calls=broken,
        response_metadata={"visto": answer.get("extra")},
    )


def _call_id(key: str, index: int) -> str:
    return "call_" + hashlib.sha256(f"{key}:{index}".encode()).hexdigest()[:24]
