"""Executions: what runs, what waits, for whom and why."""

from __future__ import annotations

from fastapi import Response

from api.console.guard import console_router
from api.console.page import PageDep

router = console_router(prefix="/executions")


@router.get("")
async def executions_page(page: PageDep) -> Response:
    """The list, newest first."""
    return await page.render("executions/index.html")
