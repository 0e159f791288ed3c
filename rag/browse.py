"""Looking into a knowledge base: its documents, their passages in order, and why a search found what it found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag.filters import DOCUMENT, HEADING, RESERVED
from rag.index import KnowledgeBase
from rag.model import Hit, Scalar

POSITION = f"{RESERVED}position"
MAX_OVERLAP = 400
"""Longest overlap of two passages that is looked for, in characters."""


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """A document and how many passages it has."""

    name: str
    passages: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage of a document. ``position`` counts from 0; ``text`` is verbatim."""

    chunk: str
    position: int
    heading: str
    text: str
    metadata: dict[str, Scalar]


@dataclass(frozen=True, slots=True)
class Found:
    """A hit with its rank (from 1) among the nearest and among the best by words, None where it is not among them.

    ``position`` is its place in its document; ``before`` and ``after`` are the passages around it, without what they
    share with it.
    """

    hit: Hit
    nearest: int | None
    by_words: int | None
    position: int
    before: str
    after: str


def contents(base: KnowledgeBase) -> tuple[DocumentInfo, ...]:
    """Every document by name. Costs a read of all metadata."""
    counted = Counter(str(row[DOCUMENT]) for page in base.pages(["metadatas"]) for row in page["metadatas"])
    return tuple(DocumentInfo(name, count) for name, count in sorted(counted.items()))


def passages(base: KnowledgeBase, document: str, *, first: int = 0, most: int = 50) -> list[Passage]:
    """Passages of a document in their order, from ``first`` on, at most ``most``."""
    return sorted(_between(base, document, first, first + most - 1), key=lambda passage: passage.position)


def around(base: KnowledgeBase, hits: Sequence[Hit]) -> list[tuple[int, str, str]]:
    """The place of each hit in its document, and what stands before and after it there."""
    if not hits:
        return []
    page = base.get(ids=[hit.chunk for hit in hits], include=["metadatas"])
    places = {chunk: int(row.get(POSITION, 0)) for chunk, row in zip(page["ids"], page["metadatas"], strict=True)}
    near = _near(base, [(hit.document, places[hit.chunk]) for hit in hits if hit.chunk in places])
    return [_beside(hit, places[hit.chunk], near) if hit.chunk in places else (0, "", "") for hit in hits]


def _near(base: KnowledgeBase, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """The texts next to these places of documents."""
    wanted = [
        {"$and": [{DOCUMENT: {"$eq": document}}, {POSITION: {"$in": [at - 1, at + 1]}}]} for document, at in places
    ]
    if not wanted:
        return {}
    where = wanted[0] if len(wanted) == 1 else {"$or": wanted}
    page = base.get(where=where, include=["documents", "metadatas"])
    rows = zip(page["documents"], page["metadatas"], strict=True)
    return {(str(row[DOCUMENT]), int(row[POSITION])): text for text, row in rows}


def _beside(hit: Hit, at: int, near: Mapping[tuple[str, int], str]) -> tuple[int, str, str]:
    before, after = near.get((hit.document, at - 1), ""), near.get((hit.document, at + 1), "")
    return at, before[: len(before) - _shared(before, hit.text)], after[_shared(hit.text, after) :]


def ranks(rankings: Mapping[str, list[str]], chunk: str) -> dict[str, int | None]:
    """The place of a passage in each ranking, from 1."""
    return {name: ranking.index(chunk) + 1 if chunk in ranking else None for name, ranking in rankings.items()}


def _between(base: KnowledgeBase, document: str, first: int, last: int) -> Iterator[Passage]:
    where: dict[str, Any] = {
        "$and": [{DOCUMENT: {"$eq": document}}, {POSITION: {"$gte": first}}, {POSITION: {"$lte": last}}]
    }
    page = base.get(where=where, include=["documents", "metadatas"])
    for chunk, text, metadata in zip(page["ids"], page["documents"], page["metadatas"], strict=True):
        own = {key: value for key, value in metadata.items() if not key.startswith(RESERVED)}
        yield Passage(chunk, int(metadata[POSITION]), str(metadata.get(HEADING, "")), text, own)


def _shared(left: str, right: str) -> int:
    """How many characters the end of ``left`` and the beginning of ``right`` have in common."""
    longest = min(len(left), len(right), MAX_OVERLAP)
    return next((size for size in range(longest, 0, -1) if left.endswith(right[:size])), 0)
