"""The journal: who did what, when, about which revision; one record with its place in the chain; what was seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Response
from fastapi.responses import StreamingResponse

from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.errors import ApiError
from api.routes.journal import parts
from workflows.journal.keyring import KeyringError
from workflows.journal.kinds import KINDS
from workflows.journal.sealing import Unreadable
from workflows.usecases import audit, verification
from workflows.usecases.audit import ABOUT, Asked, Seen

router = console_router(prefix="/journal")

OUTCOMES = (
    "approved", "edited", "rejected", "changes_requested", "auto", "expired", "succeeded", "warning", "failed",
    "cancelled", "timed_out",
)  # fmt: skip
DAY = timedelta(days=1)
Text = Annotated[str, Query(max_length=400)]


@router.get("")
async def journal_page(
    page: PageDep,
    who: Text = "",
    flow: Text = "",
    execution: Text = "",
    about: Text = "",
    outcome: Text = "",
    model: Text = "",
    since: Text = "",
    until: Text = "",
    cursor: str | None = None,
) -> Response:
    """Records, newest first, by what is asked for; without anything all of them."""
    filters = {
        "who": who, "flow": flow, "execution": execution, "about": about, "outcome": outcome, "model": model,
        "since": since, "until": until,
    }  # fmt: skip
    filters = {name: value.strip() for name, value in filters.items() if value.strip()}
    found = await audit.search(page.services, page.namespace, _asked(filters), cursor=cursor)
    return await page.render(
        "journal/index.html",
        found=found,
        filters=filters,
        chosen=lambda name: filters.get(name, ""),
        here=f"/journal?{urlencode(filters)}",
        cursor=cursor,
        about=[(code, words) for code, (words, _) in ABOUT.items()],
        outcomes=OUTCOMES,
        verified=await verification.state(page.services, page.namespace),
    )


@router.get("/records/{event_id}")
async def record_page(event_id: str, page: PageDep) -> Response:
    """One record: what it says, its content unless that is erased, and where it hangs in its chain."""
    return await page.render("journal/record.html", placed=await audit.one(page.services, page.namespace, event_id))


@router.get("/gates/{gate_id}/as-seen")
async def as_seen_page(gate_id: str, page: PageDep, revision: Annotated[int | None, Query(ge=1)] = None) -> Response:
    """What people were shown, and whether that is still what was hashed."""
    return await page.render("journal/as_seen.html", seen=await _seen(page, gate_id, revision))


@router.get("/gates/{gate_id}/as-seen.json")
async def as_seen_file(gate_id: str, page: PageDep, revision: Annotated[int | None, Query(ge=1)] = None) -> Response:
    """The very bytes that were shown and hashed."""
    seen = await _seen(page, gate_id, revision)
    if seen.text is None:
        raise ApiError(410, "erased", "The content of this view was erased.", "Its digest is still in the journal.")
    name = f"gate-{gate_id}-revision-{seen.revision}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(seen.text.encode(), media_type="application/json", headers=headers)


@router.post("/export")
async def export_records(page: PageDep) -> Response:
    """The records as an archive of JSON lines that anybody can verify; that it was made is recorded."""
    execution, contents = page.form.text("execution"), page.form.get("contents") == "on"
    archive = await audit.export(page.services, page.namespace, page.actor, execution_id=execution, contents=contents)
    name = f"visto-journal-{page.namespace}.tar.gz"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(parts(archive), media_type="application/gzip", headers=headers)


async def _seen(page: Page, gate_id: str, revision: int | None) -> Seen:
    try:
        return await audit.as_seen(page.services, page.namespace, gate_id, revision)
    except (Unreadable, KeyringError) as error:
        raise ApiError(409, "unreadable", f"What was shown cannot be read: {error}.", "Verify the journal.") from error


def _asked(filters: dict[str, str]) -> Asked:
    about = filters.get("about")
    if about is not None and about not in ABOUT and about not in KINDS:
        raise ApiError(422, "invalid_about", "There are no such records.", "Choose what they are about from the list.")
    until = _day(filters.get("until"))
    return Asked(
        who=filters.get("who"),
        flow=filters.get("flow"),
        execution=filters.get("execution"),
        about=about,
        outcome=filters.get("outcome"),
        model=filters.get("model"),
        since=_day(filters.get("since")),
        until=None if until is None else until + DAY,
    )


def _day(text: str | None) -> datetime | None:
    """The beginning of a day in UTC."""
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise ApiError(422, "invalid_day", f"{text!r} is not a day.", "Write it like 2026-01-31.") from error
