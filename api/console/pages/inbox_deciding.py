"""Deciding from the list, taking that back, and naming views of it. Works as forms; scripts get the same answers."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta

from fastapi import Response

from api.console.failures import wants_json
from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.console.pages.inbox_query import InboxQuery
from api.errors import ApiError
from workflows.gates.model import Action
from workflows.gates.visible import visible
from workflows.usecases import inbox_bulk, inbox_views
from workflows.usecases.inbox_bulk import NotDone, Picked, Report

router = console_router(prefix="/inbox")

UNDO_S = 10.0
"""Many decisions at once are taken back less quickly than one."""
DONE = {Action.APPROVE: "approved", Action.REJECT: "rejected", Action.REQUEST_CHANGES: "sent back for changes"}
_SEEN = re.compile(r"(\d{1,9}):([0-9a-f]{64})")
_ONCE = re.compile(r"[0-9A-Za-z-]{8,64}")


@router.post("/decide")
async def inbox_decide(page: PageDep) -> Response:
    """Decide the picked gates, each by the revision and digest that its line showed, and say which were refused."""
    form = page.form
    action = _action(form.get("action", ""))
    once = form.get("once", "")
    report = await inbox_bulk.decide_picked(
        page.services,
        page.namespace,
        page.actor,
        _picked(page),
        action,
        reason_code=form.text("reason_code") if action is Action.REJECT else None,
        comment=form.text("comment"),
        undo_window=timedelta(seconds=UNDO_S),
        once=f"list:{once if _ONCE.fullmatch(once) else secrets.token_hex(16)}",
    )
    return await _reported(page, report, DONE[action], undo=True)


@router.post("/undo")
async def inbox_undo(page: PageDep) -> Response:
    """Take back the decisions on the picked gates that are not in effect yet."""
    report = await inbox_bulk.undo_many(page.services, page.namespace, page.actor, page.form.all("pick"))
    return await _reported(page, report, "open again", undo=False)


@router.post("/views")
async def save_inbox_view(page: PageDep) -> Response:
    """Name what one looks for now."""
    query = InboxQuery.parse(page.form.get("query", ""))
    name = page.form.get("name", "")
    await inbox_views.save(page.services, page.namespace, page.actor, name, query.encoded())
    return page.done(f"The view “{visible(' '.join(name.split()))}” is saved.", to=query.address())


@router.post("/views/{view_id}/delete")
async def delete_inbox_view(view_id: str, page: PageDep) -> Response:
    """Forget a view of one's own."""
    gone = await inbox_views.delete(page.services, page.namespace, page.actor, view_id)
    query = InboxQuery.parse(page.form.get("query", ""))
    return page.done("The view is deleted." if gone else "That view was gone already.", to=query.address())


async def _reported(page: Page, report: Report, words: str, *, undo: bool) -> Response:
    count = len(report.done)
    text = f"{count} {words}." if not report.refused else f"{count} {words}, {len(report.refused)} refused."
    back = InboxQuery.parse(page.form.get("query", "")).address()
    if wants_json(page.request):
        return page.done(
            text,
            to=back,
            tone="warn" if report.refused else "ok",
            undo="/inbox/undo" if undo and report.done else None,
            undo_s=UNDO_S,
            done=list(report.done),
            refused=[_told(one) for one in report.refused],
        )
    return await page.render("inbox/report.html", report=report, text=text, back=back, undo=undo, undo_s=UNDO_S)


def _told(one: NotDone) -> dict[str, str]:
    return {
        "id": one.gate_id,
        "title": visible(one.title),
        "code": one.code,
        "message": visible(one.message),
        "remedy": visible(one.remedy),
    }


def _picked(page: Page) -> list[Picked]:
    found = []
    for gate_id in dict.fromkeys(page.form.all("pick")):
        seen = _SEEN.fullmatch(page.form.get(f"seen.{gate_id}", ""))
        if seen is None:
            raise _incomplete()
        found.append(Picked(gate_id, int(seen.group(1)), seen.group(2)))
    return found


def _action(sent: str) -> Action:
    try:
        return Action(sent)
    except ValueError as error:
        raise _incomplete() from error


def _incomplete() -> ApiError:
    return ApiError(422, "incomplete_form", "The form is not complete, so nothing was decided.", "Reload the list.")
