"""How the parts of an execution stand: each task, and each element of a loop. Pure; made from gates and the journal.

States of a part, the most urgent first, so that many parts show the first that any of them is in:

failed       it failed, and a restart runs it again
unknown      its effect may have happened and the answer was lost
waiting      somebody is asked
running      a call is under way
rejected, expired, withdrawn, cancelled
edited, approved, auto, succeeded
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from workflows.flow.planned import FlowPlan, TaskPlan
from workflows.store.repositories.execution_traces import GateState, Trace

ORDER = (
    "failed", "unknown", "waiting", "running", "rejected", "expired", "withdrawn", "cancelled",
    "edited", "approved", "auto", "succeeded",
)  # fmt: skip
_RANK = {state: rank for rank, state in enumerate(ORDER)}


class Element(NamedTuple):
    """One element of a loop. ``key`` is its place (``57``, in a loop inside a loop ``3.57``), ``gates`` are ids."""

    key: str
    state: str
    gates: tuple[str, ...] = ()


@dataclass(slots=True)
class Loop:
    """A ``foreach`` and its elements in their order, as far as any left a trace."""

    path: str
    elements: list[Element] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """Elements in each state that occurs, the most urgent first."""
        found = Counter(element.state for element in self.elements)
        return {state: found[state] for state in ORDER if found[state]}


@dataclass(slots=True)
class Parts:
    """``tasks`` counts the states of each task path over all elements; ``gates`` are those outside loops."""

    tasks: dict[str, Counter[str]]
    loops: list[Loop]
    gates: list[str]

    def loop(self, path: str) -> Loop | None:
        return next((loop for loop in self.loops if loop.path == path), None)


def split(place: str) -> tuple[str, str]:
    """``triage/review[57]`` as task path and element's key, which is empty outside loops."""
    path, _, rest = place.partition("[")
    return path, rest.removesuffix("]")


def urgent(states: Iterable[str]) -> str:
    """The state that many parts together show; ``succeeded`` for none."""
    return min(states, key=lambda state: _RANK.get(state, len(ORDER)), default="succeeded")


def by_key(key: str) -> tuple[tuple[int, str], ...]:
    """The order of elements: 9 before 10, in loops inside loops the outer first."""
    return tuple((int(part), "") if part.isdecimal() else (0, part) for part in key.split("."))


def loops_of(plan: FlowPlan) -> list[str]:
    """The task paths of the loops, outer ones first."""
    return [path for path, task in walk(plan) if task.foreach is not None]


def walk(plan: FlowPlan) -> list[tuple[str, TaskPlan]]:
    """Every task with its path, in the order of the text."""
    found: list[tuple[str, TaskPlan]] = []

    def into(tasks: Iterable[TaskPlan], above: str) -> None:
        for task in tasks:
            path = f"{above}/{task.id}" if above else task.id
            found.append((path, task))
            into(inside(task), path)

    into((*plan.tasks, *plan.errors, *plan.finally_), "")
    return found


def inside(task: TaskPlan) -> list[TaskPlan]:
    """The tasks directly inside a task."""
    made: list[TaskPlan] = []
    if task.gate is not None:
        made += [*((task.gate.suggest,) if task.gate.suggest else ()), *task.gate.enrich, *task.gate.on_approve]
    if task.foreach is not None:
        made += task.foreach.tasks
    if task.branch is not None:
        made += [one for tasks in task.branch.cases.values() for one in tasks]
        made += task.branch.default or ()
    made += [TaskPlan.model_validate(one) for one in task.properties.get("tasks", ())] if task.kind == "repeat" else []
    return made


def parts_of(
    plan: FlowPlan, gates: Sequence[GateState], traces: Iterable[Trace], failed: Iterable[str], *, ended: bool
) -> Parts:
    """Sum up. ``failed`` are the places that a restart runs again; in an ended execution nothing runs any more."""
    states = _places(gates, traces, failed, ended=ended)
    tasks: dict[str, Counter[str]] = {}
    for (path, _), state in states.items():
        if path not in tasks:
            tasks[path] = Counter()
        tasks[path][state] += 1
    named = {(gate.path, gate.item_key): gate.id for gate in gates}
    paths = loops_of(plan)
    outside = [gate.id for gate in gates if not gate.item_key]
    return Parts(tasks, [_loop(path, paths, states, named) for path in paths], outside)


def _places(
    gates: Iterable[GateState], traces: Iterable[Trace], failed: Iterable[str], *, ended: bool
) -> dict[tuple[str, str], str]:
    states = {(path, key): _of_gate(state, outcome) for _, path, key, state, outcome in gates}
    for place, state in traces:
        states.setdefault(split(place), "cancelled" if ended and state == "running" else state)
    for place in failed:
        states[split(place)] = "failed"
    return states


def _of_gate(state: str, outcome: str | None) -> str:
    if state == "open":
        return "waiting"
    if state == "withdrawn":
        return "withdrawn"
    return outcome if outcome in _RANK else "succeeded"


def _loop(
    path: str, loops: list[str], states: Mapping[tuple[str, str], str], gates: Mapping[tuple[str, str], str]
) -> Loop:
    depth = sum(1 for other in loops if path == other or path.startswith(f"{other}/"))
    ranks: dict[str, int] = {}
    asked: dict[str, list[str]] = {}
    inner = f"{path}/"
    for place, state in states.items():
        where, key = place
        if not key or not (where.startswith(inner) or where == path):
            continue
        element = ".".join(key.split(".")[:depth]) if "." in key else key
        rank = _RANK[state]
        ranks[element] = min(rank, ranks.get(element, rank))
        if place in gates:
            asked.setdefault(element, []).append(gates[place])
    ordered = sorted(ranks, key=int) if all(map(str.isdecimal, ranks)) else sorted(ranks, key=by_key)
    return Loop(path, [Element(key, ORDER[ranks[key]], tuple(asked.get(key, ()))) for key in ordered])
