"""A namespace can neither read nor overwrite, list nor delete what belongs to another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.chunk import split
from rag.filters import NAMESPACE
from rag.index import store_name
from rag.knowledge import Knowledge
from rag.model import BadQuery, Record, SourceDocument, UnknownCollection

MINE = "text of mine"


def document(owner: str) -> SourceDocument:
    records = tuple(
        Record("", f"text of {owner}, part {part}", {"lang": lang, "year": year, "ok": part == 0})
        for part, (lang, year) in enumerate([("en", 2020), ("de", 2023), ("fr", 2026)])
    )
    return SourceDocument("a.md", "a", records=records)


@pytest.fixture
async def shared(knowledge: Knowledge, namespace: str) -> Knowledge:
    await knowledge.ingest_documents(f"{namespace}.mine", "c", [document("mine")])
    await knowledge.ingest_documents(f"{namespace}.other", "c", [document("other")])
    return knowledge


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_no_filter_reaches_another_namespace(
    shared: Knowledge, namespace: str, filters: Any, data: st.DataObject
) -> None:
    asked = data.draw(filters)
    try:
        hits = await shared.search(f"{namespace}.mine", "c", "text of other", top_k=50, filter=asked)
    except BadQuery:
        return
    assert all(hit.text.startswith(MINE) for hit in hits)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_no_filter_reaches_a_foreign_row_even_inside_the_own_collection(
    shared: Knowledge, namespace: str, filters: Any, data: st.DataObject
) -> None:
    """The second wall: a row that another tenant had somehow put into our collection stays unread."""
    with shared._index.open(f"{namespace}.mine", "c", None) as base:
        vector = shared.embedder.embed(["text of mine"])
        foreign = {NAMESPACE: "other", "visto_document": "x", "visto_heading": "", "lang": "en", "year": 2020}
        base.store.upsert(ids=["foreign"], embeddings=vector, documents=["text of a stranger"], metadatas=[foreign])
    try:
        hits = await shared.search(f"{namespace}.mine", "c", "text of a stranger", top_k=50, filter=data.draw(filters))
    except BadQuery:
        return
    assert all(hit.text.startswith(MINE) for hit in hits)
    assert await shared.documents(f"{namespace}.mine", "c") == ["a.md"]


async def test_the_same_document_in_two_namespaces_is_two(shared: Knowledge, namespace: str) -> None:
    mine, other = f"{namespace}.mine", f"{namespace}.other"
    report = await shared.ingest_documents(other, "c", [document("other, changed")], prune=True)
    assert report.updated == 1
    hits = await shared.search(mine, "c", "text", top_k=10)
    assert len(hits) == 3
    assert all(hit.text.startswith(MINE) for hit in hits)

    assert await shared.delete_document(other, "c", "a.md") == 3
    assert len(await shared.search(mine, "c", "text", top_k=10)) == 3
    assert await shared.delete_collection(other, "c")
    assert len(await shared.search(mine, "c", "text", top_k=10)) == 3


async def test_collections_are_listed_for_one_namespace_only(shared: Knowledge, namespace: str) -> None:
    await shared.ingest_documents(f"{namespace}.mine", "b", [document("mine")])
    infos = await shared.collections(f"{namespace}.mine")
    assert [(info.collection, info.chunks) for info in infos] == [("b", 3), ("c", 3)]
    assert await shared.collections(namespace) == []


@pytest.mark.parametrize("call", ["search", "describe", "documents", "delete_document"])
async def test_what_another_namespace_has_is_unknown_here(shared: Knowledge, namespace: str, call: str) -> None:
    arguments = {"search": ["text"], "delete_document": ["a.md"]}.get(call, [])
    with pytest.raises(UnknownCollection):
        await getattr(shared, call)(f"{namespace}.third", "c", *arguments)


async def test_deleting_an_unknown_collection_deletes_nothing(shared: Knowledge, namespace: str) -> None:
    assert not await shared.delete_collection(f"{namespace}.third", "c")
    assert len(await shared.collections(f"{namespace}.mine")) == 1


names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@given(names, names, names, names)
def test_names_never_collide_and_always_fit(a: str, b: str, c: str, d: str) -> None:
    assert (store_name(a, b) == store_name(c, d)) == ((a, b) == (c, d))
    assert len(store_name(a, b)) <= 63


def test_names_that_only_differ_in_where_the_namespace_ends_are_two() -> None:
    assert store_name("a.b", "c") != store_name("a", "b.c")
    one = split("a.b", "c", document("x"))[0].id
    assert one != split("a", "b.c", document("x"))[0].id


@pytest.mark.parametrize("name", ["", ".", "-a", "a/b", "a b", "a" * 129, "a\n", "ä", "../x"])
async def test_a_bad_name_is_refused_before_anything_is_asked(knowledge: Knowledge, name: str) -> None:
    with pytest.raises(BadQuery, match="is not a name for a"):
        await knowledge.search(name, "c", "text")
    with pytest.raises(BadQuery, match="is not a name for a"):
        await knowledge.ingest_documents("n", name, [])
