"""What every page about one flow begins with: the flow, its current revision, its tabs, and what its states mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fastapi.responses import HTMLResponse

from api.console.page import Page
from workflows.flow.planned import FlowPlan
from workflows.store.db import Tx
from workflows.store.repositories import flow_facts, principals
from workflows.store.repositories import flows as stored
from workflows.store.repositories.flows import Flow, Revision
from workflows.usecases import flows
from workflows.usecases.plans import plan_of
from workflows.usecases.refusals import revision_not_found

TABS = (
    ("source", "Source", ""),
    ("graph", "Graph", "/graph"),
    ("run", "Run", "/run"),
    ("revisions", "Revisions", "/revisions"),
    ("triggers", "Triggers", "/triggers"),
    ("activity", "Activity", "/activity"),
)
MOVES: dict[str, tuple[tuple[str, str], ...]] = {
    "draft": (("active", "Activate"), ("archived", "Archive")),
    "active": (("paused", "Pause"), ("draft", "Back to draft"), ("archived", "Archive")),
    "paused": (("active", "Activate"), ("draft", "Back to draft"), ("archived", "Archive")),
    "archived": (("active", "Activate"), ("draft", "Back to draft")),
}
MEANING = {
    "draft": "People can run it; triggers do not start it.",
    "active": "People can run it and its triggers start it.",
    "paused": "Nothing starts it, neither people nor triggers. What runs goes on, and decisions that wait stay open.",
    "archived": "Put away: nothing starts it. Its executions, decisions and revisions stay readable, and it can come back.",
}
DONE = {
    "draft": "is a draft now: people can run it, triggers do not start it.",
    "active": "is active.",
    "paused": "is paused: nothing starts it until it is activated.",
    "archived": "is archived.",
}


@dataclass(frozen=True, slots=True)
class Opened:
    """A flow as its pages show it. ``author`` is a name."""

    flow: Flow
    revision: Revision
    open_gates: int
    author: str | None

    @property
    def id(self) -> str:
        return self.flow.flow_id

    @property
    def address(self) -> str:
        return f"/flows/{self.id}"


async def open_flow(page: Page, flow_id: str) -> Opened:
    """Raises ``flow_not_found``."""
    return await page.services.db.read(lambda tx: opened(tx, page.namespace, flow_id))


def opened(tx: Tx, namespace: str, flow_id: str) -> Opened:
    """As ``open_flow``, within a transaction."""
    flow = flows.require(tx, namespace, flow_id)
    revision = revision_of(tx, namespace, flow_id, flow.revision)
    waiting = flow_facts.open_gates(tx, namespace, [flow_id]).get(flow_id, 0)
    return Opened(flow, revision, waiting, names(tx, namespace, [revision.author_id]).get(revision.author_id or ""))


def revision_of(tx: Tx, namespace: str, flow_id: str, number: int) -> Revision:
    """Raises ``revision_not_found``."""
    found = stored.get_revision(tx, namespace, flow_id, number)
    if found is None:
        raise revision_not_found(flow_id, number)
    return found


def plan(page: Page, flow: Opened) -> FlowPlan:
    """The plan of the flow's current revision."""
    return plan_of(page.namespace, flow.revision)


def names(tx: Tx, namespace: str, ids: Iterable[str | None]) -> dict[str, str]:
    """Who they are, by id; those that do not exist are left out."""
    found = (principals.get(tx, namespace, one) for one in {one for one in ids if one})
    return {one.id: one.name for one in found if one is not None}


async def render(
    page: Page, flow: Opened, tab: str, template: str, *, status: int = 200, **context: Any
) -> HTMLResponse:
    """A page about the flow, within its head and tabs."""
    shown = [(code, words, flow.address + path) for code, words, path in TABS if code != "run" or page.may("run_flow")]
    return await page.render(
        template,
        status=status,
        opened=flow,
        tab=tab,
        tabs=shown,
        moves=MOVES[flow.flow.state] if page.may("change_flow_state") else (),
        meaning=MEANING,
        **context,
    )
