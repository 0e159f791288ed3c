"""Embeddings from a provider's OpenAI-compatible API. One request per batch; retrying is the caller's policy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rag.model import EmbeddingIdentity, EmbeddingsRefused, KnowledgeUnavailable
from rag.settings import KnowledgeSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_BATCH = 128
_TRANSIENT = frozenset({408, 409, 425, 429})
_REMEDY = "Check VISTO_EMBEDDINGS_URL, VISTO_EMBEDDINGS_MODEL and VISTO_EMBEDDINGS_API_KEY (or OPENAI_API_KEY)."


class ProviderEmbedder:
    """Vectors of a hosted model. Its dimension is configured, or learned from the first answer."""

    weight = 1.0
    note = ""

    def __init__(self, settings: KnowledgeSettings) -> None:
        if settings.embeddings_api_key is None:
            raise EmbeddingsRefused("Embeddings from a provider need a key, and none is configured.", remedy=_REMEDY)
        self._settings = settings
        self._key = settings.embeddings_api_key

    @cached_property
    def identity(self) -> EmbeddingIdentity:
        dimension = self._settings.embeddings_dimensions or self._request(["dimension"]).shape[1]
        named = json.dumps([self._settings.embeddings_url, self._settings.embeddings_model, dimension])
        return EmbeddingIdentity(
            name=self._settings.embeddings_model,
            version="api",
            dimension=dimension,
            sha256=hashlib.sha256(named.encode()).hexdigest(),
        )

    def embed(self, texts: Sequence[str]) -> Floats:
        import numpy as np

        batches = [self._request(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        vectors = np.concatenate(batches) if batches else np.zeros((0, self.identity.dimension), np.float32)
        if vectors.shape[1] != self.identity.dimension:
            raise EmbeddingsRefused(
                f"The provider sent vectors of {vectors.shape[1]} dimensions, not {self.identity.dimension}.",
                remedy=_REMEDY,
            )
        return vectors

    def _request(self, texts: Sequence[str]) -> Floats:
        import httpx

        body: dict[str, Any] = {
            "model": self._settings.embeddings_model,
            "input": list(texts),
            "encoding_format": "float",
        }
        if self._settings.embeddings_dimensions:
            body["dimensions"] = self._settings.embeddings_dimensions
        try:
            response = httpx.post(
                f"{self._settings.embeddings_url.rstrip('/')}/embeddings",
                json=body,
                headers={"Authorization": f"Bearer {self._key.get_secret_value()}"},
                timeout=self._settings.embeddings_timeout.total_seconds(),
            )
        except httpx.HTTPError as error:
            raise KnowledgeUnavailable(
                f"The embeddings provider at {self._settings.embeddings_url} did not answer ({type(error).__name__}).",
                remedy=_REMEDY,
            ) from error
        return self._vectors(response, len(texts))

    def _vectors(self, response: Any, expected: int) -> Floats:
        import numpy as np

        status: int = response.status_code
        if status in _TRANSIENT or status >= 500:  # noqa: PLR2004
            raise KnowledgeUnavailable(f"The embeddings provider answered {status}.", remedy="Try again later.")
        if status != 200:  # noqa: PLR2004
            raise EmbeddingsRefused(f"The embeddings provider refused the request ({status}).", remedy=_REMEDY)
        try:
            rows = sorted(response.json()["data"], key=lambda row: row["index"])
            vectors = np.asarray([row["embedding"] for row in rows], np.float32)
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        except (ValueError, KeyError, TypeError) as error:
            raise EmbeddingsRefused(
                "The embeddings provider sent something else than vectors.", remedy=_REMEDY
            ) from error
        if len(vectors) != expected or not np.isfinite(vectors).all() or not lengths.all():
            raise EmbeddingsRefused("The embeddings provider sent missing, empty or infinite vectors.", remedy=_REMEDY)
        return np.asarray(vectors / lengths, np.float32)
