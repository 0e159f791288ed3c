"""How a flow went lately: its executions, how long they took, what people decided, and who changed it."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from datetime import timedelta

from fastapi import Response

from api.console.formats import percent, title_case
from api.console.guard import console_router
from api.console.page import PageDep
from api.console.pages import flow_page
from workflows.contracts import TERMINAL
from workflows.journal.read import Entry, search
from workflows.store.db import Tx
from workflows.store.repositories import flow_facts
from workflows.store.repositories.flow_facts import Run

router = console_router(prefix="/flows")

WINDOW = timedelta(days=30)
RUNS = 15
CHANGES = 15
GOOD = ("succeeded", "warning")
_TONES = {
    "succeeded": "ok", "warning": "wait", "failed": "bad", "rejected": "bad", "timed_out": "bad", "cancelled": "",
    "running": "info", "waiting": "wait", "queued": "wait", "created": "wait",
    "approved": "ok", "edited": "info", "auto": "", "expired": "wait", "changes_requested": "wait",
}  # fmt: skip
_OUTCOMES = {
    "approved": "Approved", "edited": "Edited", "rejected": "Rejected", "changes_requested": "Changes asked for",
    "auto": "By policy", "expired": "By the deadline",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bar:
    """A share of a whole; ``width`` is in percent."""

    words: str
    count: int
    share: float
    tone: str

    @property
    def width(self) -> str:
        return f"{self.share * 100:.1f}"

    @property
    def said(self) -> str:
        return percent(self.share)


@dataclass(frozen=True, slots=True)
class Activity:
    """``success`` is a share of the executions that ended, None when none did; ``p50`` is in seconds."""

    runs: list[Run]
    states: list[Bar]
    outcomes: list[Bar]
    total: int
    decided: int
    success: float | None
    p50: float | None
    changes: tuple[Entry, ...]
    names: dict[str, str]


@router.get("/{flow_id}/activity")
async def flow_activity_page(flow_id: str, page: PageDep) -> Response:
    """The last 30 days."""
    opened = await flow_page.open_flow(page, flow_id)
    activity = await page.services.db.read(lambda tx: _activity(tx, page.namespace, flow_id))
    return await flow_page.render(
        page, opened, "activity", "flows/activity.html", activity=activity, days=WINDOW.days, told=told
    )


def told(entry: Entry) -> str:
    """A change of the flow in words."""
    meta = entry.meta
    if entry.kind == "flow.state":
        return f"changed the state from {meta.get('from')} to {meta.get('to')}"
    return "made the flow" if entry.kind == "flow.registered" else f"saved revision {meta.get('revision')}"


def bars(counts: dict[str, int], words: dict[str, str] | None = None) -> list[Bar]:
    """The counts as shares of their sum, in the order of ``words``, else the largest first."""
    total = sum(counts.values())
    order = [*words] if words else sorted(counts, key=lambda name: (-counts[name], name))
    named = words or {name: title_case(name) for name in counts}
    return [
        Bar(named[name], counts[name], counts[name] / total, _TONES.get(name, "")) for name in order if counts.get(name)
    ]


def _activity(tx: Tx, namespace: str, flow_id: str) -> Activity:
    since = tx.now - WINDOW
    states = flow_facts.states(tx, namespace, flow_id, since)
    outcomes = flow_facts.outcomes(tx, namespace, flow_id, since)
    ended = sum(count for state, count in states.items() if state in TERMINAL)
    durations = flow_facts.durations(tx, namespace, flow_id, since)
    runs = flow_facts.runs(tx, namespace, flow_id, limit=RUNS)
    kinds = ["flow.registered", "flow.changed", "flow.state"]
    changes = search(tx, namespace, kinds=kinds, flow_id=flow_id, limit=CHANGES).items
    people = [*(run.requester_id for run in runs), *(entry.actor_id for entry in changes)]
    return Activity(
        runs=runs,
        states=bars(states),
        outcomes=bars(outcomes, _OUTCOMES),
        total=sum(states.values()),
        decided=sum(outcomes.values()),
        success=sum(states.get(name, 0) for name in GOOD) / ended if ended else None,
        p50=statistics.median(durations) if durations else None,
        changes=changes,
        names=flow_page.names(tx, namespace, people),
    )
