"""Hybrid retrieval on LlamaIndex's base class: nearest vectors and BM25, fused by rank.

The one module that imports LlamaIndex when it is imported, since it extends a class of it: import it where it is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from rag.browse import Found, around, ranks
from rag.embed import Embedder
from rag.filters import DOCUMENT, HEADING, RESERVED, normalise, scoped
from rag.fusion import fuse
from rag.index import Index, KnowledgeBase
from rag.kept import Kept
from rag.lexical import LexicalIndex
from rag.model import BadQuery, Hit, Json

MAX_TOP_K = 50
MAX_QUERY = 8000
"""Longest query in characters."""

_DEPTH = 50
"""How many candidates each ranking contributes at least."""


@dataclass(frozen=True, slots=True)
class SearchParts:
    """What retrieval is made of, shared by all searches of a process."""

    index: Index
    embedder: Embedder
    lexical: Kept[LexicalIndex]


class HybridRetriever(BaseRetriever):
    """Retrieves passages of one collection in one namespace; usable wherever LlamaIndex takes a retriever.

    ``filter`` is checked when the retriever is made (``BadQuery``). Nodes carry ``text``, the metadata of the
    passage, and the fused score.
    """

    def __init__(
        self, parts: SearchParts, namespace: str, collection: str, *, top_k: int, filter: Mapping[str, Json] | None
    ) -> None:
        super().__init__()
        if not 1 <= top_k <= MAX_TOP_K:
            raise BadQuery(f"top_k is {top_k}.", remedy=f"Ask for 1 to {MAX_TOP_K} passages.")
        self._parts, self._namespace, self._collection = parts, namespace, collection
        self._top_k = top_k
        self._filter = normalise(filter)
        self._scoped = scoped(namespace, filter)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        query = _checked(query_bundle.query_str)
        with self._open() as base:
            return self._ranked(base, self._rankings(base, query))

    def inspect(self, query: str) -> list[Found]:
        """As ``retrieve``, with the rank of each passage in both rankings and what stands around it."""
        asked = _checked(query)
        with self._open() as base:
            rankings = self._rankings(base, asked)
            hits = [to_hit(self._collection, node) for node in self._ranked(base, rankings)]
            return [
                Found(hit, places["dense"], places["lexical"], *beside)
                for hit, beside in zip(hits, around(base, hits), strict=True)
                for places in [ranks(rankings, hit.chunk)]
            ]

    def _open(self) -> AbstractContextManager[KnowledgeBase]:
        return self._parts.index.open(self._namespace, self._collection, self._parts.embedder.identity)

    def _rankings(self, base: KnowledgeBase, query: str) -> dict[str, list[str]]:
        depth = max(_DEPTH, 2 * self._top_k)
        return {
            "dense": self._dense(base, query, depth),
            "lexical": self._parts.lexical.get(base).search(query, depth, self._filter),
        }

    def _ranked(self, base: KnowledgeBase, rankings: Mapping[str, list[str]]) -> list[NodeWithScore]:
        return self._nodes(base, fuse(rankings, {"dense": self._parts.embedder.weight, "lexical": 1.0}))

    def _dense(self, base: KnowledgeBase, query: str, limit: int) -> list[str]:
        vector = self._parts.embedder.embed([query])[0]
        # The collection is this namespace's own, so without a caller's filter no condition is needed here (it would
        # cost in proportion to the collection); what is returned is read under the namespace's condition below.
        found = base.store.query(
            query_embeddings=[vector],
            n_results=limit,
            where=self._scoped if self._filter else None,
            include=[],
        )
        ids: list[str] = found["ids"][0]
        return ids

    def _nodes(self, base: KnowledgeBase, scores: Mapping[str, float]) -> list[NodeWithScore]:
        """Read the best passages from the store, which has the last word on namespace, filter and existence."""
        ordered = list(scores)
        nodes: list[NodeWithScore] = []
        for start in range(0, len(ordered), self._top_k):
            wanted = ordered[start : start + self._top_k]
            page = base.get(ids=wanted, where=self._filter, include=["documents", "metadatas"])
            rows = zip(page["ids"], page["documents"], page["metadatas"], strict=True)
            found = {
                identifier: _node(identifier, text, metadata, scores[identifier]) for identifier, text, metadata in rows
            }
            nodes += [found[identifier] for identifier in wanted if identifier in found]
            if len(nodes) >= self._top_k:
                break
        return nodes[: self._top_k]


def _checked(query: str) -> str:
    asked = query.strip()
    if not asked or len(asked) > MAX_QUERY:
        raise BadQuery(
            f"The query has {len(asked)} characters.", remedy=f"Ask something of 1 to {MAX_QUERY} characters."
        )
    return asked


def _node(identifier: str, text: str, metadata: dict[str, Any], score: float) -> NodeWithScore:
    return NodeWithScore(node=TextNode(id_=identifier, text=text, metadata=metadata), score=score)


def to_hit(collection: str, found: NodeWithScore) -> Hit:
    """A retrieved node in our own words."""
    metadata = found.node.metadata
    text = found.node.get_content()
    return Hit(
        collection=collection,
        document=metadata[DOCUMENT],
        chunk=found.node.node_id,
        score=round(found.score or 0.0, 6),
        text=text,
        heading=metadata.get(HEADING, ""),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        metadata={key: value for key, value in metadata.items() if not key.startswith(RESERVED)},
    )
