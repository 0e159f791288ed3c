"""Flows: what there is, in which state, and how it went lately."""

from __future__ import annotations

from fastapi import Response

from api.console.guard import console_router
from api.console.page import PageDep

router = console_router(prefix="/flows")


@router.get("")
async def flows_page(page: PageDep) -> Response:
    """The flows of one's namespace, by name."""
    return await page.render("flows/index.html")
