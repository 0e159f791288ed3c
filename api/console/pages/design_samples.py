"""What the components on the page of the design system show: made-up cases, as the pages' own models hold them. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from api.console.graph import Drawing, Mark, layout
from api.console.pages.execution import Cell
from api.console.pages.execution_gantt import SORTS, Chart, chart
from api.console.pages.flow_diff import Comparison, compare
from api.console.pages.gate_diff import Change, changes
from api.console.pages.gate_effects import Effect, effects_compared
from api.console.pages.gate_model import Passage
from api.console.pages.inbox import MOST, facts_of, reasons_of, runs_of, voted_words
from api.console.pages.inbox_query import InboxQuery
from rag.browse import Found
from rag.model import Hit
from workflows.flow.planned import ApprovePlan, FlowPlan, ForeachPlan, GatePlan, Kind, StagePlan, TaskPlan
from workflows.store.repositories.inbox import InboxItem
from workflows.usecases.execution_spans import Sort, Span
from workflows.usecases.inbox import Batch, Fact, Line, Queue

FLOW, EXECUTION, PLACE = "order-risk", "sample", "triage/review"
REASONS = ("wrong_amount", "needs_more_proof")
QUOTE = "Orders above 5,000 EUR with a new address are held."
LONG = "The customer wrote three times about the delivery. " * 16
BEGUN = 70
CELLS = ("succeeded", "approved", "waiting", "running", "failed", "rejected", "skipped", "queued")


def samples(now: datetime) -> dict[str, Any]:
    """Everything that the page's template names besides words."""
    return {
        **_inbox(now),
        **_passage(),
        "effects": _effects(),
        "changes": _changes(),
        "comparison": _comparison(),
        "long": LONG,
        "drawing": _drawing(),
        "marks": {
            "orders": Mark("succeeded", more="120 rows"),
            "triage": Mark("running", more="57 of 120"),
            PLACE: Mark("waiting", more="12 wait for people"),
            f"{PLACE}/suggest": Mark("succeeded"),
            f"{PLACE}/write": Mark("failed", more="1 of 40 failed"),
        },
        "cells": [_cell(number) for number in range(96)],
        "chart": _chart(now),
        "sorts": SORTS,
    }


def _inbox(now: datetime) -> dict[str, Any]:
    lines = [
        _line(now, "1", "Order PO-4711: hold it?", due_at=now + timedelta(hours=2), priority=5, failed_rules=1),
        _line(now, "2", "Order PO-4712: hold it?", looking=("Ben",), assigned_to="Ana", claimed_by_me=True, revision=2),
        _line(now, "3", "Order PO-4713: hold it?", due_at=now - timedelta(minutes=5), why_not="You asked for it."),
        _line(now, "4", "Order PO-4714: hold it?", voted="approve"),
    ]
    return {
        "queue": Queue((Batch("sample", FLOW, EXECUTION, PLACE, 12, lines),), None),
        "query": InboxQuery(),
        "facts_of": facts_of,
        "reasons_of": reasons_of,
        "voted_words": voted_words,
        "runs_of": runs_of,
        "most": MOST,
        "gate_query": "",
        "next_address": None,
        "all_picked": False,
        "selectable": True,
        "reasons": REASONS,
    }


def _line(
    now: datetime, number: str, title: str, *, due_at: datetime | None = None, priority: int = 0, revision: int = 1,
    **more: Any,
) -> Line:  # fmt: skip
    item = InboxItem(
        id=f"sample-{number}", execution_id=EXECUTION, flow_id=FLOW, path=PLACE, item_key=number, batch_key="sample",
        title=title, state="open", revision=revision, stage=1, priority=priority, due_at=due_at, expires_at=due_at,
        opened_at=now - timedelta(minutes=20), assigned_to=None, claimed_by=None, claim_until=None, decided_at=None,
        sort_key=number,
    )  # fmt: skip
    plain: dict[str, Any] = {
        "action_digest": "", "more_facts": 2, "failed_rules": 0, "effects": ("sheet.append",), "why_not": None, "reasons": REASONS,
        "looking": (), "claimed_by": None, "claimed_by_me": False, "assigned_to": None, "voted": None,
        "facts": (Fact("Customer", "Nordwind GmbH"), Fact("Amount", 4800, "money EUR")),
        "suggests": (Fact("risk", "high"), Fact("action", "hold")),
    }  # fmt: skip
    return Line(item, **{**plain, **more})


