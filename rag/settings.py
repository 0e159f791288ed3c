"""Where the vector store is and which embeddings are used. Read from the environment once per process."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class KnowledgeSettings(BaseSettings):
    """``chroma_url`` (a server, any number of processes) wins over ``chroma_path`` (embedded, one process only).

    ``embeddings="auto"`` takes the local MiniLM model if its package is installed, else hashed n-grams; it never calls
    a provider. Only ``embeddings="openai"`` does, at ``embeddings_url`` (anything OpenAI-compatible).
    """

    model_config = SettingsConfigDict(env_prefix="VISTO_", extra="ignore", populate_by_name=True)

    chroma_url: str = ""
    chroma_token: SecretStr | None = None
    chroma_trusted_network: bool = False
    chroma_path: Path = Path(".visto/chroma")
    chroma_timeout: timedelta = timedelta(seconds=30)
    embeddings: Literal["auto", "minilm", "hashing", "openai"] = "auto"
    embeddings_url: str = "https://api.openai.com/v1"
    embeddings_model: str = "text-embedding-3-small"
    embeddings_dimensions: int | None = Field(default=None, ge=8, le=4096)
    embeddings_timeout: timedelta = timedelta(seconds=30)
    embeddings_api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("embeddings_api_key", "VISTO_EMBEDDINGS_API_KEY", "OPENAI_API_KEY"),
    )
