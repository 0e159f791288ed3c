"""How near a text is to each label, from label names, descriptions, policy sentences and approved examples.

With the small embedding model installed, meaning counts: a linear discriminant over sentence vectors, shrunk
hard because examples are few. Without it, words and their parts count.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from agents.offline.index import Index
from rag.minilm import MiniLM, model_folder, shared_model

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

Documents = tuple[tuple[str, ...], ...]
SHRINKAGE = 3.0
NEIGHBOURS = 2
W_NEIGHBOURS = 0.3


@cache
def _model() -> MiniLM | None:
    folder = model_folder()
    return shared_model(folder) if folder else None


def matcher_name() -> str:
    """``minilm`` or ``words``: which of the two this installation uses."""
    return "minilm" if _model() is not None else "words"


def label_scores(text: str, documents: Documents) -> list[float]:
    """One score per label, higher is nearer, comparable within one call. ``documents`` are the texts of each label."""
    if not text.strip():
        return [0.0] * len(documents)
    space = _space(documents)
    return space.scores(text)


@lru_cache(maxsize=32)
def _space(documents: Documents) -> _Words | _Meaning:
    model = _model()
    return _Words(documents) if model is None else _Meaning(documents)


@lru_cache(maxsize=8192)
def _vector(text: str) -> Floats:
    model = _model()
    assert model is not None
    vector: Floats = model.embed([text])[0]
    return vector


class _Words:
    """Cosine with all documents of a label together, and with its nearest ones."""

    def __init__(self, documents: Documents) -> None:
        self._together = Index([" ".join(texts) for texts in documents])
        self._single = Index([text for texts in documents for text in texts])
        self._owner = [label for label, texts in enumerate(documents) for _ in texts]
        self._labels = len(documents)

    def scores(self, text: str) -> list[float]:
        near: list[list[float]] = [[] for _ in range(self._labels)]
        for owner, score in zip(self._owner, self._single.similarity(text), strict=True):
            near[owner].append(score)
        together = self._together.similarity(text)
        return [whole + _mean_of_best(scores) for whole, scores in zip(together, near, strict=True)]


class _Meaning:
    """Linear discriminant over sentence vectors; plain cosine while no label has two texts."""

    def __init__(self, documents: Documents) -> None:
        import numpy as np

        self._vectors = [np.stack([_vector(text) for text in texts]) for texts in documents]
        self._means = np.stack([vectors.mean(axis=0) for vectors in self._vectors])
        spread = np.concatenate([v - m for v, m in zip(self._vectors, self._means, strict=True)])
        within = spread.T @ spread / len(spread)
        size = within.shape[0]
        shrunk = within + (SHRINKAGE * np.trace(within) / size or 1.0) * np.eye(size, dtype=np.float32)
        self._weights = np.linalg.solve(shrunk.astype(np.float64), self._means.T.astype(np.float64)).T
        self._offsets = 0.5 * (self._weights * self._means).sum(axis=1)

    def scores(self, text: str) -> list[float]:
        query = _vector(text)
        discriminant = _standard(self._weights @ query - self._offsets)
        near = _standard(self._nearest(query))
        return [float(score) for score in discriminant + W_NEIGHBOURS * near]

    def _nearest(self, query: Floats) -> NDArray[np.float64]:
        import numpy as np

        return np.array([_mean_of_best([float(s) for s in vectors @ query]) for vectors in self._vectors])


def _mean_of_best(scores: Sequence[float]) -> float:
    best = sorted(scores, reverse=True)[:NEIGHBOURS]
    return sum(best) / len(best)


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = float(values.std())
    standard: NDArray[np.float64] = (values - values.mean()) / (spread or 1.0)
    return standard