def _effects() -> tuple[Effect, ...]:
    def view(amount: float, note: str) -> dict[str, Any]:
        row = {"connection": "orders-sheet", "row": {"order": "PO-4711", "amount": amount}, "note": note}
        return {"effects": [{"path": f"{PLACE}/write", "type": "sheet.append", "properties": row}]}

    after = view(1500, "Held until the address is confirmed.")
    mail = {"connection": "mail", "to": "customer@example.com", "subject": "Your order PO-4711"}
    after["effects"].append({"path": f"{PLACE}/tell", "type": "email", "properties": mail})
    return effects_compared(view(2000, "Held until the payment is confirmed."), after)


def _changes() -> tuple[Change, ...]:
    before = {"risk": "high", "reason": "The address is new and the amount is high.", "refund": "2,000 EUR"}
    return changes(before, {**before, "reason": "The address is new and was not confirmed.", "refund": "1,500 EUR"})


def _comparison() -> Comparison:
    before = "- id: review\n  type: gate\n  approve:\n    reviewers: {group: fraud}"
    return compare(before, before.replace("fraud}", "fraud, quorum: 2}") + "\n    expire: {after: PT4H}")


def _passage() -> dict[str, Any]:
    text = f"{QUOTE} Whoever holds one writes why, and tells the customer on the same day."
    hit = Hit(
        collection="policies", document="fraud-policy.md", chunk="sample", score=0.91, text=text, heading="3. Holding"
    )
    found = Found(hit, 1, 1, 2, "Orders below 500 EUR are never held.", "A hold ends after four working days.")
    passage = Passage(0, hit.collection, hit.document, hit.chunk, hit.score, QUOTE)
    return {"passage": passage, "found": found, "why": "", "marked": text.partition(QUOTE)}


def _drawing() -> Drawing:
    review = GatePlan(
        title="Hold it?",
        output_schema={},
        approve=ApprovePlan(stages=(StagePlan(groups=("fraud",)),)),
        suggest=_task("suggest", "agent", "agent"),
        on_approve=(_task("write", "sheet.append"),),
    )
    gate = _task("review", "gate", "gate").model_copy(update={"gate": review})
    each = ForeachPlan(items=[], result=gate.id, tasks=(gate,))
    triage = _task("triage", "foreach", "foreach").model_copy(update={"foreach": each})
    return layout(FlowPlan(flow_id=FLOW, tasks=(_task("orders", "csv.read"), triage)))


def _task(name: str, type_: str, kind: Kind = "activity") -> TaskPlan:
    return TaskPlan(id=name, type=type_, kind=kind)


def _cell(number: int) -> Cell:
    state = CELLS[number % 13 % len(CELLS)] if number < BEGUN else "queued"
    return Cell(state, str(number), 1.0, f"Element {number}: {state}")


def _chart(now: datetime) -> Chart:
    start = now - timedelta(minutes=9)

    def span(path: str, sort: Sort, begins: float, ends: float | None, state: str = "succeeded") -> Span:
        end = None if ends is None else start + timedelta(minutes=ends)
        return Span(path, "", sort, start + timedelta(minutes=begins), end, state, f"{path}-{begins}")

    spans = [
        span("", "run", 0, None, "running"),
        span("orders", "tool", 0.2, 0.9),
        span(f"{PLACE}/suggest", "search", 1.0, 1.6),
        span(f"{PLACE}/suggest", "model", 1.6, 3.1),
        span(PLACE, "people", 3.1, 7.6, "approved"),
        span(f"{PLACE}/write", "effect", 7.6, 7.9, "failed"),
        span(f"{PLACE}/write", "effect", 8.2, 8.6),
    ]
    return chart(spans, ["orders", f"{PLACE}/suggest", PLACE, f"{PLACE}/write"], now)
