"""The brakes: stop new effects, and let them go on."""

from __future__ import annotations

from fastapi import Response

from api.console.guard import console_router
from api.console.page import PageDep

router = console_router(prefix="/brakes")


@router.get("")
async def brakes_page(page: PageDep) -> Response:
    """What is stopped, and what that holds back."""
    return await page.render("brakes/index.html")
