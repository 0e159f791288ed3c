"""Connections by name, and whether their secrets are set; never the secrets."""

from __future__ import annotations

from fastapi import Response

from api.console.guard import console_router
from api.console.page import PageDep

router = console_router(prefix="/connections")


@router.get("")
async def connections_page(page: PageDep) -> Response:
    """The connections, by name."""
    return await page.render("connections/index.html")
