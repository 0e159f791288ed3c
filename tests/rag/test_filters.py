"""What a filter may say, and that it means to us what it means to Chroma."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rag.embed import HashingEmbedder
from rag.filters import DOCUMENT, NAMESPACE, matches, normalise, scoped
from rag.model import BadQuery

VALUES: dict[str, list[Any]] = {"lang": ["en", "de", "fr"], "year": [2020, 2023, 2026]}
ROWS: list[dict[str, Any]] = [
    {"lang": lang, "year": year, "ok": ok, DOCUMENT: name}
    for lang in VALUES["lang"]
    for year in VALUES["year"]
    for ok, name in ((True, "a.md"), (False, "b.md"))
] + [{DOCUMENT: "a.md", "rate": 0.5}, {DOCUMENT: "c.md", "rate": 1.5, "year": 2020}, {"lang": "en"}]


def test_plain_values_and_several_fields_are_written_in_full() -> None:
    assert normalise({"lang": "en", "year": {"$gte": 2020, "$lt": 2026}}) == {
        "$and": [{"lang": {"$eq": "en"}}, {"year": {"$gte": 2020}}, {"year": {"$lt": 2026}}]
    }
    assert normalise({"document": "a.md"}) == {DOCUMENT: {"$eq": "a.md"}}
    assert normalise(None) is None
    assert normalise({}) is None


def test_the_namespace_is_always_anded() -> None:
    assert scoped("n", None) == {NAMESPACE: {"$eq": "n"}}
    assert scoped("n", {"$or": [{"a": 1}, {"b": 2}]}) == {
        "$and": [{NAMESPACE: {"$eq": "n"}}, {"$or": [{"a": {"$eq": 1}}, {"b": {"$eq": 2}}]}]
    }


@pytest.mark.parametrize(
    "bad",
    [
        {NAMESPACE: "other"},
        {"$or": [{NAMESPACE: {"$ne": "mine"}}, {"lang": "en"}]},
        {"visto_anything": 1},
        {"$not": [{"a": 1}]},
        {"$and": []},
        {"$or": {"a": 1}},
        {"$and": "ab"},
        {"$and": [{}]},
        {"a": {}},
        {"a": {"$regex": ".*"}},
        {"a": {"$eq": None}},
        {"a": None},
        {"a": [1, 2]},
        {"a": {"$in": []}},
        {"a": {"$in": [1, "x"]}},
        {"a": {"$in": [True, 1]}},
        {"a": {"$in": "abc"}},
        {"a": {"$in": list(range(257))}},
        {"a": {"$gt": "x"}},
        {"a": {"$gt": True}},
        {"a": {"$gt": float("nan")}},
        {"a": {"$lt": float("inf")}},
        {"a": 10**30},
        {"a": {"$eq": {"$eq": 1}}},
        {"": 1},
        {"a'b": 1},
        {"a" * 64: 1},
        {1: 1},
        {"$where": "1"},
        {"#document": "x"},
        {f"f{n}": n for n in range(65)},
        {"$and": [{"$and": [{"$and": [{"$and": [{"$and": [{"a": 1}, {"b": 1}]}, {"c": 1}]}]}]}]},
        "lang = en",
        ["lang"],
    ],
    ids=str,
)
def test_what_is_not_a_filter_is_refused_with_an_example(bad: Any) -> None:
    with pytest.raises(BadQuery) as error:
        scoped("mine", bad)
    assert error.value.permanent
    assert error.value.remedy


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["$and", "$or", "$eq", "$ne", "$in", "$not", NAMESPACE, "a", "document"])
            | st.text(max_size=5),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(json_values)
def test_any_json_is_refused_or_bound_to_the_namespace(anything: Any) -> None:
    """No shape of a filter gets rid of the namespace or mentions it a second time."""
    try:
        where = scoped("mine", anything)
    except BadQuery:
        return
    own = {NAMESPACE: {"$eq": "mine"}}
    assert where == own or (where["$and"][0] == own and len(where["$and"]) == 2)
    assert str(where).count("visto_") == 1 + str(where).count(DOCUMENT) + str(where).count("visto_heading")


@given(data=st.data())
def test_a_foreign_row_never_matches(filters: Any, data: st.DataObject) -> None:
    asked = data.draw(filters)
    try:
        where = scoped("mine", asked)
    except BadQuery:
        assume(False)
    assert not any(matches(where, {**row, NAMESPACE: "other"}) for row in ROWS)


@pytest.fixture(scope="module")
def rows_in_chroma(chroma: Any) -> Any:
    """The rows in a real collection, to ask Chroma what a filter means."""
    import chromadb
    from chromadb.config import Settings

    client = chromadb.HttpClient(host="127.0.0.1", port=chroma.port, settings=Settings(anonymized_telemetry=False))
    store = client.create_collection("filter-semantics", embedding_function=None)
    ids = [f"row{n}" for n in range(len(ROWS))]
    store.add(ids=ids, embeddings=HashingEmbedder().embed(ids), metadatas=ROWS, documents=ids)
    yield store
    for part in (client, client._admin_client):
        part._server._session.close()


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_our_evaluation_agrees_with_chromas(rows_in_chroma: Any, filters: Any, data: st.DataObject) -> None:
    asked = data.draw(filters)
    try:
        where = normalise(asked)
    except BadQuery:
        assume(False)
    assert where is not None
    theirs = set(rows_in_chroma.get(where=where, include=[])["ids"])
    ours = {f"row{n}" for n, row in enumerate(ROWS) if matches(where, row)}
    assert ours == theirs
