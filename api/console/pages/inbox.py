"""The inbox: what waits for a person's decision."""

from __future__ import annotations

from fastapi.responses import HTMLResponse

from api.console.guard import console_router
from api.console.page import PageDep

router = console_router()


@router.get("/inbox")
async def inbox_page(page: PageDep) -> HTMLResponse:
    """What waits for me."""
    return await page.render("inbox/index.html")
