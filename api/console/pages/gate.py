"""One gate: what a yes will do, why it is suggested, and what led to it. Nothing here changes anything."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import Response

from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.console.pages import gate_load
from api.console.pages.gate_call_view import call_of
from api.console.pages.gate_model import Passage, passages
from api.errors import ApiError
from api.routes.knowledge import knowledge_of
from rag.browse import Found
from rag.model import KnowledgeError
from workflows.gates.digest import action_digest
from workflows.usecases import gate_views
from workflows.usecases.gate_calls import calls

router = console_router(prefix="/gates")

KNOWLEDGE_S = 4.0


@router.get("/{gate_id}")
async def gate_page(page: PageDep, gate_id: str, part: str = "", against: int | None = None, act: str = "") -> Response:
    """The whole gate. ``part=panel`` gives it without a frame, ``part=state`` how it stands now; ``act`` opens a form,
    ``against`` is the revision to compare with.
    """
    if part == "state":
        return gate_load.state_of(await gate_load.load_alone(page, gate_id))
    return await gate_load.show(page, gate_id, part="panel" if part == "panel" else "", against=against, act=act)


@router.get("/{gate_id}/calls")
async def gate_calls(page: PageDep, gate_id: str, part: str = "") -> Response:
    """The prompts and answers behind a gate; ``part=panel`` gives them without a frame."""
    services = page.services
    found = await services.db.read(lambda tx: calls(tx, services.journal.keyring, page.namespace, gate_id))
    shown = [call_of(entry) for entry in found]
    if part == "panel":
        return page.fragment("gate/calls.html", calls=shown, gate_id=gate_id)
    gate = await services.db.read(lambda tx: gate_views.detail(tx, page.namespace, gate_id))
    return await page.render("gate/calls_page.html", calls=shown, gate_id=gate_id, gate=gate)


@router.get("/{gate_id}/as-shown")
async def gate_as_shown(page: PageDep, gate_id: str, revision: int | None = None, raw: bool = False) -> Response:
    """The document of a revision, the very text that is hashed, with the hash made anew. ``raw`` gives the bytes."""
    found = await page.services.db.read(lambda tx: gate_views.rows(tx, page.namespace, gate_id))
    wanted = revision or found.gate.revision
    one = next((one for one in found.revisions if one.revision == wanted), None)
    if one is None:
        raise ApiError(404, "no_such_revision", f"This gate has no revision {wanted}.", "Choose one that it has.")
    if raw:
        name = f"gate-{gate_id[:8]}-{wanted}.json"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(one.view.encode(), media_type="application/json", headers=headers)
    return await page.render(
        "gate/as_shown.html", gate=found.gate, revision=one, revisions=found.revisions, computed=action_digest(one.view)
    )


@router.get("/{gate_id}/passages/{number}")
async def gate_passage(page: PageDep, gate_id: str, number: int, part: str = "") -> Response:
    """A cited passage in its surroundings, from the knowledge base as it is now; without it the quote alone."""
    gate = await page.services.db.read(lambda tx: gate_views.detail(tx, page.namespace, gate_id))
    cited = passages(gate.view.get("meta", {}))
    if not 0 <= number < len(cited):
        raise ApiError(404, "no_such_passage", "This gate cites no such passage.", "Go back to the gate.")
    passage = cited[number]
    found, why = await _found(page, passage)
    body = found.hit.text if found else ""
    marked = body.partition(passage.quote) if passage.quote and passage.quote in body else (body, "", "")
    context: dict[str, Any] = {"passage": passage, "found": found, "why": why, "marked": marked, "gate": gate}
    if part == "panel":
        return page.fragment("gate/passage.html", **context)
    return await page.render("gate/passage_page.html", **context)


async def _found(page: Page, passage: Passage) -> tuple[Found | None, str]:
    """The passage, or None and why it cannot be shown."""
    knowledge = knowledge_of(page.request, page.services)
    try:
        async with asyncio.timeout(KNOWLEDGE_S):
            found = await knowledge.passage(page.namespace, passage.collection, passage.chunk)
    except TimeoutError:
        return None, "The knowledge base does not answer at the moment."
    except KnowledgeError as error:
        return None, str(error.args[0])  # who reads this decides, and does not run the knowledge base
    return found, "" if found else "This passage is not in the knowledge base any more: its document has changed since."
