"""Loads LangChain beside the event loop: it takes seconds, in which heartbeats and other steps must go on."""

from __future__ import annotations

import asyncio
import gc
import importlib

from agents.settings import ModelSettings

_ALWAYS = ("agents.runner", "agents.compiled", "agents.conversation", "agents.loop", "agents.tools")
_PROVIDERS = {
    "offline": "agents.offline.model",
    "openai": "langchain_openai",
    "ollama": "langchain_openai",
    "anthropic": "langchain_anthropic",
}


_warmed: list[ModelSettings] = []


async def warm(settings: ModelSettings) -> None:
    """Import what an agent with these models needs, in a thread. Free when it is there already."""
    if not any(known is settings for known in _warmed):
        await asyncio.to_thread(_load, settings)
        _warmed.append(settings)


def _load(settings: ModelSettings) -> None:
    for name in _ALWAYS:
        importlib.import_module(name)
    for provider in sorted({alias.provider for alias in settings.aliases.values()}):
        if provider in _PROVIDERS:
            _load_provider(_PROVIDERS[provider])
    gc.freeze()  # what was loaded stays as long as the process: no collection need go through it again


def _load_provider(name: str) -> None:
    try:
        importlib.import_module(name)
    except ImportError:
        return  # whoever asks for this model is told how to install it
