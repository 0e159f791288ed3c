"""Connections by name, and whether their secrets are set; never the secrets."""

from __future__ import annotations

from fastapi import Response

from api.console.guard import console_router
from api.console.page import PageDep
from workflows.usecases import connections

router = console_router(prefix="/connections")


@router.get("")
async def connections_page(page: PageDep) -> Response:
    """The connections of the namespace, who uses them, what is missing, and how to add one."""
    return await page.render("connections/index.html", found=await connections.look(page.services, page.namespace))
