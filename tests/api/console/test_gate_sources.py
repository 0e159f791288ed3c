"""Where a suggestion comes from: the cited passage in its surroundings, and the prompts behind it."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from rag.knowledge import Knowledge
from rag.settings import KnowledgeSettings
from tests.api.conftest import NS
from tests.api.console.desk import Desk, a_desk  # noqa: F401  a fixture
from tests.api.console.gates import PATH, Office, an_office  # noqa: F401  a fixture
from tests.browser.house import Operation, Usage
from workflows.journal.erase import erase
from workflows.journal.recorder import DbRecorder
from workflows.usecases.services import Services

TEXT = "Read this first. Orders above 5,000 EUR are <b>high</b> risk. Ask when in doubt."
QUOTE = "Orders above 5,000 EUR are <b>high</b> risk."


@pytest.fixture
async def knowledge(app: FastAPI, tmp_path: Path) -> AsyncIterator[Knowledge]:
    """A knowledge base with one document, in place of the process's own."""
    made = Knowledge(KnowledgeSettings(chroma_path=tmp_path / "chroma", embeddings="hashing"))
    (tmp_path / "policy.md").write_text(
        f"# Policy\n\n## Before\n\nBe fair.\n\n## Amounts\n\n{TEXT}\n\n## After\n\nBe quick.\n"
    )
    await made.ingest(NS, "fraud-policy", [tmp_path / "policy.md"])
    app.state.knowledge = made
    yield made
    await made.close()


def citing(chunk: str, quote: str = QUOTE) -> dict[str, object]:
    cited = {"collection": "fraud-policy", "document": "policy.md", "chunk": chunk, "score": 0.5, "quote": quote}
    return {"confidence": 0.1, "confidence_method": "match_margin", "citations": [cited]}


async def test_a_passage_is_read_in_its_surroundings(desk: Desk, office: Office, knowledge: Knowledge) -> None:
    """The whole passage with its heading, the quote marked in it, and everything as text."""
    (hit,) = await knowledge.search(NS, "fraud-policy", "orders above", top_k=1)
    gate = office.open(meta=citing(hit.chunk))
    for rest in ("/passages/0", "/passages/0?part=panel"):
        page = (await desk("viewer", f"/gates/{gate.gate_id}{rest}")).text
        assert f"<mark>{html.escape(QUOTE)}</mark>" in page
        for text in ("Be fair.", "Read this first.", "Be quick."):
            assert text in page
        assert "Amounts" in page
    assert (await desk("viewer", f"/gates/{gate.gate_id}/passages/1")).status_code == 404


async def test_a_quote_that_no_longer_stands_there_is_shown_as_recorded(
    desk: Desk, office: Office, knowledge: Knowledge
) -> None:
    """A document that changed is no reason to show nothing, nor to pretend."""
    gone = office.open(item="1", meta=citing("no-such-chunk"))
    page = html.unescape((await desk("viewer", f"/gates/{gone.gate_id}/passages/0")).text)
    assert "is not in the knowledge base any more" in page
    assert QUOTE in page
    (hit,) = await knowledge.search(NS, "fraud-policy", "orders above", top_k=1)
    other = office.open(item="2", meta=citing(hit.chunk, "Words of an older version."))
    page = (await desk("viewer", f"/gates/{other.gate_id}/passages/0")).text
    assert "The quoted words do not stand in this passage as it is now." in page


async def test_without_the_knowledge_base_the_quote_stands_alone(
    app: FastAPI, desk: Desk, office: Office, closed_port: int
) -> None:
    """The gate can be read and decided while the knowledge base is away."""
    app.state.knowledge = Knowledge(KnowledgeSettings(chroma_url=f"http://127.0.0.1:{closed_port}"))
    gate = office.open(meta=citing("c1"))
    page = await desk("reviewer", f"/gates/{gate.gate_id}/passages/0")
    assert page.status_code == 200
    assert "The quote is shown alone, as it was recorded." in page.text
    assert QUOTE in html.unescape(page.text)
    await app.state.knowledge.close()


async def test_prompts_and_answers_of_this_gate_alone(desk: Desk, office: Office, services: Services) -> None:
    """What was asked for another element is not shown, and content that was erased is said to be."""
    gate = office.open(item="7")
    for item, words in (("7", "Judge order seventeen."), ("8", "Judge order eighteen.")):
        where = f"{PATH}/suggest[{item}]"
        recorder = DbRecorder(services.db, services.journal, namespace=NS, execution_id="e1", path=where)
        asked = {"messages": [{"role": "system", "content": "You are an analyst."}, {"role": "user", "content": words}]}
        meta = {"provider": "openai", "model": "some-model"}
        operation = Operation(f"{item}:h:0", item, asked, "h", meta=meta)
        await recorder.begin(operation)
        await recorder.finish(operation, {"content": "{}", "finish_reason": "stop"}, Usage())
    address = f"/gates/{gate.gate_id}/calls?part=panel"
    page = (await desk("auditor", address)).text
    for text in ("Judge order seventeen.", "You are an analyst.", "openai some-model", "812 tokens in, 64 out"):
        assert text in page
    assert "eighteen" not in page
    services.db.write_sync(
        lambda tx: erase(tx, services.journal, NS, "execution:e1", by="x", via="api", legal_basis="asked to")
    )
    page = (await desk("auditor", address)).text
    assert "seventeen" not in page
    assert "The content was erased." in page
