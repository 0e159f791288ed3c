"""One flow's text: read, checked while somebody types, saved as a revision; nothing that was typed is ever lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse
from markupsafe import escape

from api.console.failures import wants_json
from api.console.formats import plural
from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.console.pages import flow_changes, flow_check, flow_diff, flow_page, flow_words
from api.console.pages.flow_page import Opened
from api.errors import Problem, problem_of
from workflows.flow.load import MAX_BYTES
from workflows.store.db import Tx
from workflows.store.repositories.flows import Revision
from workflows.usecases import flows
from workflows.usecases.refusals import Refused

router = console_router(prefix="/flows")

TEMPLATE = "flows/source.html"
MAX_MESSAGE = 1000
KEPT = frozenset({"invalid_flow", "wrong_flow", "managed_elsewhere", "auto_needs_admin", "flow_exists", "no_text"})
"""Refusals after which the editor stays open with what was typed."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the editor. ``base`` is the revision it was made from."""

    text: str
    base: int
    message: str = ""
    adopt: bool = False

    @property
    def field(self) -> str:
        """For a ``textarea``: escaped, and otherwise as it is, since what is sent back is what will be saved."""
        return escape(self.text)

    @classmethod
    def of(cls, page: Page) -> Draft:
        """What was sent. A text field may not hold a byte order mark, which editors leave there unseen."""
        sent = page.form
        base = sent.get("base", "")
        return cls(
            sent.get("source", "").removeprefix("\ufeff"),
            int(base) if base.isascii() and base.isdigit() and len(base) < 10 else 0,  # noqa: PLR2004
            sent.get("message", "").strip()[:MAX_MESSAGE],
            sent.get("adopt") == "on",
        )


@router.get("/-/words")
async def flow_words_data(page: PageDep) -> Response:
    """Names of keys, task types and values at each place of a flow, for completion."""
    found = await flow_words.words(page.services.world)
    return JSONResponse(found, headers={"Cache-Control": "private, max-age=300"})


@router.post("/-/check")
async def check_new_flow(page: PageDep) -> Response:
    """Check a text that is no flow yet; for scripts."""
    return await verdict_of(page, Draft.of(page))


@router.get("/{flow_id}")
async def flow_source_page(flow_id: str, page: PageDep) -> Response:
    """The text of the current revision, in the editor."""
    opened = await flow_page.open_flow(page, flow_id)
    draft = Draft(opened.revision.source_text, opened.revision.number)
    return await editor(page, opened, draft)


@router.post("/{flow_id}/check")
async def check_flow_text(flow_id: str, page: PageDep) -> Response:
    """Check what stands in the editor; nothing is saved."""
    draft = Draft.of(page)
    if wants_json(page.request):
        return await verdict_of(page, draft)
    opened = await flow_page.open_flow(page, flow_id)
    return await editor(page, opened, draft, checked=True)


@router.post("/{flow_id}/source")
async def save_flow_text(flow_id: str, page: PageDep) -> Response:
    """Save a revision. What cannot be saved comes back with the reasons, what others changed beside it."""
    draft = Draft.of(page)
    before = await flow_page.open_flow(page, flow_id)
    try:
        saved = await save(page, draft, expected_id=flow_id)
    except Refused as error:
        if wants_json(page.request):
            raise
        if error.code == "flow_changed":
            return await _conflict(page, before, draft)
        if error.code not in KEPT:
            raise
        return await editor(page, before, draft, problem=problem_of(error))
    number = saved.revision.number
    if not saved.created:
        return page.done(f"Nothing changed: revision {number} says the same.", to=before.address, number=number)
    changed = await asyncio.to_thread(told, before.revision, saved.revision)
    return page.done(changed, to=before.address, number=number)


@router.post("/{flow_id}/merge")
async def merge_flow_text(flow_id: str, page: PageDep) -> Response:
    """Put both changes into the editor; nothing is saved."""
    draft = Draft.of(page)
    opened = await flow_page.open_flow(page, flow_id)
    base = await _base(page, flow_id, draft)
    merged = (await asyncio.to_thread(flow_diff.merge, base, draft.text, opened.revision.source_text)).text
    if merged is None:
        return await _conflict(page, opened, draft)
    made = Draft(merged, opened.revision.number, draft.message, draft.adopt)
    return await editor(page, opened, made, merged=True)


async def save(page: Page, draft: Draft, *, expected_id: str | None = None, **more: Any) -> flows.Saved:
    """Save as whoever looks. Raises ``Refused``."""
    if not draft.text.strip():
        raise Refused("no_text", "The text is empty, so nothing was saved.", status=422, remedy="Write the flow first.")
    return await flows.save(
        page.services,
        flows.Save(
            namespace=page.namespace,
            text=draft.text,
            actor=page.actor,
            origin="console",
            message=draft.message or None,
            adopt=draft.adopt,
            expected_id=expected_id,
            base=draft.base,
            keep_text=True,
            **more,
        ),
    )


def told(before: Revision, after: Revision) -> str:
    """What a new revision changed, in a sentence."""
    found = flow_changes.summary(flow_changes.changes(before.bundle.get("flow"), after.bundle["flow"]))
    lines = flow_diff.compare(before.source_text, after.source_text)
    counted = f"{plural(lines.added, 'line')} added, {lines.removed} removed"
    return f"Saved as revision {after.number}: {found or 'comments and layout'} ({counted})."


async def verdict_of(page: Page, draft: Draft) -> Response:
    """The verdict for the editor's script: the list as HTML, the marks, the graph."""
    verdict = await flow_check.check(page, draft.text)
    shown = page.fragment("flows/verdict.html", verdict=verdict)
    return JSONResponse(
        {"ok": verdict.ok, "said": verdict.said, "marks": verdict.marks, "html": bytes(shown.body).decode()}
    )


async def editor(
    page: Page, opened: Opened, draft: Draft, *, problem: Problem | None = None, **context: Any
) -> Response:
    """The editor with what stands in it, and what the checker says of that."""
    return await flow_page.render(
        page,
        opened,
        "source",
        TEMPLATE,
        status=problem.status if problem else 200,
        draft=draft,
        verdict=await flow_check.check(page, draft.text),
        problem=problem,
        may_save=page.may("save_flow_text"),
        limit=MAX_BYTES,
        bytes_now=flow_check.size(draft.text),
        **context,
    )


async def _conflict(page: Page, opened: Opened, draft: Draft) -> Response:
    """Both changes beside each other, and the editor with one's own text, ready to be saved over the other."""
    base = await _base(page, opened.id, draft)
    theirs = opened.revision.source_text
    kept = Draft(draft.text, opened.revision.number, draft.message, draft.adopt)
    return await flow_page.render(
        page,
        opened,
        "source",
        "flows/conflict.html",
        status=409,
        draft=kept,
        base=draft.base,
        theirs=await asyncio.to_thread(flow_diff.compare, base, theirs),
        mine=await asyncio.to_thread(flow_diff.compare, base, draft.text),
        merged=(await asyncio.to_thread(flow_diff.merge, base, draft.text, theirs)).text is not None,
        limit=MAX_BYTES,
        bytes_now=flow_check.size(draft.text),
        verdict=await flow_check.check(page, draft.text),
        may_save=True,
    )


async def _base(page: Page, flow_id: str, draft: Draft) -> str:
    def read(tx: Tx) -> str:
        return flow_page.revision_of(tx, page.namespace, flow_id, draft.base).source_text

    return await page.services.db.read(read)
