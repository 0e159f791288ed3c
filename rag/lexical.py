"""Lexical search: BM25 over a collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rag.filters import HEADING, Where, matches
from rag.index import KnowledgeBase
from rag.model import Scalar
from rag.words import terms


class LexicalIndex:
    """BM25 scores over passages given as ``(id, indexed text, metadata)``."""

    def __init__(self, passages: Iterable[tuple[str, str, Mapping[str, Scalar]]]) -> None:
        import bm25s

        self._ids: list[str] = []
        self._metadata: list[Mapping[str, Scalar]] = []
        corpus: list[list[str]] = []
        for identifier, text, metadata in passages:
            self._ids.append(identifier)
            self._metadata.append(metadata)
            corpus.append(terms(text))
        self._bm25: Any = None
        if any(corpus):
            self._bm25 = bm25s.BM25()
            self._bm25.index(corpus, show_progress=False)

    def search(self, query: str, limit: int, where: Where | None = None) -> list[str]:
        """Ids of the best passages that share at least one term with the query and match ``where``, best first."""
        import numpy as np

        known = [term for term in terms(query) if self._bm25 is not None and term in self._bm25.vocab_dict]
        if not known:
            return []
        scores = self._bm25.get_scores(known)
        ranked = np.argsort(-scores, kind="stable")
        found: list[str] = []
        for position in ranked[: int(np.count_nonzero(scores > 0))]:
            if where is None or matches(where, self._metadata[position]):
                found.append(self._ids[position])
                if len(found) == limit:
                    break
        return found


def index_of(base: KnowledgeBase) -> LexicalIndex:
    """The index of a collection, in about 2 KB a passage. Costs a full read of it."""
    return LexicalIndex(_passages(base))


def _passages(base: KnowledgeBase) -> Iterable[tuple[str, str, Mapping[str, Scalar]]]:
    for page in base.pages(["documents", "metadatas"]):
        for identifier, body, metadata in zip(page["ids"], page["documents"], page["metadatas"], strict=True):
            yield identifier, f"{metadata.get(HEADING, '')}\n{body}", metadata
