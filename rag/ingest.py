"""Documents into a collection: what is new is embedded and added, what is equal is left alone, what vanished goes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

from rag.chunk import document_hash, split
from rag.embed import Embedder
from rag.filters import DOCUMENT, HEADING, NAMESPACE, RESERVED
from rag.index import Index, KnowledgeBase
from rag.model import Chunk, IngestReport, SourceDocument

_SHA, _CHUNKS, _POSITION = (f"{RESERVED}{key}" for key in ("sha256", "chunks", "position"))
_LOOKUP = 32
"""Documents per look-up of what the collection already has."""

_BATCH = 64
"""Chunks per embedding and write."""

_DELETE = 500


class IngestionCancelled(Exception):
    """The caller went away. What was written stays and is completed by the next ingestion."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingestion is: ``fraction`` 0..1 of the documents, passages embedded so far, and the current name."""

    fraction: float
    embedded: int
    document: str


@dataclass(slots=True)
class Ingestion:
    """One run of ingestion into one collection. Blocks: call it in a thread.

    New passages of a changed document are written before its old ones go, so a reader never finds it missing. A run
    that dies leaves documents that the next run recognises as incomplete.
    """

    index: Index
    embedder: Embedder
    base: KnowledgeBase
    total: int
    progress: Callable[[Progress], None]
    stop: threading.Event
    report: IngestReport = field(default_factory=IngestReport)
    _token: str = ""
    _done: int = 0

    def run(self, documents: Iterable[SourceDocument], *, prune: bool) -> IngestReport:
        """Ingest documents; with ``prune`` those of the collection that are not among them are removed."""
        started = time.monotonic()
        kept: set[str] = set()
        for group in _groups(documents, _LOOKUP):
            kept |= {document.source for document in group}
            self._group(group)
        if prune:
            for source in sorted(self.base.documents() - kept):
                self._remove(source)
        self._close()
        self.report.seconds = round(time.monotonic() - started, 3)
        return self.report

    def _group(self, documents: Sequence[SourceDocument]) -> None:
        existing = self._existing([document.source for document in documents])
        for document in documents:
            self._document(document, existing.get(document.source, {}))
            self._done += 1
            self._tell(document.source, 0)

    def _existing(self, sources: list[str]) -> dict[str, dict[str, dict[str, Any]]]:
        """What the collection has: ``{source: {chunk id: metadata}}``."""
        page = self.base.get(where={DOCUMENT: {"$in": sources}}, include=["metadatas"])
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for identifier, metadata in zip(page["ids"], page["metadatas"], strict=True):
            found.setdefault(metadata[DOCUMENT], {})[identifier] = metadata
        return found

    def _document(self, document: SourceDocument, existing: dict[str, dict[str, Any]]) -> None:
        digest = document_hash(document)
        if _is_complete(digest, existing):
            self._count("unchanged", len(existing))
            return
        chunks = split(self.base.namespace, self.base.collection, document)
        metadata = {chunk.id: self._metadata(chunk, digest, len(chunks), at) for at, chunk in enumerate(chunks)}
        if chunks or existing:
            self._open()
        new = [chunk for chunk in chunks if chunk.id not in existing]
        for start in range(0, len(new), _BATCH):
            self._add(new[start : start + _BATCH], metadata)
            self._tell(document.source, (start + _BATCH) / len(new))
        self._refresh({key: value for key, value in metadata.items() if key in existing}, existing)
        self._delete([identifier for identifier in existing if identifier not in metadata])
        self._count("updated" if existing else "added" if chunks else "unchanged", len(chunks))

    def _metadata(self, chunk: Chunk, digest: str, count: int, position: int) -> dict[str, Any]:
        return {
            **chunk.metadata,
            NAMESPACE: self.base.namespace,
            DOCUMENT: chunk.document,
            HEADING: chunk.heading,
            _SHA: digest,
            _CHUNKS: count,
            _POSITION: position,
        }

    def _add(self, chunks: Sequence[Chunk], metadata: dict[str, dict[str, Any]]) -> None:
        self._check()
        vectors = self.embedder.embed([chunk.indexed_text for chunk in chunks])
        self._check()
        self.base.store.upsert(
            ids=[chunk.id for chunk in chunks],
            embeddings=vectors,
            documents=[chunk.body for chunk in chunks],
            metadatas=[metadata[chunk.id] for chunk in chunks],
        )
        self.report.embedded += len(chunks)

    def _refresh(self, metadata: dict[str, dict[str, Any]], existing: dict[str, dict[str, Any]]) -> None:
        """Passages that stay keep their vectors and get the new metadata; fields that went are unset."""
        ids = list(metadata)
        for start in range(0, len(ids), _DELETE):
            part = ids[start : start + _DELETE]
            rows = [{**dict.fromkeys(existing[key]), **metadata[key]} for key in part]
            self.base.store.update(ids=part, metadatas=rows)

    def _remove(self, source: str) -> None:
        self._check()
        self._open()
        remove_document(self.base, source)
        self.report.removed += 1

    def _delete(self, ids: list[str]) -> None:
        for start in range(0, len(ids), _DELETE):
            self.base.store.delete(ids=ids[start : start + _DELETE])

    def _count(self, outcome: Literal["added", "updated", "unchanged"], chunks: int) -> None:
        self.report.documents += 1
        self.report.chunks += chunks
        setattr(self.report, outcome, getattr(self.report, outcome) + 1)

    def _tell(self, source: str, part: float) -> None:
        done = self._done + min(part, 1.0)
        self.progress(Progress(done / max(self.total, 1), self.report.embedded, source))

    def _check(self) -> None:
        if self.stop.is_set():
            raise IngestionCancelled

    def _open(self) -> None:
        if not self._token:
            self._token = uuid4().hex
            self.base.mark(self._token)

    def _close(self) -> None:
        """Tell all readers that there is something new; an ingestion that another process opened stays open."""
        if self._token or self.base.is_open:
            self.index.reread(self.base).close(self._token)


def remove_document(base: KnowledgeBase, source: str) -> int:
    """Delete a document's passages; returns how many there were."""
    ids: list[str] = base.get(where={DOCUMENT: {"$eq": source}}, include=[])["ids"]
    for start in range(0, len(ids), _DELETE):
        base.store.delete(ids=ids[start : start + _DELETE])
    return len(ids)


def _is_complete(digest: str, existing: dict[str, dict[str, Any]]) -> bool:
    """Whether every passage has this hash and none is missing: an ingestion may have died halfway."""
    rows = existing.values()
    return bool(existing) and all(row[_SHA] == digest and row[_CHUNKS] == len(existing) for row in rows)


def _groups(documents: Iterable[SourceDocument], size: int) -> Iterator[list[SourceDocument]]:
    group: list[SourceDocument] = []
    for document in documents:
        group.append(document)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
