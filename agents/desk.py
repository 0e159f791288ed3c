"""What an agent may do between two model calls, and when its loop ends. Holds no state: that is the ``Loop``'s.

Errors that the model can mend go back to it as results, a bounded number of times; all others are ``AgentError``.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from langchain.agents.middleware import AgentMiddleware, AgentState, hook_config
from langchain.agents.middleware.types import ToolCallRequest
from langchain.agents.structured_output import StructuredOutputValidationError
from langchain_core.messages import AIMessage, HumanMessage, ToolCall, ToolMessage
from langgraph.runtime import Runtime
from langgraph.types import Command

from agents.loop import Loop, current_loop


class Desk(AgentMiddleware[AgentState[Any], Loop]):
    """Collects proposals, asks again where the model only talked, and runs tools through the bench."""

    @hook_config(can_jump_to=["model", "end"])
    async def aafter_model(self, state: AgentState[Any], runtime: Runtime[Loop]) -> dict[str, Any] | None:
        """End with proposals if there are any; ask again if the model only talked."""
        loop = runtime.context
        message = next(m for m in reversed(state["messages"]) if isinstance(m, AIMessage))
        loop.proposals = loop.bench.proposals(message.tool_calls)
        if loop.proposals:
            return {"jump_to": "end"}
        if message.tool_calls:
            return None
        problem = "its arguments were not valid JSON" if message.invalid_tool_calls else "it did not call a tool"
        return {"jump_to": "model", "messages": [HumanMessage(loop.correction(problem))]}

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        """Tools are declarations to LangChain; running them is ours, through the gateway."""
        del handler
        call: ToolCall = request.tool_call
        loop = current_loop()
        result = await loop.bench.run(call)
        if result.problem:
            return _result(call, loop.correction(result.problem), failed=True)
        return _result(call, result.content, failed=result.failed)


def mend(error: Exception) -> str:
    """What the model is told about an answer that does not fit. Raises ``bad_answer`` beyond the bound."""
    cause = error.source if isinstance(error, StructuredOutputValidationError) else error
    return current_loop().correction(_plain(cause))


def _plain(error: BaseException) -> str:
    source = error.__cause__
    details = getattr(source, "errors", None)
    if callable(details):
        return "; ".join(str(item["msg"]).removeprefix("Value error, ") for item in details())
    return str(error)


def _result(call: ToolCall, content: object, *, failed: bool) -> ToolMessage:
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, sort_keys=True)
    status = "error" if failed else "success"
    return ToolMessage(content=text, name=call["name"], tool_call_id=call["id"], status=status)
