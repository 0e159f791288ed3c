"""Knowledge by form, over a real vector store: browse, search, add, remove, and stay calm when the store is away."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from rag.embed import HashingEmbedder
from rag.knowledge import Knowledge
from rag.model import SourceDocument
from rag.settings import KnowledgeSettings
from tests.api.conftest import NS, Callers
from tests.api.console.desk import Desk, a_desk  # noqa: F401  a fixture
from workflows.store.repositories import collections
from workflows.usecases.services import Services

POLICY = """# Fraud policy

## High risk

Orders above 5,000 EUR with a new address are held. A person decides within a day.

## Low risk

Orders below 100 EUR pass. Returning customers are trusted more than new ones.
"""
HOSTILE = (
    "# Notes\n\nPay <script>alert(1)</script> \u202ereversed\u202c ![x](https://evil.example/p.png) for held orders.\n"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One vector store for the module: making one costs more than a test."""
    return tmp_path_factory.mktemp("chroma")


@pytest.fixture
async def knowledge(folder: Path, app: FastAPI) -> AsyncIterator[Knowledge]:
    made = Knowledge(KnowledgeSettings(chroma_url="", chroma_path=folder, embeddings="hashing"), HashingEmbedder())
    app.state.knowledge = made
    for collection in await made.collections(NS):
        await made.delete_collection(NS, collection.collection)
    yield made
    await made.close()


@pytest.fixture
def nobody() -> Iterator[str]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


async def _add(desk: Desk, name: str = "policy.md", text: str = POLICY, who: str = "author") -> httpx.Response:
    return await desk.post(who, "/knowledge/-/add", {"collection": "fraud", "name": name, "text": text})


async def test_without_anything_the_page_says_what_to_do(desk: Desk) -> None:
    page = (await desk("author", "/knowledge")).text
    assert "No knowledge yet" in page
    assert 'href="/knowledge/-/add"' in page
    assert 'href="/knowledge/-/add"' not in (await desk("viewer", "/knowledge")).text


@pytest.mark.parametrize("who", ["viewer", "reviewer", "auditor"])
async def test_only_authors_change_knowledge(desk: Desk, knowledge: Knowledge, who: str) -> None:
    assert (await desk(who, "/knowledge/-/add")).status_code == 403
    assert (await _add(desk, who=who)).status_code == 403
    assert (await desk.post(who, "/knowledge/fraud/remove?name=policy.md")).status_code == 403
    assert await knowledge.collections(NS) == []


async def test_an_added_document_is_counted_browsed_and_recorded(
    desk: Desk, knowledge: Knowledge, services: Services
) -> None:
    done = await _add(desk)
    page = (await desk.follow("author", done)).text
    assert "policy.md is in 2 passages." in page
    assert " dimensions" in (await desk("viewer", "/knowledge")).text
    document = (await desk("viewer", "/knowledge/fraud/document?name=policy.md")).text
    assert document.index("Orders above 5,000 EUR") < document.index("Orders below 100 EUR")
    text = "select actor_id from audit_event where kind = 'knowledge.ingested'"
    assert services.db.read_sync(lambda tx: tx.conn.exec_driver_sql(text).scalar_one()) == desk.callers.ids["author"]
    again = await desk.follow("author", await _add(desk))
    assert "policy.md is unchanged." in again.text


async def test_whoever_sees_the_list_finds_the_store_connected(
    desk: Desk, knowledge: Knowledge, app: FastAPI, folder: Path, nobody: str
) -> None:
    """Loading Chroma's client takes a second, which is over when a collection is opened; a store that is away is no
    reason not to show the list."""
    await _add(desk)
    await knowledge.close()
    for settings, connects in (
        (KnowledgeSettings(chroma_url="", chroma_path=folder, embeddings="hashing"), True),
        (KnowledgeSettings(chroma_url=nobody, embeddings="hashing"), False),
    ):
        app.state.knowledge = fresh = Knowledge(settings, HashingEmbedder())
        assert (await desk("viewer", "/knowledge")).status_code == 200
        assert (fresh._chroma._client is not None) is connects
        await fresh.close()


async def test_a_search_shows_scores_ranks_and_the_sentence_in_its_context(desk: Desk, knowledge: Knowledge) -> None:
    await _add(desk)
    page = (await desk("viewer", "/knowledge/fraud?q=which+orders+above+5000+are+held")).text
    first = page[page.index('<ol class="hits">') :]
    assert first.index("High risk") < first.index("Low risk")
    marked = "".join(re.findall(r"<mark>(.*?)</mark>", first, re.DOTALL)[:8])
    assert "<strong>held</strong>" in marked
    assert re.search(r"Score <strong class=\"num\">[01]\.\d\d</strong>", first)
    assert "by meaning #1 · by words #1" in first
    assert "Orders below 100 EUR pass." in first[: first.index("</li>")]


async def test_what_documents_say_is_text_whatever_it_is(desk: Desk, knowledge: Knowledge) -> None:
    await _add(desk, "notes.md", HOSTILE)
    for path in ("/knowledge/fraud?q=pay+reversed+orders", "/knowledge/fraud/document?name=notes.md"):
        page = (await desk("viewer", path)).text
        assert "<script>alert" not in page
        assert "⟨U+202E⟩" in page
        assert 'src="https://evil' not in page


