"""One execution over time: what ran when, and how long people were waited for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import Response

from api.console.graph import paths
from api.console.guard import console_router
from api.console.page import PageDep
from api.console.pages.execution import frame
from api.console.pages.execution_filters import PATH
from api.console.pages.execution_gantt import SORTS, Chart, chart, levels_chart
from workflows.store.db import Tx
from workflows.store.repositories import execution_records
from workflows.usecases import execution_views
from workflows.usecases.execution_spans import spans_of
from workflows.usecases.execution_views import View

router = console_router(prefix=PATH)

SINGLE = 600
"""Up to so many records, every call has a bar of its own; of more, bars show how many were under way."""
OF_ELEMENT = 500
PARTS = 240
ROWS = 300


@router.get("/{execution_id}/timeline")
async def execution_timeline_page(execution_id: str, page: PageDep, element: str = "", part: str = "") -> Response:
    """Bars over time, of everything, of one task, or of one element."""
    now = page.services.db.clock()

    def read(tx: Tx) -> dict[str, Any]:
        view = execution_views.view(tx, page.namespace, execution_id)
        return {"view": view, "chart": _chart(tx, view, element.strip(), part, now)}

    found = await page.services.db.read(read)
    shown: Chart = found["chart"]
    return await page.render(
        "executions/timeline.html",
        **found,
        **frame(page, found["view"], None, "timeline"),
        element=element,
        part=part,
        rows=shown.rows[:ROWS],
        sorts=SORTS,
        together=not shown.rows,
    )


def _chart(tx: Tx, view: View, element: str, part: str, now: datetime) -> Chart:
    namespace, number = view.execution.namespace, view.execution.id
    order = paths(view.plan)
    if element or part:
        some = execution_records.records(
            tx, namespace, number, element=element or None, path=part or None, limit=OF_ELEMENT
        )
        return chart(spans_of(some), order, now)
    if view.records <= SINGLE:
        return chart(spans_of(execution_records.records(tx, namespace, number, limit=SINGLE)), order, now)
    runs = spans_of(execution_records.runs(tx, namespace, number))
    return levels_chart(execution_views.levels(tx, view.execution, PARTS), runs, order, now)
