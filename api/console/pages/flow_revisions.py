"""One flow's revisions: who saved what and why, the difference between any two, and bringing an old one back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from fastapi import Response
from markupsafe import escape

from api.console.guard import console_router
from api.console.page import PageDep
from api.console.pages import flow_changes, flow_diff, flow_page
from workflows.store.db import Tx
from workflows.store.paging import page_of
from workflows.store.repositories import flows as stored
from workflows.store.repositories.flows import Revision, RevisionInfo
from workflows.usecases import flows

router = console_router(prefix="/flows")

LIMIT = 100


@dataclass(frozen=True, slots=True)
class Pair:
    """Two revisions that are compared, with the names of their authors."""

    old: Revision
    new: Revision
    names: dict[str, str]


@router.get("/{flow_id}/revisions")
async def flow_revisions_page(flow_id: str, page: PageDep, before: int | None = None) -> Response:
    """All revisions, newest first."""
    opened = await flow_page.open_flow(page, flow_id)

    def read(tx: Tx) -> tuple[list[RevisionInfo], dict[str, str]]:
        found = [one for one in stored.history(tx, page.namespace, flow_id) if before is None or one.number < before]
        return found, flow_page.names(tx, page.namespace, [one.author_id for one in found[:LIMIT]])

    found, names = await page.services.db.read(read)
    listed = page_of(found, LIMIT, lambda one: (str(one.number),))
    following = f"{opened.address}/revisions?before={listed.items[-1].number}" if listed.next_cursor else None
    return await flow_page.render(
        page,
        opened,
        "revisions",
        "flows/revisions.html",
        revisions=listed.items,
        names=names,
        following=following,
        first=f"{opened.address}/revisions" if before else None,
    )


@router.get("/{flow_id}/revisions/{number}")
async def flow_revision_page(flow_id: str, number: int, page: PageDep) -> Response:
    """One revision: its text, and what it changed."""
    opened = await flow_page.open_flow(page, flow_id)

    def read(tx: Tx) -> tuple[Revision, Revision | None, dict[str, str]]:
        revision = flow_page.revision_of(tx, page.namespace, flow_id, number)
        parent = stored.get_revision(tx, page.namespace, flow_id, revision.parent) if revision.parent else None
        return revision, parent, flow_page.names(tx, page.namespace, [revision.author_id])

    revision, parent, names = await page.services.db.read(read)
    return await flow_page.render(
        page,
        opened,
        "revisions",
        "flows/revision.html",
        revision=revision,
        parent=parent,
        author=names.get(revision.author_id or ""),
        changes=flow_changes.changes(parent.bundle["flow"] if parent else None, revision.bundle["flow"]),
        raw=escape(revision.source_text),
    )


@router.get("/{flow_id}/compare")
async def compare_revisions_page(
    flow_id: str, page: PageDep, old: int | None = None, new: int | None = None, sides: bool = False
) -> Response:
    """The difference between two revisions, in the order in which they are named; by default what the last one changed."""
    opened = await flow_page.open_flow(page, flow_id)
    current = opened.revision
    last, first = new or current.number, old or current.parent or current.number

    def read(tx: Tx) -> Pair:
        before = flow_page.revision_of(tx, page.namespace, flow_id, first)
        after = flow_page.revision_of(tx, page.namespace, flow_id, last)
        return Pair(before, after, flow_page.names(tx, page.namespace, [before.author_id, after.author_id]))

    pair = await page.services.db.read(read)
    texts = pair.old.source_text, pair.new.source_text
    return await flow_page.render(
        page,
        opened,
        "revisions",
        "flows/compare.html",
        pair=pair,
        sides=sides,
        changes=flow_changes.changes(pair.old.bundle["flow"], pair.new.bundle["flow"]),
        comparison=await asyncio.to_thread(flow_diff.compare, *texts),
    )


@router.post("/{flow_id}/revisions/{number}/restore")
async def restore_revision(flow_id: str, number: int, page: PageDep) -> Response:
    """Save an old revision's text as a new one. Refused when the flow was saved since the page was read."""
    opened = await flow_page.open_flow(page, flow_id)
    old = await page.services.db.read(lambda tx: flow_page.revision_of(tx, page.namespace, flow_id, number))
    base = page.form.get("base", "")
    saved = await flows.save(
        page.services,
        flows.Save(
            namespace=page.namespace,
            text=old.source_text,
            actor=page.actor,
            origin="console",
            message=f"Revision {number} brought back",
            expected_id=flow_id,
            base=int(base) if base.isdecimal() else -1,
            keep_text=True,
        ),
    )
    if not saved.created:
        return page.done(f"Revision {number} is the current one already.", to=f"{opened.address}/revisions")
    return page.done(
        f"Revision {number} is back, as revision {saved.revision.number}.", to=f"{opened.address}/revisions"
    )
