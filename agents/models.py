"""From an alias to a chat model. Providers are imported when first used; each costs seconds and memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.contracts import AgentError
from agents.settings import OFFLINE, ModelAlias, ModelSettings, SettingsError
from agents.transport import provider_client

if TYPE_CHECKING:
    import httpx
    from langchain_core.language_models import BaseChatModel

# Ollama takes any key; its OpenAI-compatible endpoint wants the header all the same.
_NO_KEY = "none"


@dataclass(frozen=True, slots=True)
class ModelHandle:
    """A chat model ready to be asked, and what is said about it in the journal and the reply."""

    alias: str
    settings: ModelAlias
    chat: BaseChatModel
    params: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.settings.provider}:{self.settings.model}"


async def open_models(
    settings: ModelSettings, alias: str, temperature: float | None, stack: AsyncExitStack
) -> Sequence[ModelHandle]:
    """The alias's model and its fallbacks, in order. Their connections close with ``stack``.

    Raises ``AgentError`` ``no_model``: unknown alias, unknown provider, or a provider that is not installed.
    """
    try:
        chain = settings.chain(alias)
    except SettingsError as error:
        remedy = "Set VISTO_MODELS, or use an alias that exists."
        raise AgentError(str(error), code="no_model", permanent=True, remedy=remedy) from error
    handles = []
    for name, config in chain:
        wanted = temperature if temperature is not None else config.temperature
        client = None
        if config.is_llm:
            client = await stack.enter_async_context(provider_client(config.timeout_s))
        chat = _BUILDERS.get(config.provider, _by_name)(name, config, wanted, client)
        handles.append(ModelHandle(alias=name, settings=config, chat=chat, params={"temperature": wanted}))
    return handles


def _offline(_: str, config: ModelAlias, __: float | None, ___: httpx.AsyncClient | None) -> BaseChatModel:
    from agents.offline.model import OfflineChatModel

    return OfflineChatModel(model_name=config.model)


def _openai(_: str, config: ModelAlias, temperature: float | None, client: httpx.AsyncClient | None) -> BaseChatModel:
    from langchain_openai import ChatOpenAI

    key = config.api_key.get_secret_value() if config.api_key else _NO_KEY
    return ChatOpenAI(
        model=config.model,
        api_key=lambda: key,
        base_url=config.base_url or "https://api.openai.com/v1",
        temperature=temperature,
        timeout=config.timeout_s,
        max_retries=0,
        http_async_client=client,
        cache=False,
        stream_usage=False,
    )


def _ollama(
    name: str, config: ModelAlias, temperature: float | None, client: httpx.AsyncClient | None
) -> BaseChatModel:
    url = (config.base_url or "http://127.0.0.1:11434").rstrip("/")
    url = url if url.endswith("/v1") else f"{url}/v1"
    return _openai(name, config.model_copy(update={"base_url": url}), temperature, client)


def _by_name(name: str, config: ModelAlias, temperature: float | None, _: httpx.AsyncClient | None) -> BaseChatModel:
    from langchain.chat_models import init_chat_model

    options: dict[str, Any] = {"timeout": config.timeout_s, "max_retries": 0, "cache": False}
    if temperature is not None:
        options["temperature"] = temperature
    if config.base_url is not None:
        options["base_url"] = config.base_url
    if config.api_key is not None:
        options["api_key"] = config.api_key.get_secret_value()
    try:
        chat: BaseChatModel = init_chat_model(config.model, model_provider=config.provider, **options)
    except ImportError as error:
        remedy = f"Install it: pip install langchain-{config.provider.replace('_', '-')}"
        message = f"model alias '{name}': the provider '{config.provider}' is not installed"
        raise AgentError(message, code="no_model", permanent=True, remedy=remedy) from error
    except ValueError as error:
        remedy = "Use openai, anthropic, ollama, offline, or a provider that LangChain knows."
        message = f"model alias '{name}': provider '{config.provider}' cannot be set up ({error})"
        raise AgentError(message, code="no_model", permanent=True, remedy=remedy) from error
    return chat


_Builder = Callable[[str, ModelAlias, "float | None", "httpx.AsyncClient | None"], "BaseChatModel"]
_BUILDERS: dict[str, _Builder] = {OFFLINE: _offline, "openai": _openai, "ollama": _ollama}
