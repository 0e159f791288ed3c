"""Looking into a knowledge base: order, paging, context without repetition, and ranks that agree with the search."""

from __future__ import annotations

from typing import Any

from rag.browse import DocumentInfo
from rag.knowledge import Knowledge
from rag.model import SourceDocument

SENTENCES = [f"Sentence number {n} speaks of order {n} and of nothing else that matters here." for n in range(120)]


def _long() -> SourceDocument:
    return SourceDocument("long.txt", "Long", " ".join(SENTENCES))


async def test_passages_come_in_their_order_and_in_pages(knowledge: Knowledge, namespace: str) -> None:
    await knowledge.ingest_documents(namespace, "c", [_long(), SourceDocument("b.txt", "B", "Short.")])
    every = await knowledge.passages(namespace, "c", "long.txt")
    assert [one.position for one in every] == list(range(len(every)))
    assert len(every) > 4
    assert await knowledge.passages(namespace, "c", "long.txt", first=2, most=2) == every[2:4]
    assert await knowledge.passages(namespace, "c", "no-such") == []
    assert await knowledge.contents(namespace, "c") == (DocumentInfo("b.txt", 1), DocumentInfo("long.txt", len(every)))


async def test_what_stands_around_a_hit_repeats_nothing_of_it(knowledge: Knowledge, namespace: str) -> None:
    await knowledge.ingest_documents(namespace, "c", [_long()])
    found = (await knowledge.inspect(namespace, "c", "order 60", top_k=1))[0]
    every = await knowledge.passages(namespace, "c", "long.txt")
    assert every[found.position].text == found.hit.text
    whole = found.before + found.hit.text + found.after
    inside = [sentence for sentence in SENTENCES if sentence in whole]
    assert all(whole.count(sentence) == 1 for sentence in inside)
    assert found.before
    assert found.after


async def test_it_finds_what_the_search_finds_and_says_how(knowledge: Knowledge, namespace: str) -> None:
    texts = ["Refunds take five days.", "Orders above 5,000 EUR are held.", "Our office is in Lisbon."]
    await knowledge.ingest_documents(namespace, "c", [SourceDocument(f"{n}.txt", "", t) for n, t in enumerate(texts)])
    found = await knowledge.inspect(namespace, "c", "which orders are held", top_k=3)
    assert [one.hit for one in found] == await knowledge.search(namespace, "c", "which orders are held", top_k=3)
    assert (found[0].nearest, found[0].by_words) == (1, 1)
    assert sorted(one.nearest or 0 for one in found) == [1, 2, 3]
    lisbon = next(one for one in found if "Lisbon" in one.hit.text)
    assert lisbon.by_words is None


async def test_every_hit_of_several_documents_has_its_own_surroundings(knowledge: Knowledge, namespace: str) -> None:
    """They are read together; what stands around one is never given to another, and ends of documents have less."""
    documents = [
        SourceDocument(f"{name}.txt", name, " ".join(f"In {name} {one}" for one in SENTENCES[:60]))
        for name in ("a", "b")
    ]
    await knowledge.ingest_documents(namespace, "c", documents)
    found = await knowledge.inspect(namespace, "c", "order nothing matters", top_k=50)
    every = {name: await knowledge.passages(namespace, "c", f"{name}.txt") for name in ("a", "b")}
    assert len(found) == sum(map(len, every.values()))
    for one in found:
        own = every[one.hit.document.removesuffix(".txt")]
        assert own[one.position].chunk == one.hit.chunk
        before = own[one.position - 1].text if one.position else ""
        after = own[one.position + 1].text if one.position + 1 < len(own) else ""
        assert before.startswith(one.before)
        assert after.endswith(one.after)
        assert (bool(one.before), bool(one.after)) == (one.position > 0, one.position + 1 < len(own))


async def test_the_list_of_documents_follows_what_another_process_changes(
    knowledge: Knowledge, namespace: str, connect: Any
) -> None:
    await knowledge.ingest_documents(namespace, "c", [SourceDocument("a.txt", "A", "One.")])
    listed = await knowledge.contents(namespace, "c")
    assert await knowledge.contents(namespace, "c") is listed
    other = connect()
    await other.ingest_documents(namespace, "c", [SourceDocument("b.txt", "B", "Two.")])
    assert await knowledge.contents(namespace, "c") == (DocumentInfo("a.txt", 1), DocumentInfo("b.txt", 1))
    await other.delete_document(namespace, "c", "a.txt")
    assert await knowledge.contents(namespace, "c") == (DocumentInfo("b.txt", 1),)
