"""The journal: what was recorded, whether it is whole, and what was seen."""

from __future__ import annotations

from fastapi import Response

from api.console.guard import console_router
from api.console.page import PageDep

router = console_router(prefix="/journal")


@router.get("")
async def journal_page(page: PageDep) -> Response:
    """The newest records."""
    return await page.render("journal/index.html")
