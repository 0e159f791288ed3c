"""Looking into a knowledge base: order, paging, context without repetition, and ranks that agree with the search."""

from __future__ import annotations

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
    assert await knowledge.contents(namespace, "c") == [DocumentInfo("b.txt", 1), DocumentInfo("long.txt", len(every))]


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
