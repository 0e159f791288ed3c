"""Follows what a model wrote through a flow, and refuses it in a write task that no gate protects.

What a gate lets through is clean. Taint goes through ``set``, results of ``foreach``, other tasks' outputs and
files written and read again; it does not go through ``when``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from workflows.flow.expr import ExpressionError, references
from workflows.flow.loaded import Json, Report
from workflows.flow.model.control import Foreach, Set
from workflows.flow.tree import Flow, Task

Path = tuple[str, ...]

NOTIFICATIONS = frozenset({"slack.post", "email.send"})
_ITEM: Path = ("item",)
_PARENT: Path = ("parent",)
_SUGGESTION: Path = ("suggestion",)
_ERROR: Path = ("error",)
"""What a failure says: it may quote what the failed task was given."""
_FILE_KEYS = ("path", "to", "from", "uri", "key")
_FIXED_HOST = re.compile(r"https?://[^/?#{}\s]+[/?#]", re.IGNORECASE)
"""An address whose host the author wrote: what follows may hold anything, it goes where the author said."""
_INSIDE = frozenset({"tasks", "suggest", "enrich", "on_approve", "branches", "cases", "default"})


def check_taint(flow: Flow, report: Report) -> None:
    """Report write tasks that a model feeds. ``mode: auto`` lifts this."""
    if flow.document.mode == "auto":
        return
    follower = _Follower(report)
    tainted = follower.tasks(flow.tasks, frozenset())
    if any(task.kind == "agent" for task in flow.walk()):
        tainted |= {_ERROR}
    for tasks in (flow.errors, flow.finally_):
        follower.tasks(tasks, tainted, notifications=True)


class _Follower:
    def __init__(self, report: Report) -> None:
        self.report = report
        self.files: set[str] = set()

    def tasks(self, tasks: Iterable[Task], tainted: frozenset[Path], *, notifications: bool = False) -> frozenset[Path]:
        """Follow tasks in order; return what is tainted after the last."""
        for task in tasks:
            tainted |= self.task(task, tainted, notifications=notifications)
        return tainted

    def task(self, task: Task, tainted: frozenset[Path], *, notifications: bool) -> frozenset[Path]:
        """Return the paths that this task adds."""
        if task.kind == "gate":
            self.tasks(task.lists.get("suggest", []), tainted)
            suggested = (
                {_SUGGESTION} if any(inner.kind == "agent" for inner in task.lists.get("suggest", [])) else set()
            )
            self.tasks(task.lists.get("enrich", []), tainted | suggested)
            return frozenset()
        if task.kind == "agent":
            return frozenset({("outputs", task.id), _ERROR})
        if isinstance(task.model, Foreach):
            return self._foreach(task, task.model, tainted, notifications=notifications)
        if isinstance(task.model, Set):
            return frozenset(
                ("outputs", task.id, name) for name, value in task.model.values.items() if _uses(value, tainted)
            )
        added: set[Path] = set()
        for tasks in task.lists.values():
            added |= self.tasks(tasks, tainted, notifications=notifications) - tainted
        return frozenset(added) | self._outside(task, tainted, notifications=notifications)

    def _foreach(self, task: Task, model: Foreach, tainted: frozenset[Path], *, notifications: bool) -> frozenset[Path]:
        dirty_items = _uses(model.items, tainted)
        inside = {path for path in tainted if path not in (_ITEM, _PARENT, _ERROR)}
        inside |= {_ITEM} if dirty_items else set()
        inside |= {_PARENT} if tainted & {_ITEM, _PARENT} else set()
        inner = task.lists.get("tasks", [])
        done = self.tasks(inner, frozenset(inside), notifications=notifications)
        result = model.result or (inner[-1].id if inner else "")
        added = {("outputs", task.id, name) for name in ("rejected", "failed") if dirty_items}
        if _ERROR in done:
            added.add(("outputs", task.id, "failed"))
        if any(path[:2] == ("outputs", result) for path in done):
            added.add(("outputs", task.id, "results"))
        return frozenset(added)

    def _outside(self, task: Task, tainted: frozenset[Path], *, notifications: bool) -> frozenset[Path]:
        own = {key: value for key, value in task.raw.items() if key not in _INSIDE}
        dirty = sorted(key for key, value in own.items() if _uses(value, tainted))
        if task.type == "http.request" and "url" in dirty and not _FIXED_HOST.match(str(own["url"])):
            self._report_url(task)
            dirty.remove("url")
        places = {
            value for key, value in own.items() if key in _FILE_KEYS and isinstance(value, str) and "{{" not in value
        }
        if task.effect == "write" and dirty:
            self.files |= places
            if not (notifications and task.type in NOTIFICATIONS):
                self._report(task, dirty[0], notifications=notifications)
        reads_again = task.effect == "read" and bool(places & self.files)
        return frozenset({("outputs", task.id), _ERROR}) if dirty or reads_again else frozenset()

    def _report_url(self, task: Task) -> None:
        """Whatever the method: an address can carry data out, and a model must not choose where it goes."""
        hint = "give the address in a `connection`, or use the outputs of a gate"
        self.report.add((*task.path, "url"), "model-url", "a model would choose which address is called", hint)

    def _report(self, task: Task, key: str, *, notifications: bool) -> None:
        message = f"`{task.type}` would act on what a model wrote, and nobody approves it"
        hint = "put it in `on_approve` of a gate, or use the outputs of a gate"
        if notifications:
            hint = "in `errors` and `finally` only notifications may carry such text"
        self.report.add((*task.path, key), "ungated-write", message, hint)


def _uses(value: Json, tainted: frozenset[Path]) -> bool:
    try:
        used = references(value)
    except ExpressionError:
        return False
    return any(path[: len(dirty)] == dirty[: len(path)] for path in used for dirty in tainted)
