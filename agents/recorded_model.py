"""A chat model that asks through the gateway: what ``create_agent`` is given instead of the provider's model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from agents import prompts
from agents.budget import priced
from agents.contracts import AgentError
from agents.gateway import Answer
from agents.loop import Loop, current_loop
from agents.models import ModelHandle
from agents.privacy import Vault
from agents.provider_errors import explained
from agents.wire import decode_answer, encode_answer, encode_messages

Json = Any
_FALLBACK_CODES = frozenset({"rate_limit", "server_error", "timeout", "bad_request"})
_REFUSED = frozenset({"content_filter", "refusal"})


@dataclass(frozen=True, slots=True)
class _Question:
    """What leaves: messages without personal data, tools in OpenAI's notation."""

    messages: list[BaseMessage]
    tools: list[Json]
    tool_choice: str | None


class RecordedModel(BaseChatModel):
    """Asks the models of the current loop. Redacts on the way out, records, falls back in the order given, restores."""

    @property
    def _llm_type(self) -> str:
        return "visto-recorded"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind in OpenAI's notation; each provider's own notation is made when it is asked."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], tool_choice=tool_choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError("agents are asynchronous; use ainvoke")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        loop = current_loop()
        tools: list[Json] = kwargs.get("tools") or []
        if loop.take_step():
            # An agent that loves searching still finishes: its last step offers nothing but the answer.
            tools = [tool for tool in tools if tool["function"]["name"] == loop.answer_tool]
        asked = _Question([_redacted(loop.vault, message) for message in messages], tools, kwargs.get("tool_choice"))
        for place, handle in enumerate(loop.handles):
            try:
                message = await _ask(loop, handle, asked)
            except AgentError as error:
                if error.code not in _FALLBACK_CODES or place + 1 == len(loop.handles):
                    raise
                after = loop.handles[place + 1]
                await loop.gateway.note("llm.fallback", {"error": str(error)}, failed=handle.name, now=after.name)
            else:
                loop.answered_by = handle
                return ChatResult(generations=[ChatGeneration(message=message)])
        raise AssertionError("an alias has at least one model")


async def _ask(loop: Loop, handle: ModelHandle, asked: _Question) -> AIMessage:
    request = {
        "provider": handle.settings.provider,
        "model": handle.settings.model,
        "params": handle.params,
        "messages": encode_messages(asked.messages),
        "tools": asked.tools,
        "tool_choice": asked.tool_choice,
    }
    meta = {
        "provider": handle.settings.provider,
        "model": handle.settings.model,
        "alias": handle.alias,
        "is_llm": handle.settings.is_llm,
        "prompts": dict(prompts.digests()),
        "redacted": dict(loop.vault.counts),
    }

    async def perform() -> Answer:
        return await _perform(handle, asked)

    key, answer = await loop.gateway.ask_model(loop.lane, request, meta, perform)
    if answer.get("refusal") or answer.get("finish_reason") in _REFUSED:
        said = answer.get("refusal") or "its content filter stopped the answer"
        await loop.gateway.note("llm.refused", {"said": said}, model=handle.name)
        raise AgentError(
            f"model {handle.name} refused: {str(said)[:300]}",
            code="model_refused",
            permanent=True,
            remedy="Change the instructions or the data, or decide this case by hand.",
        )
    message = decode_answer(key, answer)
    return message.model_copy(
        update={
            "content": loop.vault.restore(message.content),
            "tool_calls": loop.vault.restore(message.tool_calls),
        }
    )


def _redacted(vault: Vault, message: BaseMessage) -> BaseMessage:
    change: dict[str, Any] = {"content": vault.redact(str(message.text))}
    if isinstance(message, AIMessage):
        change["tool_calls"] = [{**call, "args": vault.redact(call["args"])} for call in message.tool_calls]
    return message.model_copy(update=change)


async def _perform(handle: ModelHandle, asked: _Question) -> Answer:
    try:
        model = handle.chat.bind_tools(asked.tools, tool_choice=asked.tool_choice) if asked.tools else handle.chat
        message = await model.ainvoke(asked.messages)
    except Exception as error:  # every provider has its own tree of errors
        raise explained(error, model=handle.name, now=time.time()) from error
    counted = message.usage_metadata
    usage = priced(
        handle.settings,
        input_tokens=counted["input_tokens"] if counted else None,
        output_tokens=counted["output_tokens"] if counted else None,
    )
    return encode_answer(message, usage), usage
