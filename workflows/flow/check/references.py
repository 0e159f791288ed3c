"""Walks the tasks in the order they run and checks every expression against what exists at its place."""

from __future__ import annotations

from collections.abc import Iterable

from workflows.flow.check.expressions import ExpressionChecker
from workflows.flow.check.scope import Problem, Scope, flow_scope
from workflows.flow.check.shapes import (
    ANYTHING,
    Shape,
    closed,
    element_shape,
    final_shape,
    input_shape,
    output_shape,
    suggestion_shape,
)
from workflows.flow.expr import ExpressionError, template_parts
from workflows.flow.expressions.parse import parse
from workflows.flow.expressions.paths import constant_path
from workflows.flow.expressions.values import Refused
from workflows.flow.loaded import Json, Report
from workflows.flow.model.control import Foreach
from workflows.flow.model.gate import Gate
from workflows.flow.tree import Flow, Task

_INSIDE = frozenset({"tasks", "suggest", "enrich", "on_approve", "branches", "cases", "default"})
_SEEN_AFTERWARDS = frozenset({"parallel", "switch", "repeat"})
_FIXED = "what is approved must be known before people decide: use inputs, earlier outputs, `item` or `final`"


def check_references(flow: Flow, variables: dict[str, object], report: Report) -> None:
    """Check the expressions of a whole flow."""
    _References(flow, variables, report).run()


class _References:
    def __init__(self, flow: Flow, variables: dict[str, object], report: Report) -> None:
        self.flow = flow
        self.report = report
        self.check = ExpressionChecker(report)
        self.scope = flow_scope(flow, variables, _by_id(flow.walk()), input_shape(flow.inputs))

    def run(self) -> None:
        for index, raw in self.report.loaded.groups("triggers"):
            self._trigger(raw, index)
        done = self.tasks(self.flow.tasks, self.scope)
        error = closed(dict.fromkeys(("message", "code", "task", "remedy"), ANYTHING))
        self.tasks(self.flow.errors, done.plus(error=error))
        self.tasks(self.flow.finally_, done.plus(error=error))
        for name, output in self.flow.outputs.items():
            path = (
                ("outputs", name, "value")
                if ("outputs", name, "value") in self.report.loaded.values
                else ("outputs", name)
            )
            self.check.template(output.value, path, done)

    def _trigger(self, raw: dict[str, Json], index: int) -> None:
        hint = "a trigger knows only `trigger`, `vars` and `labels`"
        scope = self.scope.without(inputs=hint, outputs=hint)
        self.check.template(raw.get("inputs"), ("triggers", index, "inputs"), scope)
        self.check.condition(raw.get("when"), ("triggers", index, "when"), scope)

    def tasks(self, tasks: Iterable[Task], scope: Scope) -> Scope:
        """Check tasks that run one after the other; return what is known after the last."""
        for task in tasks:
            self.task(task, scope)
            scope = scope.after(_visible(task))
        return scope

    def task(self, task: Task, scope: Scope) -> None:
        self.check.condition(task.common.when, (*task.path, "when"), scope)
        if task.kind == "gate":
            self.gate(task, scope)
            return
        allowed = task.task_type.secrets if task.task_type else frozenset()
        conditions = {"until"} if task.kind == "repeat" else set()
        for key, value in task.raw.items():
            if task.task_type is None and key in _INSIDE:
                continue
            if key not in conditions:
                self.check.template(value, (*task.path, key), scope, secrets=key in allowed)
        inner = self._element_scope(task, scope) if task.kind == "foreach" else scope
        done = inner
        for tasks in task.lists.values():
            done = self.tasks(tasks, inner)
        for key in conditions:
            self.check.condition(task.raw.get(key), (*task.path, key), done)

    def _element_scope(self, task: Task, scope: Scope) -> Scope:
        items = task.model.items if isinstance(task.model, Foreach) else None
        element = _element(items, scope)
        return scope.plus(item=element, index={"type": "integer"}, parent=ANYTHING)

    def gate(self, task: Task, scope: Scope) -> None:
        model = task.model
        self.tasks(task.lists.get("suggest", []), scope)
        self.check.template(task.raw.get("suggestion"), (*task.path, "suggestion"), scope)
        suggested = scope.plus(suggestion=suggestion_shape(task, model) if isinstance(model, Gate) else ANYTHING)
        for key in ("title", "show"):
            self.check.template(task.raw.get(key), (*task.path, key), suggested)
        rules = task.raw.get("validate")
        for index, rule in enumerate(rules if isinstance(rules, list) else ()):
            for key in ("when", "require") if isinstance(rule, dict) else ():
                self.check.condition(rule.get(key), (*task.path, "validate", index, key), suggested)
        self._approve(task, suggested)
        self.tasks(task.lists.get("enrich", []), suggested)
        final = scope.plus(final=final_shape(task, model) if isinstance(model, Gate) else ANYTHING)
        for effect in task.lists.get("on_approve", []):
            self.task(effect, final.without(execution_now=_FIXED, suggestion="use `final`, which is what was decided"))

    def _approve(self, task: Task, scope: Scope) -> None:
        approve = task.raw.get("approve")
        if isinstance(approve, dict):
            self.check.condition(approve.get("auto_when"), (*task.path, "approve", "auto_when"), scope)
            self.check.template(approve.get("notify"), (*task.path, "approve", "notify"), scope)
            self.check.template(approve.get("priority"), (*task.path, "approve", "priority"), scope)


def _by_id(tasks: Iterable[Task]) -> dict[str, Task]:
    made: dict[str, Task] = {}
    for task in tasks:
        made.setdefault(task.id, task)
    return made


def _visible(task: Task) -> dict[str, Shape]:
    made = {task.id: output_shape(task)} if task.id else {}
    if task.kind in _SEEN_AFTERWARDS:
        for tasks in task.lists.values():
            for inner in tasks:
                made |= _visible(inner)
    return made


def _element(items: Json, scope: Scope) -> Shape:
    """Return what is known of ``item``: the elements of the list that one plain expression names."""
    if isinstance(items, list):
        return ANYTHING
    try:
        parts = template_parts(items) if isinstance(items, str) else ()
        path = constant_path(parse(parts[0].text)) if len(parts) == 1 and parts[0].is_expression else None
    except (ExpressionError, Refused):
        return ANYTHING
    found = scope.resolve(path) if path else ANYTHING
    return ANYTHING if isinstance(found, Problem) else element_shape(found, found)
