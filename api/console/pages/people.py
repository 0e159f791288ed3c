"""People, services and groups: who may do what here."""

from __future__ import annotations

from fastapi import Response

from api.console.guard import console_router
from api.console.page import PageDep

router = console_router(prefix="/people")


@router.get("")
async def people_page(page: PageDep) -> Response:
    """Who there is."""
    return await page.render("people/index.html")
