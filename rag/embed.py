"""Which embeddings are used, and their identity: a provider if configured, the local model, or hashed n-grams."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol
from zlib import crc32

from rag.minilm import IDENTITY, INSTALL, model_folder, shared_model
from rag.model import EmbeddingIdentity, EmbeddingsRefused
from rag.settings import KnowledgeSettings
from rag.words import terms

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

HASHED_DIMENSION = 1024
HASHING_NOTE = f"Embeddings are hashed n-grams: no model is installed. Better ones, offline too: {INSTALL}"


class Embedder(Protocol):
    """Texts to vectors of length 1. ``weight`` is the dense ranking's share against 1 for lexical search."""

    @property
    def identity(self) -> EmbeddingIdentity: ...

    @property
    def weight(self) -> float: ...

    @property
    def note(self) -> str:
        """What the user should know about the choice; empty if nothing."""
        ...

    def embed(self, texts: Sequence[str]) -> Floats:
        """One row per text, in order. Blocks: call it in a thread."""
        ...


def choose(settings: KnowledgeSettings) -> Embedder:
    """The embedder that the settings ask for. Loads nothing yet and calls nobody."""
    if settings.embeddings == "openai":
        from rag.provider import ProviderEmbedder

        return ProviderEmbedder(settings)
    folder = model_folder() if settings.embeddings in ("auto", "minilm") else None
    if folder is not None:
        return LocalModelEmbedder(folder)
    if settings.embeddings == "minilm":
        raise EmbeddingsRefused("The local embedding model is not installed.", remedy=f"Install it: {INSTALL}")
    return HashingEmbedder(note=HASHING_NOTE if settings.embeddings == "auto" else "")


class LocalModelEmbedder:
    """all-MiniLM-L6-v2, loaded with the first text."""

    identity = IDENTITY
    weight = 1.0
    note = ""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def embed(self, texts: Sequence[str]) -> Floats:
        return shared_model(self._folder).embed(list(texts))


class HashingEmbedder:
    """Words and their parts hashed into 1024 signed buckets. Knows spelling, not meaning: lexical search leads."""

    weight = 0.35
    identity = EmbeddingIdentity(
        name="hashed-ngrams",
        version="1",
        dimension=HASHED_DIMENSION,
        sha256=hashlib.sha256(b"hashed-ngrams:1:1024:terms:parts-of-4").hexdigest(),
    )

    def __init__(self, note: str = "") -> None:
        self.note = note

    def embed(self, texts: Sequence[str]) -> Floats:
        import numpy as np

        vectors = np.zeros((len(texts), HASHED_DIMENSION), np.float32)
        for row, text in enumerate(texts):
            for feature in _features(text):
                digest = crc32(feature.encode())
                vectors[row, digest % HASHED_DIMENSION] += 1 if digest & 0x80000000 else -1
        vectors = np.sign(vectors) * np.sqrt(np.abs(vectors))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        # A text without a single word gets one fixed direction: cosine needs a length.
        vectors[lengths[:, 0] == 0, 0] = 1
        return np.asarray(vectors / np.where(lengths == 0, 1, lengths), np.float32)


def _features(text: str) -> list[str]:
    found = []
    for term in terms(text):
        padded = f"<{term}>"
        found += [padded, padded]
        found += [padded[start : start + 4] for start in range(len(padded) - 3)]
    return found
