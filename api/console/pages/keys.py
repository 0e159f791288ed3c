"""API keys: made, shown once, revoked."""

from __future__ import annotations

from fastapi import Response

from api.console.guard import console_router
from api.console.page import PageDep

router = console_router(prefix="/keys")


@router.get("")
async def keys_page(page: PageDep) -> Response:
    """Every key without its secret."""
    return await page.render("keys/index.html")
