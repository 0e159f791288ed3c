"""Ingestion by content hash over a real Chroma."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from rag.embed import HashingEmbedder
from rag.ingest import IngestionCancelled, Progress
from rag.knowledge import Knowledge
from rag.model import (
    EmbeddingIdentity,
    EmbeddingMismatch,
    KnowledgeUnavailable,
    Record,
    SourceDocument,
    UnreadableDocument,
)
from rag.settings import KnowledgeSettings


class Counting(HashingEmbedder):
    """Counts the texts it embeds; may fail at one of its calls, or wait there."""

    def __init__(self, fail_at: int = 0) -> None:
        super().__init__()
        self.texts, self.calls, self.fail_at = 0, 0, fail_at
        self.reached, self.go_on = threading.Event(), threading.Event()

    def embed(self, texts: Any) -> Any:
        self.calls += 1
        if self.calls == self.fail_at:
            raise KnowledgeUnavailable("The embeddings provider answered 500.")
        self.texts += len(texts)
        return super().embed(texts)


class Waiting(Counting):
    def embed(self, texts: Any) -> Any:
        self.reached.set()
        assert self.go_on.wait(20)
        return super().embed(texts)


def text(source: str, content: str) -> SourceDocument:
    return SourceDocument(source, source, text=content)


def table(count: int, *, start: int = 0, source: str = "t.csv") -> SourceDocument:
    return SourceDocument(source, "t", records=tuple(Record("", f"row {n}", {"n": n}) for n in range(start, count)))


async def test_unchanged_is_skipped_changed_replaced_new_added(
    settings: KnowledgeSettings, namespace: str, tmp_path: Path
) -> None:
    embedder = Counting()
    knowledge = Knowledge(settings, embedder)
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text(f"text of {name}")
    first = await knowledge.ingest(namespace, "c", [tmp_path])
    assert (first.documents, first.added, first.embedded) == (3, 3, 3)

    second = await knowledge.ingest(namespace, "c", [tmp_path])
    assert (second.unchanged, second.added, second.updated, second.embedded) == (3, 0, 0, 0)
    assert embedder.texts == 3

    (tmp_path / "a.txt").write_text("quite another thing")
    (tmp_path / "d.txt").write_text("text of d")
    third = await knowledge.ingest(namespace, "c", [tmp_path])
    assert (third.added, third.updated, third.unchanged, third.embedded) == (1, 1, 2, 2)
    texts = {hit.text for hit in await knowledge.search(namespace, "c", "text", top_k=10)}
    assert texts == {"quite another thing", "text of b", "text of c", "text of d"}
    await knowledge.close()


async def test_only_the_changed_row_of_a_table_is_embedded_and_the_others_get_their_new_fields(
    settings: KnowledgeSettings, namespace: str
) -> None:
    embedder = Counting()
    knowledge = Knowledge(settings, embedder)
    before = (Record("", "row a", {"lang": "en", "old": 1}), Record("", "row b", {"lang": "en"}))
    after = (Record("", "row new", {}), Record("", "row a", {"lang": "de"}), Record("", "row b", {"lang": "en"}))
    await knowledge.ingest_documents(namespace, "c", [SourceDocument("t.csv", "t", records=before)])
    report = await knowledge.ingest_documents(namespace, "c", [SourceDocument("t.csv", "t", records=after)])

    assert (report.updated, report.embedded, report.chunks) == (1, 1, 3)
    found = {hit.text: hit.metadata for hit in await knowledge.search(namespace, "c", "row", top_k=10)}
    assert found == {"row new": {}, "row a": {"lang": "de"}, "row b": {"lang": "en"}}
    await knowledge.close()


async def test_vanished_documents_stay_unless_pruned(knowledge: Knowledge, namespace: str) -> None:
    await knowledge.ingest_documents(namespace, "c", [text("a", "one"), text("b", "two")])
    kept = await knowledge.ingest_documents(namespace, "c", [text("a", "one")])
    assert kept.removed == 0
    assert await knowledge.documents(namespace, "c") == ["a", "b"]
    pruned = await knowledge.ingest_documents(namespace, "c", [text("a", "one")], prune=True)
    assert (pruned.removed, pruned.unchanged) == (1, 1)
    assert await knowledge.documents(namespace, "c") == ["a"]


async def test_a_document_that_became_empty_has_no_passages_left(knowledge: Knowledge, namespace: str) -> None:
    await knowledge.ingest_documents(namespace, "c", [text("a", "one")])
    report = await knowledge.ingest_documents(namespace, "c", [text("a", "  ")])
    assert (report.updated, report.chunks) == (1, 0)
    assert (await knowledge.describe(namespace, "c")).chunks == 0


async def test_an_unreadable_file_changes_nothing(knowledge: Knowledge, namespace: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("fine")
    (tmp_path / "b.txt").write_bytes(b"\xff")
    with pytest.raises(UnreadableDocument, match=r"b\.txt, line 1"):
        await knowledge.ingest(namespace, "c", [tmp_path])
    assert await knowledge.collections(namespace) == []


async def test_an_ingestion_that_died_is_completed_by_the_next(settings: KnowledgeSettings, namespace: str) -> None:
    """Two batches are written, the third fails: the document is then incomplete, not unchanged."""
    dying, healthy = Knowledge(settings, Counting(fail_at=3)), Knowledge(settings, Counting())
    with pytest.raises(KnowledgeUnavailable):
        await dying.ingest_documents(namespace, "c", [table(200)])
    assert (await healthy.describe(namespace, "c")).chunks == 128
    assert len(await healthy.search(namespace, "c", "row 5", top_k=5)) == 5  # caches what there is

    report = await healthy.ingest_documents(namespace, "c", [table(200)])

    assert (report.updated, report.embedded, report.chunks) == (1, 72, 200)
    assert (await healthy.search(namespace, "c", "row 199", top_k=1))[0].text == "row 199"
    again = await healthy.ingest_documents(namespace, "c", [table(200)])
    assert (again.unchanged, again.embedded) == (1, 0)
    for knowledge in (dying, healthy):
        await knowledge.close()


async def test_readers_of_a_changed_document_never_find_it_missing(settings: KnowledgeSettings, namespace: str) -> None:
    embedder = Waiting()
    embedder.go_on.set()
    writer, reader = Knowledge(settings, embedder), Knowledge(settings, HashingEmbedder())
    await writer.ingest_documents(namespace, "c", [text("a", "old wording")])
    embedder.go_on.clear()
    embedder.reached.clear()
    writing = asyncio.create_task(writer.ingest_documents(namespace, "c", [text("a", "new wording")]))
    await asyncio.to_thread(embedder.reached.wait, 20)
    assert [hit.text for hit in await reader.search(namespace, "c", "wording")] == ["old wording"]
    embedder.go_on.set()
    await writing
    assert [hit.text for hit in await reader.search(namespace, "c", "wording")] == ["new wording"]
    for knowledge in (writer, reader):
        await knowledge.close()


async def test_the_event_loop_answers_while_ingestion_blocks(settings: KnowledgeSettings, namespace: str) -> None:
    embedder = Waiting()
    knowledge = Knowledge(settings, embedder)
    writing = asyncio.create_task(knowledge.ingest_documents(namespace, "c", [text("a", "one")]))
    await asyncio.to_thread(embedder.reached.wait, 20)
    assert await knowledge.collections(namespace) != []  # another call is served meanwhile
    assert not writing.done()
    embedder.go_on.set()
    assert (await writing).added == 1
    await knowledge.close()


async def test_cancelling_stops_before_the_next_write(settings: KnowledgeSettings, namespace: str) -> None:
    embedder = Waiting()
    knowledge = Knowledge(settings, embedder)
    writing = asyncio.create_task(knowledge.ingest_documents(namespace, "c", [table(500)]))
    await asyncio.to_thread(embedder.reached.wait, 20)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    embedder.go_on.set()
    await knowledge.close()  # waits for the thread
    other = Knowledge(settings, HashingEmbedder())
    assert (await other.describe(namespace, "c")).chunks == 0
    await other.close()


async def test_progress_rises_to_one_and_is_told_on_the_loop(knowledge: Knowledge, namespace: str) -> None:
    seen: list[tuple[Progress, bool]] = []
    loop_thread = threading.current_thread()

    def note(step: Progress) -> None:
        seen.append((step, threading.current_thread() is loop_thread))

    await knowledge.ingest_documents(namespace, "c", [table(150), text("b", "two")], progress=note)
    await asyncio.sleep(0)
    fractions = [step.fraction for step, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(fractions) > 3
    assert seen[-1][0].embedded == 151
    assert all(on_loop for _, on_loop in seen)


async def test_many_writers_at_once_lose_nothing(connect: Any, namespace: str) -> None:
    """Several processes ingest different documents into one collection that none of them finds made."""
    writers = [connect() for _ in range(3)]
    documents = [[table(20, source=f"{n}-{m}.csv") for m in range(2)] for n in range(3)]
    await asyncio.gather(
        *(w.ingest_documents(namespace, "c", docs) for w, docs in zip(writers, documents, strict=True))
    )
    info = await writers[0].describe(namespace, "c")
    assert (info.documents, info.chunks) == (6, 120)
    hits = await writers[0].search(namespace, "c", "row 19", top_k=6)
    assert {hit.text for hit in hits} == {"row 19"}


async def test_the_same_document_from_many_writers_is_there_once(connect: Any, namespace: str) -> None:
    writers = [connect() for _ in range(4)]
    await asyncio.gather(*(w.ingest_documents(namespace, "c", [table(100)]) for w in writers))
    assert (await writers[0].describe(namespace, "c")).chunks == 100


class Other(HashingEmbedder):
    identity = EmbeddingIdentity(name="other", version="7", dimension=1024, sha256="f" * 64)


async def test_a_collection_refuses_other_embeddings_until_it_is_rebuilt(
    settings: KnowledgeSettings, knowledge: Knowledge, namespace: str
) -> None:
    await knowledge.ingest_documents(namespace, "c", [text("a", "one")])
    other = Knowledge(settings, Other())
    for attempt in (other.search(namespace, "c", "one"), other.ingest_documents(namespace, "c", [text("b", "two")])):
        with pytest.raises(EmbeddingMismatch, match=r"built with hashed-ngrams 1 .* but other 7 .* --rebuild") as error:
            await attempt
        assert error.value.permanent
    assert (await other.describe(namespace, "c")).embedding.name == "hashed-ngrams"

    await other.ingest_documents(namespace, "c", [text("b", "two")], rebuild=True)
    assert [hit.document for hit in await other.search(namespace, "c", "one")] == ["b"]
    with pytest.raises(EmbeddingMismatch):
        await knowledge.search(namespace, "c", "one")
    await other.close()


async def test_the_report_tells_about_lesser_embeddings(settings: KnowledgeSettings, namespace: str) -> None:
    knowledge = Knowledge(settings, HashingEmbedder(note="use better ones"))
    assert (await knowledge.ingest_documents(namespace, "c", [])).note == "use better ones"
    await knowledge.close()


def test_cancellation_is_not_a_knowledge_error() -> None:
    """Nobody who handles failed retrieval may take a cancelled ingestion for one."""
    from rag.model import KnowledgeError

    assert not issubclass(IngestionCancelled, KnowledgeError)
