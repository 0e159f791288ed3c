"""One agent loop's desk: what the agent may do between two model calls, and when the loop ends.

Errors that the model can mend go back to it as results, a bounded number of times; all others are ``AgentError``.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from langchain.agents.middleware import AgentMiddleware, AgentState, hook_config
from langchain.agents.middleware.types import ModelRequest, ModelResponse, ToolCallRequest
from langchain.agents.structured_output import StructuredOutputValidationError
from langchain_core.messages import AIMessage, HumanMessage, ToolCall, ToolMessage
from langgraph.runtime import Runtime
from langgraph.types import Command

from agents import prompts
from agents.contracts import AgentError, ProposedCall
from agents.tools import ToolBench

MAX_CORRECTIONS = 2


class Desk(AgentMiddleware[AgentState[Any], None]):
    """Counts steps and corrections, collects proposals, and runs tools through the bench."""

    def __init__(self, bench: ToolBench, *, answer_tool: str, max_steps: int) -> None:
        super().__init__()
        self._bench = bench
        self._answer_tool = answer_tool
        self._max_steps = max_steps
        self._corrections = 0
        self.steps = 0
        self.proposals: tuple[ProposedCall, ...] = ()

    async def awrap_model_call(
        self, request: ModelRequest[None], handler: Callable[[ModelRequest[None]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """The last step offers nothing but the answer, so that an agent that loves searching still finishes."""
        if self.steps >= self._max_steps:
            raise AgentError(
                f"the agent used all its {self._max_steps} steps without an answer",
                code="step_limit",
                permanent=True,
                remedy="Raise max_steps, give clearer instructions, or bind fewer tools.",
            )
        self.steps += 1
        return await handler(request if self.steps < self._max_steps else request.override(tools=[]))

    @hook_config(can_jump_to=["model", "end"])
    async def aafter_model(self, state: AgentState[Any], runtime: Runtime[None]) -> dict[str, Any] | None:
        """End with proposals if there are any; ask again if the model only talked."""
        del runtime
        message = next(m for m in reversed(state["messages"]) if isinstance(m, AIMessage))
        self.proposals = self._bench.proposals(message.tool_calls)
        if self.proposals:
            return {"jump_to": "end"}
        if message.tool_calls:
            return None
        problem = "its arguments were not valid JSON" if message.invalid_tool_calls else "it did not call a tool"
        return {"jump_to": "model", "messages": [HumanMessage(self._correction(problem))]}

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        """Tools are declarations to LangChain; running them is ours, through the gateway."""
        del handler
        call: ToolCall = request.tool_call
        result = await self._bench.run(call)
        if result.problem:
            return _result(call, self._correction(result.problem), failed=True)
        return _result(call, result.content, failed=result.failed)

    def mend(self, error: Exception) -> str:
        """What the model is told about an answer that does not fit. Raises ``bad_answer`` beyond the bound."""
        cause = error.source if isinstance(error, StructuredOutputValidationError) else error
        return self._correction(_plain(cause))

    def _correction(self, problem: str) -> str:
        self._corrections += 1
        if self._corrections > MAX_CORRECTIONS:
            raise AgentError(
                f"no usable answer after {MAX_CORRECTIONS} corrections; the last problem: {problem[:500]}",
                code="bad_answer",
                permanent=True,
                remedy="Use a stronger model, or simplify the step's output.",
            )
        return prompts.load("correction").fill(problem=problem, answer=self._answer_tool)


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
