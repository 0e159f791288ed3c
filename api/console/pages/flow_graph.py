"""One flow as a drawing; each task leads to its place in the text."""

from __future__ import annotations

from fastapi import Response

from api.console import graph
from api.console.guard import console_router
from api.console.page import PageDep
from api.console.pages import flow_page

router = console_router(prefix="/flows")


@router.get("/{flow_id}/graph")
async def flow_graph_page(flow_id: str, page: PageDep) -> Response:
    """The drawing of the current revision."""
    opened = await flow_page.open_flow(page, flow_id)
    return await flow_page.render(
        page, opened, "graph", "flows/graph.html", drawing=graph.layout(flow_page.plan(page, opened))
    )
