"""Knowledge bases as the rest of Visto uses them: search, ingest, list, describe, delete; nothing blocks the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from rag.browse import DocumentInfo, Found, Passage, around, contents, passages
from rag.chroma import Chroma
from rag.embed import Embedder, choose
from rag.filters import DOCUMENT, HEADING
from rag.index import Index
from rag.ingest import Ingestion, IngestionCancelled, Progress, remove_document
from rag.kept import Kept
from rag.lexical import index_of
from rag.model import CollectionInfo, Hit, IngestReport, Json, SourceDocument
from rag.readers import find_files, read
from rag.settings import KnowledgeSettings

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = 4


class Knowledge:
    """Hybrid search and ingestion for every namespace, over one vector store. Safe to share between tasks.

    Each method takes the namespace first and can reach no other. All raise ``KnowledgeError``: ``KnowledgeUnavailable``
    where trying again may help (``permanent=False``), the others where somebody has to change something.
    """

    def __init__(self, settings: KnowledgeSettings | None = None, embedder: Embedder | None = None) -> None:
        self._settings = settings or KnowledgeSettings()
        self._embedder = embedder
        self._chroma = Chroma(self._settings)
        self._index = Index(self._chroma)
        self._lexical, self._listed = Kept(index_of), Kept(contents)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="knowledge")
        self._guard = threading.Lock()
        self._writing: dict[tuple[str, str], threading.Lock] = {}

    @property
    def embedder(self) -> Embedder:
        """The embeddings in use; chosen with the first need."""
        with self._guard:
            if self._embedder is None:
                self._embedder = choose(self._settings)
            return self._embedder

    async def search(
        self, namespace: str, collection: str, query: str, *, top_k: int = 4, filter: Mapping[str, Json] | None = None
    ) -> list[Hit]:
        """The ``top_k`` (1 to 50) passages that answer ``query`` best, best first; ``filter`` as in ``rag.filters``."""
        return await self._run(self._search, namespace, collection, query, top_k, filter)

    async def ingest(
        self,
        namespace: str,
        collection: str,
        paths: Sequence[Path],
        *,
        root: Path | None = None,
        prune: bool = False,
        rebuild: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> IngestReport:
        """Read files and folders into a collection, which is made if need be.

        Every file is read before anything is written, so an unreadable one changes nothing. ``root`` is the only folder
        that may be read from. ``prune`` removes documents that are not among the read ones, ``rebuild`` all that was
        there (needed after a change of embeddings). ``progress`` is called on this loop. Cancelling stops after the
        batch under way; the next ingestion completes what was begun.
        """
        files, skipped = await self._run(partial(find_files, root=root), paths)
        documents = await self._run(lambda: [read(file) for file in files])
        report = await self.ingest_documents(
            namespace, collection, documents, prune=prune, rebuild=rebuild, progress=progress
        )
        report.skipped = tuple(skipped)
        return report

    async def ingest_documents(
        self,
        namespace: str,
        collection: str,
        documents: Sequence[SourceDocument],
        *,
        prune: bool = False,
        rebuild: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> IngestReport:
        """As ``ingest``, for documents that are not files."""
        loop = asyncio.get_running_loop()
        stop = threading.Event()

        def tell(step: Progress) -> None:
            if progress is not None:
                with suppress(RuntimeError):  # the loop may be gone when the last thread ends
                    loop.call_soon_threadsafe(progress, step)

        try:
            return await self._run(self._ingest, namespace, collection, documents, prune, rebuild, tell, stop)
        finally:
            stop.set()

    async def collections(self, namespace: str) -> list[CollectionInfo]:
        """The namespace's collections by name, with their number of passages."""
        return await self._run(self._index.list, namespace)

    async def describe(self, namespace: str, collection: str) -> CollectionInfo:
        """One collection with its number of documents (which costs a read of all metadata)."""
        return await self._run(self._describe, namespace, collection)

    async def documents(self, namespace: str, collection: str) -> list[str]:
        """Names of a collection's documents, sorted."""
        return await self._run(self._documents, namespace, collection)

    async def passage(self, namespace: str, collection: str, chunk: str) -> Found | None:
        """One passage by its id with what stands around it; ``None`` when it is not there. Needs no embeddings."""
        return await self._run(self._passage, namespace, collection, chunk)

    async def contents(self, namespace: str, collection: str) -> tuple[DocumentInfo, ...]:
        """A collection's documents by name, with their number of passages (a read of all metadata after each change)."""
        return await self._run(self._contents, namespace, collection)

    async def passages(
        self, namespace: str, collection: str, document: str, *, first: int = 0, most: int = 50
    ) -> list[Passage]:
        """Passages of a document in their order, from number ``first`` on; none when there is no such document."""
        return await self._run(partial(self._passages, first=first, most=most), namespace, collection, document)

    async def inspect(self, namespace: str, collection: str, query: str, *, top_k: int = 10) -> list[Found]:
        """As ``search``, with how each passage was found and what stands around it."""
        return await self._run(self._inspect, namespace, collection, query, top_k)

    async def delete_document(self, namespace: str, collection: str, document: str) -> int:
        """Remove a document; returns how many passages it had, 0 if it was not there."""
        return await self._run(self._delete_document, namespace, collection, document)

    async def delete_collection(self, namespace: str, collection: str) -> bool:
        """Remove a collection with all its documents; ``False`` if there was none."""
        return await self._run(self._index.drop, namespace, collection)

    async def warm(self) -> None:
        """Connect, which loads Chroma's client: a second that the first look would take. Raises as every look does."""
        await self._run(self._warm)

    async def close(self) -> None:
        """Let running calls end, then let go of the store. The object is not usable afterwards."""
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)
        self._chroma.close()

    async def _run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(call, *args, **kwargs))

    def _search(
        self, namespace: str, collection: str, query: str, top_k: int, filter: Mapping[str, Json] | None
    ) -> list[Hit]:
        from rag.search import HybridRetriever, SearchParts, to_hit

        parts = SearchParts(self._index, self.embedder, self._lexical)
        retriever = HybridRetriever(parts, namespace, collection, top_k=top_k, filter=filter)
        return [to_hit(collection, node) for node in retriever.retrieve(query)]

    def _inspect(self, namespace: str, collection: str, query: str, top_k: int) -> list[Found]:
        from rag.search import HybridRetriever, SearchParts

        parts = SearchParts(self._index, self.embedder, self._lexical)
        return HybridRetriever(parts, namespace, collection, top_k=top_k, filter=None).inspect(query)

    def _warm(self) -> None:
        with self._chroma.session():
            pass

    def _contents(self, namespace: str, collection: str) -> tuple[DocumentInfo, ...]:
        with self._index.open(namespace, collection, None) as base:
            return self._listed.get(base)

    def _passages(self, namespace: str, collection: str, document: str, *, first: int, most: int) -> list[Passage]:
        with self._index.open(namespace, collection, None) as base:
            return passages(base, document, first=first, most=most)

    def _ingest(
        self,
        namespace: str,
        collection: str,
        documents: Iterable[SourceDocument],
        prune: bool,
        rebuild: bool,
        progress: Callable[[Progress], None],
        stop: threading.Event,
    ) -> IngestReport:
        embedder, found = self.embedder, list(documents)
        with self._exclusive(namespace, collection):
            if stop.is_set():
                raise IngestionCancelled
            if rebuild:
                self._index.drop(namespace, collection)
            with self._index.open_or_create(namespace, collection, embedder.identity) as base:
                run = Ingestion(self._index, embedder, base, len(found), progress, stop)
                report = run.run(found, prune=prune)
        report.note = embedder.note
        return report

    def _describe(self, namespace: str, collection: str) -> CollectionInfo:
        with self._index.open(namespace, collection, None) as base:
            return base.info(len(base.documents()))

    def _documents(self, namespace: str, collection: str) -> list[str]:
        with self._index.open(namespace, collection, None) as base:
            return sorted(base.documents())

    def _passage(self, namespace: str, collection: str, chunk: str) -> Found | None:
        with self._index.open(namespace, collection, None) as base:
            page = base.get(ids=[chunk], include=["documents", "metadatas"])
            if not page["ids"]:
                return None
            text, metadata = page["documents"][0], page["metadatas"][0]
            heading, document = str(metadata.get(HEADING, "")), str(metadata[DOCUMENT])
            hit = Hit(collection=collection, document=document, chunk=chunk, score=1.0, text=text, heading=heading)
            return Found(hit, None, None, *around(base, [hit])[0])

    def _delete_document(self, namespace: str, collection: str, document: str) -> int:
        with self._exclusive(namespace, collection), self._index.open(namespace, collection, None) as base:
            removed = remove_document(base, document)
            if removed:
                base.mark("")
            return removed

    def _exclusive(self, namespace: str, collection: str) -> threading.Lock:
        """One writer per collection in this process; several processes are safe but may do the same work twice."""
        with self._guard:
            return self._writing.setdefault((namespace, collection), threading.Lock())
