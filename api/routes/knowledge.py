"""Knowledge bases: list, search, and add a document. The retrieval libraries are loaded with the first request."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Protocol

from fastapi import Query, Request
from pydantic import BaseModel, Field, field_validator

from api.deps import CallerDep, ServicesDep
from api.guard import guarded_router
from api.models import Body, Listing
from rag.browse import DocumentInfo, Found, Passage
from rag.model import CollectionInfo, Hit, IngestReport
from workflows.gates.model import Actor
from workflows.store.db import Tx
from workflows.store.repositories import collections
from workflows.usecases.recording import record
from workflows.usecases.services import Services

router = guarded_router(prefix="/knowledge", tags=["knowledge"])

Json = Any
SUFFIXES = frozenset({".md", ".txt", ".csv", ".jsonl"})
MAX_TEXT = 900_000


class KnowledgeBase(Protocol):
    """What these routes need of ``rag.knowledge.Knowledge``."""

    async def collections(self, namespace: str) -> list[CollectionInfo]: ...

    async def search(self, namespace: str, collection: str, query: str, *, top_k: int = 4) -> list[Hit]: ...

    async def passage(self, namespace: str, collection: str, chunk: str) -> Found | None: ...

    async def describe(self, namespace: str, collection: str) -> CollectionInfo: ...

    async def ingest(
        self, namespace: str, collection: str, paths: list[Path], *, root: Path | None = None
    ) -> IngestReport: ...

    async def contents(self, namespace: str, collection: str) -> tuple[DocumentInfo, ...]: ...

    async def passages(
        self, namespace: str, collection: str, document: str, *, first: int = 0, most: int = 50
    ) -> list[Passage]: ...

    async def inspect(self, namespace: str, collection: str, query: str, *, top_k: int = 10) -> list[Found]: ...

    async def delete_document(self, namespace: str, collection: str, document: str) -> int: ...

    async def warm(self) -> None: ...

    async def close(self) -> None: ...


class Document(Body):
    """A text with its name; the suffix says how it is read: ``.md``, ``.txt``, ``.csv`` or ``.jsonl``."""

    name: str = Field(min_length=1, max_length=200, examples=["refunds.md"])
    text: str = Field(min_length=1, max_length=MAX_TEXT)

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        path = PurePosixPath(name)
        if path.is_absolute() or path.name != name or "\\" in name or name.startswith(".") or not name.isprintable():
            raise ValueError("must be a plain file name without folders")
        if path.suffix.lower() not in SUFFIXES:
            raise ValueError(f"must end in one of {', '.join(sorted(SUFFIXES))}")
        return name


class Hits(BaseModel):
    """Passages, best first."""

    items: list[Hit]


@router.get("")
async def list_knowledge(request: Request, services: ServicesDep, caller: CallerDep) -> Listing[CollectionInfo]:
    """The namespace's knowledge bases."""
    return Listing(items=await knowledge_of(request, services).collections(caller.namespace))


@router.get("/{collection}/search")
async def search_knowledge(
    collection: str,
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    q: Annotated[str, Query(min_length=1, max_length=2000)],
    top_k: Annotated[int, Query(ge=1, le=50)] = 4,
) -> Hits:
    """The passages that answer the question best."""
    return Hits(items=await knowledge_of(request, services).search(caller.namespace, collection, q, top_k=top_k))


@router.post("/{collection}/documents", status_code=201)
async def add_document(
    collection: str, body: Document, request: Request, services: ServicesDep, caller: CallerDep
) -> IngestReport:
    """Add a document, or replace the one of that name. Equal content is not embedded again."""
    knowledge = knowledge_of(request, services)
    return await take_in(knowledge, services, caller.namespace, caller.actor, collection, body)


async def take_in(
    knowledge: KnowledgeBase, services: Services, namespace: str, actor: Actor, collection: str, document: Document
) -> IngestReport:
    """Add or replace a document and record who did. Raises ``KnowledgeError``."""
    with tempfile.TemporaryDirectory(prefix="visto-upload-") as folder:
        path = Path(folder) / document.name
        path.write_text(document.text, encoding="utf-8")
        report = await knowledge.ingest(namespace, collection, [path], root=Path(folder))
    info = await knowledge.describe(namespace, collection)
    meta = {"collection": collection, "chunks": report.chunks, "added": report.added, "updated": report.updated}
    content = {"document": document.name}
    await _note(services, namespace, actor, "knowledge.ingested", info, content=content, meta=meta)
    return report


async def take_out(
    knowledge: KnowledgeBase, services: Services, namespace: str, actor: Actor, collection: str, document: str
) -> int:
    """Remove a document and record who did; returns how many passages it had. Raises ``KnowledgeError``."""
    removed = await knowledge.delete_document(namespace, collection, document)
    if removed:
        info = await knowledge.describe(namespace, collection)
        meta = {"collection": collection, "chunks": removed}
        content = {"document": document}
        await _note(services, namespace, actor, "knowledge.removed", info, content=content, meta=meta)
    return removed


async def _note(
    services: Services, namespace: str, actor: Actor, kind: str, info: CollectionInfo, *, content: Json, meta: Json
) -> None:
    def unit(tx: Tx) -> None:
        collections.put(tx, namespace, info.collection, info.model_dump(mode="json"))
        record(tx, services.journal, namespace, kind, actor, content=content, meta=meta)

    await services.db.write(unit)


def knowledge_of(request: Request, services: Services) -> KnowledgeBase:
    """The process's knowledge bases; what they need is loaded with the first call."""
    knowledge: KnowledgeBase | None = request.app.state.knowledge
    if knowledge is None:
        knowledge = _open(services)
        request.app.state.knowledge = knowledge
    return knowledge


def _open(services: Services) -> KnowledgeBase:
    from rag.knowledge import Knowledge
    from rag.settings import KnowledgeSettings

    url = services.settings.chroma_url
    settings = (
        KnowledgeSettings(chroma_url=url) if url else KnowledgeSettings(chroma_path=services.settings.home / "chroma")
    )
    made: KnowledgeBase = Knowledge(settings)
    return made
