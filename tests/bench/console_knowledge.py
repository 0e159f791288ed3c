"""A knowledge base behind the measured console: some hundred documents in the real Chroma."""

from __future__ import annotations

import asyncio

from rag.embed import HashingEmbedder
from rag.knowledge import Knowledge
from rag.model import Record, SourceDocument
from rag.settings import KnowledgeSettings
from tests.browser.house import EXAMPLES, NS, House
from workflows.store.repositories import collections

COLLECTION = "policies"
DOCUMENT = "policy-007.md"


def fill(house: House, chroma_url: str, documents: int) -> None:
    """Copies of the example policies, each paragraph a passage."""
    texts = [path.read_text() for path in sorted(EXAMPLES.glob("*-policy/*.md"))]
    made = [_document(n, texts[n % len(texts)]) for n in range(documents)]
    described = asyncio.run(_ingest(KnowledgeSettings(chroma_url=chroma_url, embeddings="hashing"), made))
    house.db.write_sync(lambda tx: collections.put(tx, NS, COLLECTION, described))


def _document(number: int, text: str) -> SourceDocument:
    paragraphs = [part.strip() for part in text.split("\n\n") if part.strip()]
    rows = tuple(
        Record(title=f"{number}.{n}", text=f"{one} ({number})", metadata={}) for n, one in enumerate(paragraphs)
    )
    return SourceDocument(source=f"policy-{number:03}.md", title=f"Policy {number}", records=rows)


async def _ingest(settings: KnowledgeSettings, documents: list[SourceDocument]) -> dict[str, object]:
    knowledge = Knowledge(settings, HashingEmbedder())
    try:
        await knowledge.ingest_documents(NS, COLLECTION, documents)
        return (await knowledge.describe(NS, COLLECTION)).model_dump(mode="json")
    finally:
        await knowledge.close()
