"""Hybrid retrieval over a real Chroma."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from rag.filters import RESERVED
from rag.knowledge import Knowledge
from rag.minilm import INSTALL, model_folder
from rag.model import BadQuery, Record, SourceDocument, UnknownCollection
from rag.settings import KnowledgeSettings
from rag.words import quote

POLICY = """# Fraud policy

Every order is rated.

## Amounts

Orders over 5000 EUR are never low risk.

## Countries

Shipments to a country other than the card's are checked by a person.
"""


def rows(*texts: str, **fields: list[Any]) -> list[SourceDocument]:
    records = tuple(
        Record("", text, {key: values[at] for key, values in fields.items()}) for at, text in enumerate(texts)
    )
    return [SourceDocument("rows.jsonl", "", records=records)]


async def test_what_was_ingested_is_found_with_its_place(knowledge: Knowledge, namespace: str, tmp_path: Path) -> None:
    (tmp_path / "policy.md").write_text(POLICY)
    await knowledge.ingest(namespace, "fraud", [tmp_path])

    hits = await knowledge.search(namespace, "fraud", "order amount above 5000", top_k=2)

    assert (hits[0].collection, hits[0].document, hits[0].heading) == ("fraud", "policy.md", "Fraud policy > Amounts")
    assert hits[0].text == "Orders over 5000 EUR are never low risk."
    assert hits[0].sha256 == hashlib.sha256(hits[0].text.encode()).hexdigest()
    assert 0 < hits[1].score < hits[0].score <= 1
    assert quote(hits[0].text, "order amount above 5000") in POLICY
    assert not any(key.startswith(RESERVED) for key in hits[0].metadata)


async def test_a_title_or_heading_alone_is_enough_to_be_found(knowledge: Knowledge, namespace: str) -> None:
    text = "# Zanzibar\n\n## Warranty\n\nTwo years.\n\n## Delivery\n\nThree days."
    await knowledge.ingest_documents(namespace, "c", [SourceDocument("z.md", "Zanzibar", text=text, markdown=True)])
    (hit,) = await knowledge.search(namespace, "c", "zanzibar warranty", top_k=1)
    assert hit.text == "Two years."


@pytest.mark.skipif(model_folder() is None, reason=f"the local model is not installed: {INSTALL}")
async def test_hybrid_beats_each_ranking_alone(settings: KnowledgeSettings, namespace: str) -> None:
    """Meaning finds what has no word in common, words find a name in a passage about other things; together
    they find both.
    """
    texts = [
        "Refunds are paid within ten days.",
        (
            "Our shop opens at nine in the morning and closes at six; on Sundays the garden is open too, coffee is served"
            " until four, dogs are welcome, and for keys to the cellar ask Kowalski or her deputy."
        ),
        "Supervisors distribute access cards and unlock the doors of the building.",
        "Contact persons are listed on the notice board.",
        "Employees may report problems to the works council.",
    ]
    asked = {
        "how do I get my cash back": 0,
        "can staff complain to Kowalski?": 1,
        "when can I visit you": 1,
    }
    from rag.search import HybridRetriever, SearchParts

    knowledge = Knowledge(settings.model_copy(update={"embeddings": "minilm"}))
    await knowledge.ingest_documents(namespace, "c", rows(*texts))
    parts = SearchParts(knowledge._index, knowledge.embedder, knowledge._lexical)
    retriever = HybridRetriever(parts, namespace, "c", top_k=1, filter=None)
    found = {"hybrid": 0, "dense": 0, "lexical": 0}
    with knowledge._index.open(namespace, "c", None) as base:
        bodies = dict(zip(*[base.get(include=["documents"])[key] for key in ("ids", "documents")], strict=True))
        for query, wanted in asked.items():
            tops = {
                "hybrid": [node.node.node_id for node in retriever.retrieve(query)],
                "dense": retriever._dense(base, query, 1),
                "lexical": knowledge._lexical.get(base).search(query, 1),
            }
            for name, ids in tops.items():
                found[name] += texts[wanted] in [bodies[identifier] for identifier in ids]
    await knowledge.close()
    assert found["hybrid"] == len(asked)
    assert found["dense"] < len(asked)
    assert found["lexical"] < len(asked)


async def test_passages_without_a_common_word_are_not_lexical_hits(knowledge: Knowledge, namespace: str) -> None:
    await knowledge.ingest_documents(namespace, "c", rows("alpha beta", "gamma delta"))
    with knowledge._index.open(namespace, "c", None) as base:
        index = knowledge._lexical.get(base)
        assert len(index.search("gamma", 10)) == 1
        assert index.search("omega", 10) == []
        assert index.search("the of and", 10) == []


async def test_filters_narrow_both_rankings(knowledge: Knowledge, namespace: str) -> None:
    documents = rows("refund rule one", "refund rule two", "refund rule three", lang=["en", "de", "en"], year=[1, 2, 3])
    await knowledge.ingest_documents(namespace, "c", documents)

    async def texts(filter: dict[str, Any]) -> set[str]:
        return {hit.text[12:] for hit in await knowledge.search(namespace, "c", "refund", top_k=10, filter=filter)}

    assert await texts({"lang": "en"}) == {"one", "three"}
    assert await texts({"lang": "en", "year": {"$gt": 1}}) == {"three"}
    assert await texts({"$or": [{"lang": "de"}, {"year": 1}]}) == {"one", "two"}
    assert await texts({"document": "rows.jsonl"}) == {"one", "two", "three"}
    assert await texts({"document": "other.md"}) == set()


async def test_a_rare_match_is_found_behind_many_better_ranked_passages(knowledge: Knowledge, namespace: str) -> None:
    """A filter that few passages pass must not be applied after cutting the ranking short."""
    texts = [f"refund rule number {n}" for n in range(150)] + ["a note on refund cases and more"]
    await knowledge.ingest_documents(namespace, "c", rows(*texts, rare=[False] * 150 + [True]))
    (hit,) = await knowledge.search(namespace, "c", "refund rule number", filter={"rare": True})
    assert hit.text == texts[-1]


async def test_what_another_process_ingests_is_found_by_words_at_once(
    knowledge: Knowledge, namespace: str, connect: Any
) -> None:
    """The index in memory is made anew when the collection changed, whoever changed it."""
    await knowledge.ingest_documents(namespace, "c", rows("first text"))
    assert len(await knowledge.search(namespace, "c", "first", top_k=10)) == 1
    other = connect()
    await other.ingest_documents(namespace, "c", [SourceDocument("new.txt", "new", text="unheard zebra")])

    with knowledge._index.open(namespace, "c", None) as base:
        assert len(knowledge._lexical.get(base).search("zebra", 5)) == 1
    assert (await knowledge.search(namespace, "c", "zebra", top_k=1))[0].document == "new.txt"

    await other.delete_document(namespace, "c", "new.txt")
    assert [hit.document for hit in await knowledge.search(namespace, "c", "zebra", top_k=5)] == ["rows.jsonl"]


async def test_the_index_in_memory_is_kept_while_nothing_changes(knowledge: Knowledge, namespace: str) -> None:
    await knowledge.ingest_documents(namespace, "c", rows("first text"))
    with knowledge._index.open(namespace, "c", None) as base:
        index = knowledge._lexical.get(base)
    await knowledge.ingest_documents(namespace, "c", rows("first text"))
    with knowledge._index.open(namespace, "c", None) as base:
        assert knowledge._lexical.get(base) is index


async def test_answers_repeat_exactly(knowledge: Knowledge, namespace: str) -> None:
    await knowledge.ingest_documents(namespace, "c", rows(*(f"refund rule {n}" for n in range(30))))
    first = await knowledge.search(namespace, "c", "refund rule", top_k=10)
    assert await knowledge.search(namespace, "c", "refund rule", top_k=10) == first


async def test_an_unknown_collection_is_an_error_and_never_an_empty_answer(
    knowledge: Knowledge, namespace: str
) -> None:
    with pytest.raises(UnknownCollection, match="visto rag ingest PATH --collection nothing"):
        await knowledge.search(namespace, "nothing", "refund")


async def test_an_emptied_collection_answers_nothing(knowledge: Knowledge, namespace: str) -> None:
    await knowledge.ingest_documents(namespace, "c", rows("text"))
    assert await knowledge.delete_document(namespace, "c", "rows.jsonl") == 1
    assert await knowledge.search(namespace, "c", "text") == []


@pytest.mark.parametrize(("query", "top_k"), [("", 4), ("  \n", 4), ("x" * 8001, 4), ("x", 0), ("x", 51)])
async def test_a_query_that_cannot_be_answered_is_refused(
    knowledge: Knowledge, namespace: str, query: str, top_k: int
) -> None:
    await knowledge.ingest_documents(namespace, "c", rows("text"))
    with pytest.raises(BadQuery):
        await knowledge.search(namespace, "c", query, top_k=top_k)


@pytest.mark.parametrize("query", ["!!!", "the", "🦓", "\x00", "' OR 1=1 --", "東京"])
async def test_odd_queries_are_answered_like_any_other(knowledge: Knowledge, namespace: str, query: str) -> None:
    await knowledge.ingest_documents(namespace, "c", rows("text one", "text two"))
    assert len(await knowledge.search(namespace, "c", query, top_k=2)) == 2
