"""Which model answers and which embeddings are used."""

from __future__ import annotations

import os
from collections.abc import Iterator

from visto.doctor.model import Finding

PROVIDER_HINT = "Set OPENAI_API_KEY, ANTHROPIC_API_KEY or OLLAMA_HOST to use a language model."


def models() -> Iterator[Finding]:
    """What the model aliases stand for here."""
    from agents.settings import SettingsError, describe_models, model_settings_from_env

    try:
        described = describe_models(model_settings_from_env(os.environ))
    except SettingsError as error:
        yield Finding("models", "problem", str(error), "Correct VISTO_MODELS.")
        return
    for one in described:
        words = f"{one.alias}: {one.provider} {one.model} ({one.source})"
        if one.is_llm:
            yield Finding("models", "ok", words)
        elif one.alias == "default":
            yield Finding("models", "info", f"{words}; it is no language model", PROVIDER_HINT)


def embeddings() -> Iterator[Finding]:
    """What turns texts into vectors."""
    from rag.embed import choose
    from rag.model import KnowledgeError
    from rag.settings import KnowledgeSettings

    try:
        chosen = choose(KnowledgeSettings())
    except KnowledgeError as error:
        yield Finding("embeddings", "problem", str(error).removesuffix(error.remedy).strip(), error.remedy)
        return
    if chosen.note:
        yield Finding("embeddings", "info", f"{chosen.identity.name}: {chosen.note}")
    else:
        yield Finding("embeddings", "ok", str(chosen.identity))
