"""The front door, the live feed, and the choice between light and dark."""

from __future__ import annotations

from datetime import datetime

from fastapi import Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from api.console.guard import console_router
from api.console.live import Feed
from api.console.page import THEME, PageDep
from api.errors import ApiError

router = console_router()

YEAR_S = 365 * 24 * 3600


@router.get("/")
async def home_page(page: PageDep) -> Response:
    """Go where work waits, or where one may look."""
    target = "/inbox" if page.may("inbox_page") else "/account"
    return RedirectResponse(target, 303)


@router.get("/live")
async def live_events(request: Request, page: PageDep, since: str | None = None) -> StreamingResponse:
    """Server-sent events about gates, executions and brakes of one's namespace, from when the page was made."""
    feed: Feed = request.app.state.feed
    heard = _instant(request.headers.get("last-event-id")) or _instant(since) or page.began
    events = feed.stream(page.namespace, heard)
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _instant(text: str | None) -> datetime | None:
    """The instant that a page sent back to us, if it is one."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return None if found.tzinfo is None else found


@router.post("/theme")
async def choose_theme(page: PageDep) -> Response:
    """Light, dark, or as the system has it; kept in this browser."""
    chosen = page.form.get("theme", "auto")
    if chosen not in ("auto", "light", "dark"):
        raise ApiError(422, "invalid_theme", "There is no such theme.", "Choose light, dark or auto.")
    response = page.done("", to=own_path(page.form.get("back")))
    response.set_cookie(THEME, chosen, max_age=YEAR_S, samesite="lax", path="/")
    return response


def own_path(path: str | None, otherwise: str = "/") -> str:
    """``path`` if it is one of this site, else ``otherwise``: nobody is sent elsewhere by a link of ours."""
    if not path or not path.startswith("/") or path[1:2] in ("/", "\\") or any(c < " " for c in path):
        return otherwise
    return path
