"""The design system as a page: every component, in every state, made by the same macros as everywhere."""

from __future__ import annotations

from datetime import timedelta

from fastapi.responses import HTMLResponse

from api.console.guard import console_router
from api.console.page import PageDep
from api.console.pages.design_samples import samples

router = console_router()

COLOURS = (
    "ground", "panel", "sunk", "line", "line-strong", "text", "dim", "accent", "accent-ink", "accent-soft",
    "ok", "ok-soft", "bad", "bad-soft", "wait", "wait-soft", "info", "info-soft", "add", "del", "focus",
)  # fmt: skip
SPACES = ((1, 4), (2, 8), (3, 12), (4, 16), (5, 24), (6, 32), (7, 48))
"""Number and pixels of each step of the scale."""
CORNERS = ((1, 4, "marks, keys"), (2, 8, "buttons, fields, banners"), (3, 12, "cards, lists, dialogs"))
HIDDEN = "pay \u202e001\u202c EUR"
STATES = (
    "created", "queued", "running", "waiting", "succeeded", "warning", "failed", "rejected", "cancelled", "timed_out",
    "open", "decided", "withdrawn", "approved", "edited", "expired", "changes_requested",
)  # fmt: skip
ICONS = (
    "inbox", "runs", "flow", "book", "journal", "people", "plug", "key", "brake", "check", "cross", "pencil", "back",
    "next", "more", "warn", "clock", "eye", "chat", "hand", "play", "stop", "search", "plus", "copy", "link", "moon",
    "undo", "robot",
)  # fmt: skip
SECTIONS = {
    "principles": "Principles", "type": "Type", "colour": "Colour", "spacing": "Spacing and corners", "focus": "Focus",
    "motion": "Motion", "buttons": "Buttons", "states": "States", "messages": "Messages", "forms": "Forms",
    "data": "Data", "inbox": "Inbox", "deciding": "Deciding", "drawings": "Drawings", "navigation": "Navigation",
}  # fmt: skip
"""The parts of the page in their order; the codes are in its addresses, after ``#d-``."""


@router.get("/design")
async def design_page(page: PageDep) -> HTMLResponse:
    """Show the components."""
    now = page.began
    moments = [now - timedelta(seconds=s) for s in (3, 240, 7200, 4 * 86400)] + [now + timedelta(hours=2)]
    return await page.render(
        "design.html",
        colours=COLOURS,
        spaces=SPACES,
        corners=CORNERS,
        states=STATES,
        icons=ICONS,
        sections=SECTIONS,
        moments=moments,
        hidden=HIDDEN,
        **samples(now),
    )
