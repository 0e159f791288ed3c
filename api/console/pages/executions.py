"""Executions: what runs, what waits, for whom and why; one action on many."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Query, Request, Response

from api.console.failures import wants_json
from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.console.pages.execution_filters import CHANNELS, PATH, WITHIN, Filters
from api.console.pages.home import own_path
from api.errors import ApiError
from workflows.usecases import execution_bulk
from workflows.usecases.execution_bulk import Action
from workflows.usecases.execution_lists import lines_of, listing

router = console_router(prefix=PATH)

PAGE = 50
MOST_REASON = 1000


@router.get("")
async def executions_page(page: PageDep, request: Request, cursor: str | None = None) -> Response:
    """The list, newest first."""
    filters, now = Filters.of(request), page.services.db.clock()
    found = await page.services.db.read(
        lambda tx: listing(tx, page.namespace, filters.filter(now), cursor=cursor or None, limit=PAGE)
    )
    return await page.render(
        "executions/index.html",
        found=found,
        lines=found.page.items,
        filters=filters,
        cursor=cursor,
        channels=CHANNELS,
        within=WITHIN,
        may_act=page.may("act_on_executions"),
    )


@router.get("/rows")
async def execution_rows(page: PageDep, ids: Annotated[list[str] | None, Query(alias="id")] = None) -> Response:
    """Some lines as they are now, for the list to put in place."""
    wanted = (ids or [])[:PAGE]
    lines = await page.services.db.read(lambda tx: lines_of(tx, page.namespace, wanted))
    return page.fragment("executions/rows.html", lines=lines, may_act=page.may("act_on_executions"))


@router.post("/act")
async def act_on_executions(page: PageDep) -> Response:
    """First show what would happen to each of the chosen; when that is confirmed, do it and report."""
    action, ids = _action(page.form.get("do", "")), list(dict.fromkeys(page.form.all("execution")))
    back = own_path(page.form.get("back"), PATH)
    if not ids:
        raise ApiError(422, "nothing_chosen", "No execution is chosen.", "Tick the executions first.")
    if not page.form.get("confirmed"):
        what = await execution_bulk.intended(page.services, page.namespace, action, ids)
        return await page.render("executions/check.html", action=action, intended=what, back=back)
    return await _report(page, action, ids, back)


async def _report(page: Page, action: Action, ids: list[str], back: str) -> Response:
    reason = page.form.get("reason", "").strip()[:MOST_REASON]
    report = await execution_bulk.act(page.services, page.namespace, action, ids, actor=page.actor, reason=reason)
    done = [one for one in report if one.refused is None]
    refused = [one for one in report if one.refused is not None]
    words = "asked to stop" if action == "cancel" else "restarted"
    text = f"{len(done)} {words}" + (f", {len(refused)} not." if refused else ".")
    if not refused or wants_json(page.request):
        told = [{"execution": one.execution_id, "why": one.refused, "remedy": one.remedy} for one in refused]
        return page.done(text, to=back, tone="warn" if refused else "ok", refused=told)
    lines = await page.services.db.read(lambda tx: lines_of(tx, page.namespace, ids))
    return await page.render(
        "executions/report.html",
        status=HTTPStatus.OK,
        text=text,
        report=report,
        lines={line.row.id: line for line in lines},
        back=back,
    )


def _action(text: str) -> Action:
    if text == "cancel":
        return "cancel"
    if text == "restart":
        return "restart"
    raise ApiError(422, "invalid_action", "There is no such action.", "Choose to cancel or to restart.")
