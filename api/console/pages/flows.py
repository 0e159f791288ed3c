"""Flows: what there is, in which state, how it went lately; and the change of a state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, get_args
from urllib.parse import urlencode

from fastapi import Response

from api.console.guard import console_router
from api.console.page import PageDep
from api.console.pages import flow_page
from api.errors import ApiError
from workflows.store.db import Tx
from workflows.store.paging import Page as Listed
from workflows.store.repositories import flow_facts
from workflows.store.repositories.flow_facts import Line, Run
from workflows.usecases import flows
from workflows.usecases.flows import FlowState

router = console_router(prefix="/flows")

LIMIT = 50
DAY = timedelta(hours=24)
STATES: tuple[FlowState, ...] = get_args(FlowState)
MAX_QUERY = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """A line of the list. ``triggers`` are types, and how many there are of each."""

    line: Line
    author: str | None
    last: Run | None
    runs: int
    waiting: int

    @property
    def description(self) -> str:
        return str(self.line.plan.get("description") or "")

    @property
    def triggers(self) -> list[tuple[str, int]]:
        found: list[Mapping[str, Any]] = self.line.plan.get("triggers") or []
        return list(Counter(str(one.get("type")) for one in found).items())


@router.get("")
async def flows_page(page: PageDep, q: str = "", state: str = "", cursor: str | None = None) -> Response:
    """The flows of one's namespace by id; ``q`` is looked for in their texts too."""
    query, wanted = q.strip()[:MAX_QUERY], state_of(state) if state else None

    def read(tx: Tx) -> tuple[list[Shown], str | None]:
        found = flow_facts.lines(tx, page.namespace, state=wanted, query=query, cursor=cursor, limit=LIMIT)
        return _shown(tx, page.namespace, found), found.next_cursor

    shown, following = await page.services.db.read(read)
    kept = {name: value for name, value in (("q", query), ("state", wanted)) if value}
    return await page.render(
        "flows/index.html",
        flows=shown,
        q=query,
        state=wanted or "",
        states=[("", "Any state"), *((one, one.capitalize()) for one in STATES)],
        following=f"/flows?{urlencode({**kept, 'cursor': following})}" if following else None,
        first=f"/flows?{urlencode(kept)}" if cursor else None,
    )


@router.post("/{flow_id}/state")
async def change_flow_state(flow_id: str, page: PageDep) -> Response:
    """Activate, pause, archive, or make a draft again."""
    state = state_of(page.form.get("state", ""))
    await flows.set_state(page.services, page.namespace, flow_id, state, actor=page.actor)
    return page.done(f"{flow_id} {flow_page.DONE[state]}", to=f"/flows/{flow_id}", state=state)


def state_of(text: str) -> FlowState:
    """Raises ``ApiError`` for what is no state."""
    for state in STATES:
        if state == text:
            return state
    raise ApiError(422, "invalid_state", "There is no such state of a flow.", f"Use one of: {', '.join(STATES)}.")


def _shown(tx: Tx, namespace: str, found: Listed[Line]) -> list[Shown]:
    ids = [line.flow_id for line in found.items]
    last = flow_facts.last_runs(tx, namespace, ids)
    runs = flow_facts.run_counts(tx, namespace, ids, tx.now - DAY)
    waiting = flow_facts.open_gates(tx, namespace, ids)
    authors = flow_page.names(tx, namespace, [line.author_id for line in found.items])
    return [
        Shown(line, authors.get(line.author_id or ""), last.get(name), runs.get(name, 0), waiting.get(name, 0))
        for line, name in zip(found.items, ids, strict=True)
    ]
