"""Ids, ``needs``, tasks that can never run, and the results that a foreach names."""

from __future__ import annotations

from collections.abc import Iterable

from workflows.flow.expressions.nearest import nearest
from workflows.flow.loaded import Report
from workflows.flow.model.control import Foreach
from workflows.flow.tree import Flow, Task

_NEVER = frozenset({"false", "{{ false }}", "{{false}}"})


def check_order(flow: Flow, report: Report) -> None:
    _ids(flow, report)
    for tasks in _lists(flow):
        _needs(tasks, report)
        _reachable(tasks, report)
    for task in flow.walk():
        inner = [one.id for one in task.lists.get("tasks", [])]
        if isinstance(task.model, Foreach) and task.model.result is not None and task.model.result not in inner:
            hint = nearest(task.model.result, inner) or "name a task of this foreach"
            report.add(
                (*task.path, "result"),
                "unknown-output",
                f"there is no task `{task.model.result}` in this foreach",
                hint,
            )


def _lists(flow: Flow) -> Iterable[list[Task]]:
    yield from flow.sections().values()
    for task in flow.walk():
        yield from task.lists.values()


def _ids(flow: Flow, report: Report) -> None:
    first: dict[str, Task] = {}
    for task in flow.walk():
        if not task.id or (task.path[-1] == "suggest" and task.id == "suggest"):
            continue
        if task.id in first:
            line = report.loaded.place((*first[task.id].path, "id")).line
            hint = f"the first one is in line {line}; every task of a flow has its own id"
            report.add((*task.path, "id"), "duplicate-id", f"there are two tasks called `{task.id}`", hint)
        first.setdefault(task.id, task)


def _needs(tasks: list[Task], report: Report) -> None:
    known = {task.id: task for task in tasks}
    for task in tasks:
        for index, name in enumerate(task.common.needs or ()):
            if name not in known:
                hint = nearest(name, known) or "name a task of the same list"
                report.add(
                    (*task.path, "needs", index), "unknown-need", f"there is no task `{name}` beside this one", hint
                )
    for task in tasks:
        cycle = _cycle(task, known)
        if cycle:
            message = "these tasks wait for each other: " + " → ".join(cycle)
            report.add((*task.path, "needs"), "needs-cycle", message, "remove one of the needs", key=True)
            return


def _cycle(start: Task, known: dict[str, Task]) -> list[str]:
    """Return the ids of a cycle through ``start``, or nothing."""
    came_from: dict[str, str] = {}
    work = [start.id]
    while work:
        current = work.pop()
        for name in known[current].common.needs or ():
            if name == start.id:
                back = [current]
                while back[-1] != start.id:
                    back.append(came_from[back[-1]])
                return [*reversed(back), start.id]
            if name in known and name not in came_from:
                came_from[name] = current
                work.append(name)
    return []


def _reachable(tasks: list[Task], report: Report) -> None:
    ended = ""
    for task in tasks:
        if ended:
            hint = f"`{ended}` ends the flow; give it a `when`, or remove what follows"
            report.add(task.path, "unreachable", f"`{task.id}` can never run", hint)
            return
        when = task.common.when
        if when is not None and when.strip() in _NEVER:
            report.add(
                (*task.path, "when"), "unreachable", f"`{task.id}` can never run", "its condition is always false"
            )
        elif task.kind in ("stop", "fail") and when is None and not task.common.allow_failure:
            ended = task.id
