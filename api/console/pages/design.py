"""The design system as a page: every component, in every state, made by the same macros as everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fastapi.responses import HTMLResponse

from api.console.guard import console_router
from api.console.page import PageDep

router = console_router()

COLOURS = (
    "ground", "panel", "sunk", "line", "line-strong", "text", "dim", "accent", "accent-soft",
    "ok", "ok-soft", "bad", "bad-soft", "wait", "wait-soft", "info", "info-soft",
)  # fmt: skip
HIDDEN = "pay \u202e001\u202c EUR"
STATES = (
    "created", "queued", "running", "waiting", "succeeded", "warning", "failed", "rejected", "cancelled", "timed_out",
    "open", "decided", "withdrawn", "approved", "edited", "expired", "changes_requested",
)  # fmt: skip


@router.get("/design")
async def design_page(page: PageDep) -> HTMLResponse:
    """Show the components."""
    now = datetime.now(UTC)
    moments = [now - timedelta(seconds=s) for s in (3, 240, 7200, 4 * 86400)] + [now + timedelta(hours=2)]
    return await page.render("design.html", colours=COLOURS, states=STATES, moments=moments, hidden=HIDDEN)