async def test_a_query_may_be_anything(desk: Desk, knowledge: Knowledge) -> None:
    await _add(desk)
    for query in ("%F0%9F%90%99", "%00", "%22%3E%3Cscript%3E", "%E2%80%AE", "a" * 1500):
        page = await desk("viewer", f"/knowledge/fraud?q={query}")
        assert page.status_code in (200, 400), query
        assert '"><script>' not in page.text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"collection": ""}, "Name the collection."),
        ({"collection": "../up"}, "is not a name for a collection"),
        ({"name": "policy.exe"}, "Write a plain file name"),
        ({"name": "../policy.md"}, "Write a plain file name"),
        ({"text": ""}, "Write or choose a text"),
    ],
)
async def test_a_wrong_field_adds_nothing_and_keeps_the_rest(
    desk: Desk, knowledge: Knowledge, fields: dict[str, str], words: str
) -> None:
    sent = {"collection": "fraud", "name": "policy.md", "text": "Orders are held.", **fields}
    page = await desk.post("author", "/knowledge/-/add", sent)
    assert page.status_code == 422
    assert words in page.text
    if "text" not in fields:
        assert "Orders are held.</textarea>" in page.text
    assert await knowledge.collections(NS) == []


async def test_a_document_that_cannot_be_read_comes_back_with_its_line(desk: Desk, knowledge: Knowledge) -> None:
    page = await _add(desk, "rows.jsonl", '{"title": "a", "text": "b"}\nnot json\n')
    assert page.status_code == 422
    assert "line 2" in page.text
    assert "not json" in page.text


async def test_a_removed_document_is_found_no_more(desk: Desk, knowledge: Knowledge, services: Services) -> None:
    await _add(desk)
    await _add(desk, "other.md", "# Other\n\nNothing about it.\n")
    done = await desk.post("author", "/knowledge/fraud/remove?name=policy.md")
    page = (await desk.follow("author", done)).text
    assert "policy.md is removed, with 2 passages." in page
    assert ">policy.md</a>" not in page
    assert (await desk("viewer", "/knowledge/fraud/document?name=policy.md")).status_code == 404
    again = await desk.post("author", "/knowledge/fraud/remove?name=policy.md")
    assert "gone already" in (await desk.follow("author", again)).text
    text = "select count(*) from audit_event where kind = 'knowledge.removed'"
    assert services.db.read_sync(lambda tx: tx.conn.exec_driver_sql(text).scalar_one()) == 1


async def test_many_documents_come_in_pages(desk: Desk, knowledge: Knowledge) -> None:
    for start in (0, 60):
        rows = [f"doc{n:03d}.txt" for n in range(start, start + 60)]
        await knowledge.ingest_documents(NS, "fraud", [SourceDocument(name, name, f"text of {name}") for name in rows])
    services = desk.services
    services.db.write_sync(lambda tx: collections.put(tx, NS, "fraud", {}))
    first = (await desk("viewer", "/knowledge/fraud")).text
    assert "doc099.txt" in first
    assert "doc100.txt" not in first
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following
    assert "doc119.txt" in (await desk("viewer", following.group(1).replace("&amp;", "&"))).text
    assert "doc042.txt" in (await desk("viewer", "/knowledge/fraud?find=DOC042")).text


async def test_a_collection_that_is_none_is_a_page(desk: Desk, knowledge: Knowledge) -> None:
    assert (await desk("viewer", "/knowledge/no-such")).status_code == 404
    assert (await desk("viewer", "/knowledge/no-such?q=x")).status_code == 404


async def test_when_the_store_is_away_the_list_stays_and_says_so(
    services: Services, callers: Callers, nobody: str
) -> None:
    away = services.settings.model_copy(update={"chroma_url": nobody})
    fields = {name: getattr(services, name) for name in services.__slots__} | {"settings": away}
    there = type(services)(**fields)
    info = {"namespace": NS, "collection": "fraud", "chunks": 7, "documents": 3, "updated_at": ""}
    info["embedding"] = {"name": "minilm", "version": "1", "dimension": 384, "sha256": "ab" * 32}
    services.db.write_sync(lambda tx: collections.put(tx, NS, "fraud", info))
    transport = httpx.ASGITransport(create_app(there, relay=False), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        desk = Desk(client, there, callers)
        page = await desk("viewer", "/knowledge")
        assert page.status_code == 200
        assert "The knowledge store is away" in page.text
        assert "384 dimensions" in page.text
        inside = await desk("viewer", "/knowledge/fraud?q=orders")
        assert inside.status_code == 503
        assert "The knowledge store is away" in inside.text
        assert 'value="orders"' in inside.text
        kept = await desk.post(
            "author", "/knowledge/-/add", {"collection": "fraud", "name": "a.md", "text": "my words"}
        )
        assert kept.status_code == 503
        assert "my words</textarea>" in kept.text
        assert (await desk("viewer", "/brakes")).status_code == 200
