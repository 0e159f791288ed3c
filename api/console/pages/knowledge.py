"""Knowledge bases: what is in them, and what a search finds."""

from __future__ import annotations

from fastapi import Response

from api.console.guard import console_router
from api.console.page import PageDep

router = console_router(prefix="/knowledge")


@router.get("")
async def knowledge_page(page: PageDep) -> Response:
    """The collections of the namespace."""
    return await page.render("knowledge/index.html")
