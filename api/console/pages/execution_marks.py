"""The states of an execution's tasks as marks on its graph. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from api.console.formats import number, plural, title_case
from api.console.graph import Mark
from workflows.contracts import TERMINAL
from workflows.flow.planned import FlowPlan, TaskPlan
from workflows.usecases.execution_parts import ORDER, Parts, inside, split, urgent, walk

WORDS = {
    "succeeded": "Done", "auto": "By policy", "unknown": "Unknown", "cancelled": "Stopped", "expired": "Expired",
}  # fmt: skip
TONES = {"unknown": "failed", "auto": "approved", "expired": "warning"}
LEAVES_NONE = frozenset({"set", "stop", "fail", "wait", "parallel", "switch", "repeat", "subflow"})
"""Kinds of task that the workflow does by itself, without a record."""
DECIDED = frozenset({"rejected", "expired", "edited", "approved", "auto"})
"""What people, the policy or time came to: none of them is a fault of the task."""
ENDED_WELL = frozenset({"succeeded", "warning"})


def word(state: str) -> str:
    """A part's state as people read it."""
    return WORDS.get(state, title_case(state))


def tone(state: str) -> str:
    """The state of the design system that has the colour of a part's state."""
    return TONES.get(state, state)


def marks_of(plan: FlowPlan, parts: Parts, state: str, failed_at: str | None) -> dict[str, Mark]:
    """A mark for each task path of which something can be said. ``failed_at`` is the place that the reason names."""
    tasks = walk(plan)
    found = {path: _counted(parts.tasks[path]) for path, _ in tasks if parts.tasks.get(path)}
    for loop in parts.loops:
        counts = Counter(loop.counts)
        if counts:
            mark = _counted(counts, of_many=True)
            found[loop.path] = Mark(
                mark.state, "Done" if mark.words == "Decided" else mark.words, plural(counts.total(), "element")
            )
    for path, task in tasks:
        if path not in found and task.kind in LEAVES_NONE and (mark_ := _of_inside(path, task, found)):
            found[path] = mark_
    if failed_at and state in ("failed", "timed_out"):
        path = split(failed_at)[0]
        found[path] = Mark("failed", found[path].words if path in found and found[path].state == "failed" else "Failed",
                           found[path].more if path in found else "")  # fmt: skip
    _quiet(plan.tasks, "", found, state)
    return found


def _counted(counts: Counter[str], *, of_many: bool = False) -> Mark:
    state = urgent(counts)
    if counts.total() == 1 and not of_many:
        return Mark(tone(state), word(state))
    if len(counts) == 1:
        return Mark(
            tone(state), word(state), "" if of_many else f"{counts.total():,}".replace(",", "\u202f") + " times"
        )
    if state in DECIDED:
        every = [f"{number(counts[one])} {word(one).lower()}" for one in ORDER if counts[one]]
        return Mark("succeeded", "Decided", ", ".join(every))
    rest = [f"{number(counts[other])} {word(other).lower()}" for other in ORDER if counts[other] and other != state]
    return Mark(tone(state), f"{number(counts[state])} {word(state).lower()}", ", ".join(rest))


def _of_inside(path: str, task: TaskPlan, found: dict[str, Mark]) -> Mark | None:
    states = [found[f"{path}/{one.id}"].state for one in inside(task) if f"{path}/{one.id}" in found]
    return Mark(urgent(states), word(urgent(states))) if states else None


def _quiet(tasks: Iterable[TaskPlan], above: str, found: dict[str, Mark], state: str) -> None:
    """Say of tasks that left no record whether the flow went past them: what comes later has one."""
    later = state in ENDED_WELL
    for task in reversed(list(tasks)):
        path = f"{above}/{task.id}" if above else task.id
        if path in found:
            later = True
        elif later and task.kind in LEAVES_NONE:
            found[path] = Mark("passed", "Passed", "leaves no record")
        elif later and task.when:
            found[path] = Mark("skipped", "Not needed")
        elif later or state in TERMINAL:
            found[path] = Mark("skipped", "Passed" if later else "Not reached")
        if task.foreach is None and task.gate is None:
            _quiet(inside(task), path, found, state if later else "")
