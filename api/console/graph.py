"""A flow drawn from its plan: boxes from top to bottom, what is inside a task inside its frame. Pure; units are pixels.

``layout`` decides places only. The template ``graph.html`` draws them, and colours each node by a ``Mark``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from workflows.flow.planned import FlowPlan, TaskPlan

NODE_W, NODE_H = 216, 48
GAP, PAD, LABEL = 26, 14, 18
_NAME, _NOTE = 26, 32
_FAILURE, _ALWAYS = "on failure", "always"


@dataclass(frozen=True, slots=True)
class Node:
    """One task. ``path`` is its task path (``triage/review/write``); ``note`` a condition or a role, perhaps empty."""

    path: str
    id: str
    type: str
    kind: str
    note: str
    x: float
    y: float
    width: float = NODE_W
    height: float = NODE_H

    @property
    def name(self) -> str:
        return fitted(self.id, _NAME)

    @property
    def below(self) -> str:
        return fitted(f"{self.type} · {self.note}" if self.note else self.type, _NOTE)


@dataclass(frozen=True, slots=True)
class Box:
    """The frame around what is inside the task ``path``."""

    path: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Edge:
    """A line with its arrow, as the data of an SVG path."""

    d: str
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    x: float
    y: float
    text: str


@dataclass(slots=True)
class Drawing:
    width: float = 0
    height: float = 0
    nodes: list[Node] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Mark:
    """How a task stands: a ``state`` of the design system, its word, and more (``3 of 120``) in few words."""

    state: str
    words: str = ""
    more: str = ""

    @property
    def below(self) -> str:
        """``more`` as far as it fits into a node."""
        return fitted(self.more, _NOTE)


@dataclass(frozen=True, slots=True)
class _Group:
    """Tasks in a row inside another one."""

    label: str
    tasks: Sequence[TaskPlan]
    note: str = ""


def layout(plan: FlowPlan) -> Drawing:
    """Places for every task of the flow, also those for failures and the end."""
    drawing = Drawing()
    sections = [_Group("", plan.tasks), _Group(_FAILURE, plan.errors), _Group(_ALWAYS, plan.finally_)]
    filled = [group for group in sections if group.tasks]
    drawing.width = max((_width(group.tasks) for group in filled), default=NODE_W) + 2
    y: float = 1
    for group in filled:
        if group.label:
            y += GAP
            drawing.labels.append(Label(drawing.width / 2, y + 12, group.label))
            y += LABEL
        y = _column(drawing, group.tasks, "", drawing.width / 2, y)
    drawing.height = y + 1
    return drawing


def paths(plan: FlowPlan) -> list[str]:
    """The task paths in the order in which they are drawn."""
    return [node.path for node in layout(plan).nodes]


def fitted(text: str, length: int) -> str:
    """``text``, cut so that it fits into a node."""
    return text if len(text) <= length else text[: length - 1] + "…"


def _column(drawing: Drawing, tasks: Iterable[TaskPlan], path: str, middle: float, y: float, note: str = "") -> float:
    """Draw tasks that run one after the other; returns where they end."""
    for position, task in enumerate(tasks):
        if position:
            _arrow(drawing, middle, y, y + GAP)
            y += GAP
        y = _task(drawing, task, path, middle, y, note)
    return y


def _task(drawing: Drawing, task: TaskPlan, path: str, middle: float, y: float, note: str) -> float:
    here = f"{path}/{task.id}" if path else task.id
    groups = _groups(task)
    if not groups:
        return _node(drawing, task, here, middle, y, note)
    box = len(drawing.boxes)
    drawing.boxes.append(Box(here, 0, 0, 0, 0))
    inside = y + PAD
    if task.kind == "gate":
        inside = _gate(drawing, task, here, middle, inside, groups)
    else:
        inside = _node(drawing, task, here, middle, inside, note)
        inside = _beside(drawing, here, middle, inside, groups)
    width, bottom = _width([task]), inside + PAD
    drawing.boxes[box] = Box(here, middle - width / 2, y, width, bottom - y)
    return bottom


def _gate(drawing: Drawing, task: TaskPlan, here: str, middle: float, y: float, groups: list[_Group]) -> float:
    """What is suggested and found, then the question, then what a yes does: as it happens."""
    before = [group for group in groups if group.label != "approved"]
    after = [group for group in groups if group.label == "approved"]
    for group in before:
        y = _column(drawing, group.tasks, here, middle, y, group.note)
        _arrow(drawing, middle, y, y + GAP)
        y += GAP
    y = _node(drawing, task, here, middle, y, "people decide")
    for group in after:
        _arrow(drawing, middle, y, y + GAP)
        y = _column(drawing, group.tasks, here, middle, y + GAP, group.note)
    return y


def _beside(drawing: Drawing, here: str, middle: float, y: float, groups: list[_Group]) -> float:
    """Groups side by side, each under its label."""
    widths = [_width(group.tasks) for group in groups]
    left = middle - (sum(widths) + PAD * (len(widths) - 1)) / 2
    ends = [y]
    for group, width in zip(groups, widths, strict=True):
        centre, top = left + width / 2, y + GAP + LABEL
        if len(groups) == 1:
            _arrow(drawing, centre, y, top - LABEL + 2)
        else:
            drawing.edges.append(Edge(f"M{middle:g} {y:g}v8H{centre:g}{_head(top - LABEL + 2)}", dashed=True))
        drawing.labels.append(Label(centre, top - 4, fitted(group.label, _NOTE)))
        ends.append(_column(drawing, group.tasks, here, centre, top))
        left += width + PAD
    return max(ends)


def _node(drawing: Drawing, task: TaskPlan, path: str, middle: float, y: float, note: str) -> float:
    words = note or (f"when {task.when}" if task.when else "")
    drawing.nodes.append(Node(path, task.id, task.type, task.kind, words, middle - NODE_W / 2, y))
    return y + NODE_H


def _arrow(drawing: Drawing, x: float, top: float, bottom: float) -> None:
    drawing.edges.append(Edge(f"M{x:g} {top:g}{_head(bottom)}"))


def _head(bottom: float) -> str:
    return f"V{bottom:g}m-4 -5l4 5l4 -5"


def _groups(task: TaskPlan) -> list[_Group]:
    """What is inside a task, in the order in which it runs."""
    if task.gate is not None:
        suggest = (task.gate.suggest,) if task.gate.suggest else ()
        parts = [
            _Group("suggested", suggest, "suggests"),
            _Group("evidence", task.gate.enrich, "evidence"),
            _Group("approved", task.gate.on_approve, "after a yes"),
        ]
        return [part for part in parts if part.tasks]
    if task.foreach is not None:
        return [_Group("for each element", task.foreach.tasks)]
    if task.branch is not None:
        cases = [_Group(name, tasks) for name, tasks in task.branch.cases.items() if tasks]
        return [*cases, *([_Group("otherwise", task.branch.default)] if task.branch.default else [])]
    if task.kind == "repeat":
        inner = [TaskPlan.model_validate(one) for one in task.properties.get("tasks", ())]
        return [_Group("again and again", inner)] if inner else []
    return []


def _width(tasks: Iterable[TaskPlan]) -> float:
    return max((_width_of(task) for task in tasks), default=NODE_W)


def _width_of(task: TaskPlan) -> float:
    groups = _groups(task)
    if not groups:
        return NODE_W
    widths = [_width(group.tasks) for group in groups]
    inside = max(widths) if task.kind == "gate" else sum(widths) + PAD * (len(widths) - 1)
    return max(NODE_W, inside) + 2 * PAD
