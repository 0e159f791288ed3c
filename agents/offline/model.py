"""The offline chat model: searches once, then answers with the tool that takes the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from agents.offline import case as cases
from agents.offline.fields import fill
from agents.offline.similarity import matcher_name
from agents.offline.text import words
from agents.schema import ANSWER_TOOLS, CITED

Json = Any
MAX_QUERY = 300
MAX_LABELS = 8


class OfflineChatModel(BaseChatModel):
    """Deterministic, free, not a language model. It never calls a tool but searches and the answer's own."""

    model_name: str

    @property
    def _llm_type(self) -> str:
        return "visto-offline"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        tools = {tool["function"]["name"]: tool["function"] for tool in kwargs.get("tools", [])}
        answer = next((name for name in reversed(ANSWER_TOOLS) if name in tools), None)
        searches = [name for name in tools if name.startswith("search_")]
        case = cases.read(messages)
        if answer is None:
            return _result(AIMessage("The offline model only fills in fields."))
        if searches and not any(isinstance(message, ToolMessage) for message in messages):
            query = _query(case, tools[answer]["parameters"])
            return _result(_calls([(name, {"query": query}) for name in searches], {}))
        filled = fill(case, tools[answer]["parameters"], skip=CITED)
        value = filled.value
        if CITED in tools[answer]["parameters"].get("properties", {}):
            value = {**value, CITED: filled.cited}
        extra = {"margin": filled.margin, "matcher": matcher_name(), "ignored_orders": case.ignored}
        return _result(_calls([(answer, value)], extra))


def _query(case: cases.Case, schema: dict[str, Json]) -> str:
    """What to look for: the case's words and names, and what is to be decided about it."""
    wanted: list[str] = []
    for name, field in schema.get("properties", {}).items():
        if name != CITED and "enum" in field:
            wanted += words(name)
            labels = [str(label) for label in field["enum"]]
            wanted += [word for label in labels for word in words(label)] if len(labels) <= MAX_LABELS else []
    said = " ".join(case.text.split())[:MAX_QUERY]
    return " ".join([said, *dict.fromkeys(wanted)]).strip() or "policy"


def _calls(calls: list[tuple[str, dict[str, Json]]], extra: dict[str, Json]) -> AIMessage:
    listed = [ToolCall(name=name, args=args, id=f"call_{number}") for number, (name, args) in enumerate(calls)]
    usage: Any = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    return AIMessage("", tool_calls=listed, usage_metadata=usage, response_metadata={"visto": extra})


def _result(message: AIMessage) -> ChatResult:
    return ChatResult(generations=[ChatGeneration(message=message)])
