"""Knowledge bases: what is in them, what a search finds and why, adding and removing documents.

The list is what the store knows, so it shows at once and whatever Chroma does; only looking inside needs Chroma.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar

import httpx
from fastapi import Query, Response
from pydantic import ValidationError
from starlette.background import BackgroundTask

from api.console.guard import console_router
from api.console.highlight import highlight
from api.console.page import Page, PageDep
from api.errors import problem_of
from api.routes.knowledge import MAX_TEXT, SUFFIXES, Document, KnowledgeBase, knowledge_of, take_in, take_out
from rag.model import BadQuery, CollectionInfo, KnowledgeError, KnowledgeUnavailable
from workflows.store.repositories import collections
from workflows.store.repositories.collections import Collection

router = console_router(prefix="/knowledge")

T = TypeVar("T")
PAGE, PASSAGES, HITS = 100, 25, 10
PATIENCE_S, PROBE_S = 15.0, 1.0
MAX_QUERY = 2000


@dataclass(frozen=True, slots=True)
class Line:
    """A collection as the store knows it; ``info`` is None when it was written by hand."""

    name: str
    updated_at: datetime
    info: CollectionInfo | None


@router.get("")
async def knowledge_page(page: PageDep) -> Response:
    """The collections of the namespace; says so when the knowledge store is away."""
    found = await page.services.db.read(lambda tx: collections.list_collections(tx, page.namespace))
    away = await _away(page.services.settings.chroma_url)
    response = await page.render(
        "knowledge/index.html", lines=[_line(one) for one in found], away=away, may_add=page.may("add_knowledge")
    )
    if found and not away:
        response.background = BackgroundTask(_warm, page)  # whoever is here looks into one next
    return response


@router.get("/-/add")
async def add_knowledge_page(page: PageDep, collection: str = "") -> Response:
    """The form for a document."""
    return await _form(page, {"collection": collection, "name": "", "text": ""})


@router.post("/-/add")
async def add_knowledge(page: PageDep) -> Response:
    """Add a document, or replace the one of that name; a form that is wrong comes back as it was sent."""
    fields = {name: page.form.get(name, "") for name in ("collection", "name", "text")}
    fields["collection"], fields["name"] = fields["collection"].strip(), fields["name"].strip()
    errors = {} if fields["collection"] else {"collection": "Name the collection."}
    try:
        document = Document(name=fields["name"], text=fields["text"])
    except ValidationError as error:
        errors |= {str(one["loc"][0]): _words(str(one["loc"][0])) for one in error.errors()}
    if errors:
        return await _form(page, fields, errors=errors)
    try:
        work = take_in(_base(page), page.services, page.namespace, page.actor, fields["collection"], document)
        report = await work
    except KnowledgeError as error:
        place = "collection" if isinstance(error, BadQuery) else ""
        return await _form(page, fields, errors={place: str(error)}, status=problem_of(error).status)
    kept = "unchanged" if report.unchanged else f"in {report.chunks} passage{'s' * (report.chunks != 1)}"
    return page.done(f"{document.name} is {kept}.", to=f"/knowledge/{fields['collection']}")


@router.get("/{collection}")
async def collection_page(
    collection: str,
    page: PageDep,
    q: Annotated[str, Query(max_length=MAX_QUERY)] = "",
    find: str = "",
    after: str = "",
) -> Response:
    """One collection: what a search for ``q`` finds, else its documents; ``find`` is a part of their names."""
    base = _base(page)
    known = await page.services.db.read(lambda tx: collections.get(tx, page.namespace, collection))
    hits, documents, failure = [], [], None
    try:
        if q.strip():
            hits = await _patient(base.inspect(page.namespace, collection, q, top_k=HITS))
        else:
            every = await _patient(base.contents(page.namespace, collection))
            documents = [one for one in every if find.casefold() in one.name.casefold() and one.name > after]
    except KnowledgeError as error:
        if known is None:
            raise
        failure = problem_of(error)
    return await page.render(
        "knowledge/collection.html",
        status=failure.status if failure else 200,
        name=collection,
        line=_line(known) if known else None,
        q=q,
        find=find,
        after=after,
        hits=hits,
        documents=documents[:PAGE],
        more=len(documents) > PAGE,
        highlight=highlight,
        failure=failure,
        may_add=page.may("add_knowledge"),
    )


@router.get("/{collection}/document")
async def document_page(
    collection: str, page: PageDep, name: str, start: Annotated[int, Query(ge=0)] = 0, chunk: str = ""
) -> Response:
    """A document's passages in their order, from number ``start`` on; ``chunk`` is the one that was found."""
    work = _base(page).passages(page.namespace, collection, name, first=start, most=PASSAGES + 1)
    found = await _patient(work)
    return await page.render(
        "knowledge/document.html",
        status=200 if found else 404,
        collection=collection,
        name=name,
        passages=found[:PASSAGES],
        more=start + PASSAGES if len(found) > PASSAGES else None,
        start=start,
        chunk=chunk,
        may_remove=page.may("remove_knowledge"),
    )


@router.post("/{collection}/remove")
async def remove_knowledge(collection: str, page: PageDep, name: str) -> Response:
    """Remove a document; one that is gone is no error."""
    removed = await take_out(_base(page), page.services, page.namespace, page.actor, collection, name)
    text = (
        f"{name} is removed, with {removed} passage{'s' * (removed != 1)}." if removed else f"{name} was gone already."
    )
    return page.done(text, to=f"/knowledge/{collection}", tone="ok" if removed else "info")


async def _form(
    page: Page, fields: dict[str, str], *, errors: dict[str, str] | None = None, status: int = 422
) -> Response:
    found = await page.services.db.read(lambda tx: collections.list_collections(tx, page.namespace))
    return await page.render(
        "knowledge/add.html",
        status=status if errors else 200,
        fields=fields,
        errors=errors or {},
        names=[one.name for one in found],
        suffixes=sorted(SUFFIXES),
        most=MAX_TEXT,
    )


def _words(field: str) -> str:
    if field == "text":
        return f"Write or choose a text of up to {MAX_TEXT // 1000} KB; visto rag ingest reads larger ones."
    return f"Write a plain file name that ends in one of {', '.join(sorted(SUFFIXES))}."


def _line(collection: Collection) -> Line:
    try:
        info = CollectionInfo.model_validate(collection.meta)
    except ValidationError:
        info = None
    return Line(collection.name, collection.updated_at, info)


def _base(page: Page) -> KnowledgeBase:
    return knowledge_of(page.request, page.services)


async def _patient(work: Awaitable[T]) -> T:
    """A page waits for its knowledge no longer than a person would. Raises ``KnowledgeUnavailable``."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await work
    except TimeoutError as error:
        raise KnowledgeUnavailable(
            f"The knowledge store did not answer within {PATIENCE_S:.0f} seconds.",
            remedy="Try again; the first search after a start loads the model.",
        ) from error


async def _warm(page: Page) -> None:
    with suppress(KnowledgeError):
        await _base(page).warm()


async def _away(url: str | None) -> bool:
    """Whether a knowledge server is configured and does not answer now."""
    if url is None:
        return False
    try:
        # certificates cost more to load than the answer takes, and are for https alone
        async with httpx.AsyncClient(timeout=PROBE_S, verify=url.startswith("https:")) as client:
            await client.get(f"{url.rstrip('/')}/api/v2/heartbeat")
    except (httpx.HTTPError, httpx.InvalidURL):
        return True
    return False
