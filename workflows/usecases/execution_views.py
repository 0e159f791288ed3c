"""One execution as people look at it: how it stands and why, who started it, what it made, and how its parts stand."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from workflows.contracts import TERMINAL, Reason
from workflows.flow.planned import FlowPlan
from workflows.store.db import Tx
from workflows.store.repositories import execution_records, execution_rows, execution_traces, flows
from workflows.store.repositories.execution_traces import Callback, GateRow, Usage
from workflows.store.repositories.executions import Execution
from workflows.usecases.execution_lists import RESTARTABLE, Names, reason_of
from workflows.usecases.execution_parts import Element, Loop, Parts, by_key, parts_of
from workflows.usecases.execution_spans import Level, Sort, levels_of, width_for
from workflows.usecases.plans import plan_of
from workflows.usecases.results import load

MAX_REMEMBERED = 32

Summed = TypeVar("Summed")
Levels = Mapping[tuple[str, Sort], Sequence[Level]]


@dataclass(frozen=True, slots=True)
class View:
    """``records`` is the length of its journal. ``callback`` is None without one, or before the end."""

    execution: Execution
    plan: FlowPlan
    by: str | None
    author: str | None
    waiting_for: str | None
    open_gates: int
    records: int
    callback: Callback | None

    @property
    def reason(self) -> Reason | None:
        return reason_of(self.execution)

    @property
    def ended(self) -> bool:
        return self.execution.state in TERMINAL

    @property
    def can_cancel(self) -> bool:
        return not self.ended and self.execution.cancel_requested_at is None

    @property
    def can_restart(self) -> bool:
        return self.execution.state in RESTARTABLE

    @property
    def reruns(self) -> list[str]:
        """What a restart runs again, as far as it is named."""
        return sorted(self.execution.failed or (), key=lambda name: by_key(name.partition("[")[2].removesuffix("]")))

    @property
    def callback_state(self) -> Literal["none", "later", "delivered", "given up", "trying", "queued"]:
        """How telling the caller went."""
        if self.execution.callback_url is None:
            return "none"
        if self.callback is None:
            return "later"
        if self.callback.delivered_at is not None:
            return "delivered"
        if self.callback.dropped_at is not None:
            return "given up"
        return "trying" if self.callback.last_error else "queued"


def view(tx: Tx, namespace: str, execution_id: str) -> View:
    """Read it. Raises ``execution_not_found``."""
    execution = load(tx, namespace, execution_id)
    names = Names(tx, namespace)
    waiting = [] if execution.state in TERMINAL else execution_rows.waiting(tx, namespace, [execution_id])
    whom = dict.fromkeys(name for one in waiting for name in names.audience(one.audience))
    url = execution.callback_url
    return View(
        execution=execution,
        plan=plan(tx, execution),
        by=names.of(execution.requester_id),
        author=names.of(execution.author_id),
        waiting_for=" or ".join(whom) if whom else None,
        open_gates=sum(one.count for one in waiting),
        records=execution_records.head(tx, namespace, execution_id),
        callback=execution_traces.callback(tx, namespace, execution_id, execution.generation) if url else None,
    )


def plan(tx: Tx, execution: Execution) -> FlowPlan:
    """The plan it runs."""
    revision = flows.get_revision(tx, execution.namespace, execution.flow_id, execution.revision)
    assert revision is not None, "an execution's revision is immutable and never removed"
    return plan_of(execution.namespace, revision)


_remembered: OrderedDict[tuple[object, ...], Any] = OrderedDict()


def _once(tx: Tx, execution: Execution, what: str, sum_up: Callable[[], Summed]) -> Summed:
    """A sum over the execution's journal, made once for each length that the journal has, which grows with any change."""
    namespace = execution.namespace
    name = (what, namespace, execution.id, execution.state, execution_records.head(tx, namespace, execution.id))
    known: Summed | None = _remembered.get(name)
    if known is None:
        known = _remembered[name] = sum_up()
        while len(_remembered) > MAX_REMEMBERED:
            _remembered.popitem(last=False)
    return known


def parts(tx: Tx, execution: Execution) -> Parts:
    """How its tasks and elements stand."""
    namespace, ended = execution.namespace, execution.state in TERMINAL

    def sum_up() -> Parts:
        return parts_of(
            plan(tx, execution),
            execution_traces.gate_states(tx, namespace, execution.id),
            execution_traces.traces(tx, namespace, execution.id),
            execution.failed or () if ended else (),
            ended=ended,
        )

    return _once(tx, execution, "parts", sum_up)


def levels(tx: Tx, execution: Execution, most: int) -> Levels:
    """How many elements of each task were under way over time, told apart in ``most`` parts of its time at the most."""
    namespace, number = execution.namespace, execution.id

    def sum_up() -> Levels:
        times = execution_records.times(tx, namespace, number)
        if times is None:
            return {}
        first, last = times
        return levels_of(execution_traces.buckets(tx, namespace, number, width_for(last - first, most)))

    return _once(tx, execution, f"levels {most}", sum_up)


def usage(tx: Tx, execution: Execution) -> list[Usage]:
    """Its outside calls by kind."""
    return execution_traces.usage(tx, execution.namespace, execution.id)


@dataclass(frozen=True, slots=True)
class ElementRow:
    """An element with its gates' lines."""

    element: Element
    gates: tuple[GateRow, ...]


@dataclass(frozen=True, slots=True)
class ElementPage:
    """Some elements of a loop. ``found`` is how many the filter lets through, ``at`` where this page begins."""

    rows: list[ElementRow]
    found: int
    at: int


def elements(
    tx: Tx, namespace: str, loop: Loop, *, states: Sequence[str] = (), key: str = "", at: int = 0, limit: int = 50
) -> ElementPage:
    """A page of a loop's elements, failed ones first when nothing is asked for. ``key`` is an element's place."""
    chosen = [
        one
        for one in loop.elements
        if (not states or one.state in states) and (not key or one.key == key or one.key.startswith(f"{key}."))
    ]
    if not states and not key:
        chosen.sort(key=lambda one: one.state not in ("failed", "unknown"))
    shown = chosen[at : at + limit]
    rows = execution_traces.gate_rows(tx, namespace, [gate for one in shown for gate in one.gates])
    made = [ElementRow(one, tuple(rows[gate] for gate in one.gates if gate in rows)) for one in shown]
    return ElementPage(made, len(chosen), at)


def gate_lines(tx: Tx, namespace: str, ids: Sequence[str]) -> list[GateRow]:
    """These gates in the order in which they were opened."""
    return sorted(execution_traces.gate_rows(tx, namespace, ids).values(), key=lambda row: (row.opened_at, row.id))
