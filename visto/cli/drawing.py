"""A plan as a picture: an indented tree for the terminal, Mermaid for documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workflows.flow.planned import FlowPlan, TaskPlan


@dataclass(frozen=True, slots=True)
class Edge:
    """``target`` comes after, or inside, ``source``; both are task paths. ``label`` says why when it is not the order."""

    source: str
    target: str
    label: str = ""


def children(task: TaskPlan) -> list[tuple[str, tuple[TaskPlan, ...]]]:
    """The task lists inside a task, each with the word that introduces it."""
    found: list[tuple[str, tuple[TaskPlan, ...]]] = []
    if task.gate is not None:
        found += [("suggest", (task.gate.suggest,) if task.gate.suggest else ())]
        found += [("enrich", task.gate.enrich), ("on_approve", task.gate.on_approve)]
    if task.foreach is not None:
        found.append(("each", task.foreach.tasks))
    if task.branch is not None:
        found += [(f"case {name}", tasks) for name, tasks in task.branch.cases.items()]
        found.append(("default", task.branch.default or ()))
    return [(label, tasks) for label, tasks in found if tasks]


def sections(plan: FlowPlan) -> list[tuple[str, tuple[TaskPlan, ...]]]:
    """The flow's own task lists, empty ones left out."""
    return [
        (name, tasks)
        for name, tasks in (("tasks", plan.tasks), ("errors", plan.errors), ("finally", plan.finally_))
        if tasks
    ]


def tree(plan: FlowPlan) -> str:
    """Draw with indentation, one task a line."""
    lines = [f"{plan.namespace}/{plan.flow_id}"]
    for name, tasks in sections(plan):
        lines.append(f"{name}:")
        lines += _branch(tasks, "  ")
    return "\n".join(lines)


def _branch(tasks: Sequence[TaskPlan], indent: str) -> Iterator[str]:
    for task in tasks:
        effect = "  [write]" if task.effect == "write" else ""
        when = f"  when {task.when}" if task.when else ""
        yield f"{indent}{task.id}  {task.type}{effect}{when}"
        for label, inner in children(task):
            yield f"{indent}  {label}:"
            yield from _branch(inner, indent + "    ")


def edges(plan: FlowPlan) -> list[Edge]:
    """Every arrow of the drawing, in the order of the text."""
    return [edge for name, tasks in sections(plan) for edge in _edges(tasks, name, "")]


def _edges(tasks: Sequence[TaskPlan], source: str, prefix: str, label: str = "") -> Iterator[Edge]:
    before, why = source, label
    for task in tasks:
        path = f"{prefix}{task.id}"
        if task.needs is None:
            yield Edge(before, path, why)
        else:
            yield from (Edge(f"{prefix}{need}", path) for need in task.needs)
        for inner_label, inner in children(task):
            yield from _edges(inner, path, f"{path}/", inner_label)
        before, why = path, ""


def mermaid(plan: FlowPlan) -> str:
    """Draw as a Mermaid flowchart."""
    types = {path: task.type for name, tasks in sections(plan) for path, task in _walk(tasks, "")}
    found = edges(plan)
    names = list(dict.fromkeys(name for edge in found for name in (edge.source, edge.target)))
    ids = {name: f"n{number}" for number, name in enumerate(names)}
    lines = ["flowchart TD"]
    lines += [f'  {ids[name]}["{name}{"<br/>" + types[name] if name in types else ""}"]' for name in names]
    for edge in found:
        arrow = f"-->|{edge.label}|" if edge.label else "-->"
        lines.append(f"  {ids[edge.source]} {arrow} {ids[edge.target]}")
    return "\n".join(lines)


def _walk(tasks: Sequence[TaskPlan], prefix: str) -> Iterator[tuple[str, TaskPlan]]:
    for task in tasks:
        path = f"{prefix}{task.id}"
        yield path, task
        for _, inner in children(task):
            yield from _walk(inner, f"{path}/")
