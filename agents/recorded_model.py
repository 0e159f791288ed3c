"""A chat model that asks through the gateway: what ``create_agent`` is given instead of the provider's model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, InstanceOf

from agents import prompts
from agents.budget import priced
from agents.contracts import AgentError
from agents.gateway import Answer, Gateway
from agents.models import ModelHandle
from agents.privacy import Vault
from agents.provider_errors import explained
from agents.wire import decode_answer, encode_answer, encode_messages

_FALLBACK_CODES = frozenset({"rate_limit", "server_error", "timeout", "bad_request"})
_REFUSED = frozenset({"content_filter", "refusal"})


class RecordedModel(BaseChatModel):
    """One lane's model. Redacts on the way out, records, falls back in the order given, restores on the way in."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    handles: Sequence[InstanceOf[ModelHandle]]
    gateway: Gateway
    vault: Vault
    lane: int = 0
    answered_by: InstanceOf[ModelHandle] | None = None

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
        outgoing = [self._redacted(message) for message in messages]
        for place, handle in enumerate(self.handles):
            try:
                message = await self._ask(handle, outgoing, kwargs)
            except AgentError as error:
                if error.code not in _FALLBACK_CODES or place + 1 == len(self.handles):
                    raise
                after = self.handles[place + 1]
                await self.gateway.note("llm.fallback", {"error": str(error)}, failed=handle.name, now=after.name)
            else:
                self.answered_by = handle
                return ChatResult(generations=[ChatGeneration(message=message)])
        raise AssertionError("an alias has at least one model")

    async def _ask(self, handle: ModelHandle, messages: list[BaseMessage], kwargs: dict[str, Any]) -> AIMessage:
        tools, tool_choice = kwargs.get("tools") or [], kwargs.get("tool_choice")
        request = {
            "provider": handle.settings.provider,
            "model": handle.settings.model,
            "params": handle.params,
            "messages": encode_messages(messages),
            "tools": tools,
            "tool_choice": tool_choice,
        }
        meta = {
            "provider": handle.settings.provider,
            "model": handle.settings.model,
            "alias": handle.alias,
            "is_llm": handle.settings.is_llm,
            "prompts": prompts.digests(),
            "redacted": dict(self.vault.counts),
        }

        async def perform() -> Answer:
            return await _perform(handle, messages, tools, tool_choice)

        key, answer = await self.gateway.ask_model(self.lane, request, meta, perform)
        if answer.get("refusal") or answer.get("finish_reason") in _REFUSED:
            said = answer.get("refusal") or "its content filter stopped the answer"
            await self.gateway.note("llm.refused", {"said": said}, model=handle.name)
            raise AgentError(
                f"model {handle.name} refused: {str(said)[:300]}",
                code="model_refused",
                permanent=True,
                remedy="Change the instructions or the data, or decide this case by hand.",
            )
        message = decode_answer(key, answer)
        return message.model_copy(
            update={
                "content": self.vault.restore(message.content),
                "tool_calls": self.vault.restore(message.tool_calls),
            }
        )

    def _redacted(self, message: BaseMessage) -> BaseMessage:
        change: dict[str, Any] = {"content": self.vault.redact(str(message.text))}
        if isinstance(message, AIMessage):
            change["tool_calls"] = [{**call, "args": self.vault.redact(call["args"])} for call in message.tool_calls]
        return message.model_copy(update=change)


async def _perform(handle: ModelHandle, messages: list[BaseMessage], tools: Any, tool_choice: Any) -> Answer:
    try:
        model = handle.chat.bind_tools(tools, tool_choice=tool_choice) if tools else handle.chat
        message = await model.ainvoke(messages)
    except Exception as error:  # every provider has its own tree of errors
        raise explained(error, model=handle.name, now=time.time()) from error
    counted = message.usage_metadata
    usage = priced(
        handle.settings,
        input_tokens=counted["input_tokens"] if counted else None,
        output_tokens=counted["output_tokens"] if counted else None,
    )
    return encode_answer(message, usage), usage
