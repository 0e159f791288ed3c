"""Names of the world that a flow uses: connections, collections, models; and what this version does not run yet."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from workflows.flow.effects import effect_of
from workflows.flow.expressions.nearest import nearest
from workflows.flow.loaded import Json, Path, Report
from workflows.flow.model.ai import Agent
from workflows.flow.model.control import AVAILABLE_CONTROL, CONTROL
from workflows.flow.model.gate import Gate
from workflows.flow.model.triggers import AVAILABLE_TRIGGERS, TRIGGERS
from workflows.flow.tasktype import World
from workflows.flow.tree import Flow, Task

_LATER = "this version of Visto does not run it yet"


def check_names(flow: Flow, world: World, namespace: str, report: Report) -> None:
    """Report connections, collections and models that do not exist."""
    connections, models = world.connections(namespace), world.models(namespace)
    ingested = {task.raw.get("collection") for task in flow.walk() if task.kind == "rag.ingest"}
    known = world.collections(namespace)
    collections = None if known is None else known | {name for name in ingested if isinstance(name, str)}
    for index, raw in report.loaded.groups("triggers"):
        _known(raw.get("connection"), connections, ("triggers", index, "connection"), "connection", report)
    for task in flow.walk():
        _known(task.raw.get("connection"), connections, (*task.path, "connection"), "connection", report)
        for path, name in _collections(task):
            _known(name, collections, path, "collection", report)
        if isinstance(task.model, Agent):
            _known(task.model.model, models, (*task.path, "model"), "model", report)


def _collections(task: Task) -> Iterator[tuple[Path, Json]]:
    if task.kind == "rag.search":
        yield (*task.path, "collection"), task.raw.get("collection")
    if isinstance(task.model, Agent):
        for index, use in enumerate(task.model.knowledge):
            yield (*task.path, "knowledge", index, "collection"), use.collection


def _known(name: Json, known: Collection[str] | None, path: Path, what: str, report: Report) -> None:
    if known is None or not isinstance(name, str) or "{{" in name or name in known:
        return
    listed = "known: " + ", ".join(sorted(known)[:8]) if known else f"there is no {what} in this namespace yet"
    report.add(path, f"unknown-{what}", f"there is no {what} `{name[:60]}`", nearest(name, known) or listed)


def check_available(flow: Flow, report: Report) -> None:
    """Report what the language knows but this version does not run."""
    for index, raw in report.loaded.groups("triggers"):
        kind = raw.get("type")
        if isinstance(kind, str) and kind in TRIGGERS and kind not in AVAILABLE_TRIGGERS:
            _later(("triggers", index, "type"), f"the trigger `{kind}`", report)
    for task in flow.walk():
        if task.type in CONTROL and task.type not in AVAILABLE_CONTROL:
            _later((*task.path, "type"), f"`{task.type}`", report)
        if task.task_type is not None and not task.task_type.available:
            _later((*task.path, "type"), f"`{task.type}`", report)
        if task.common.needs is not None:
            _later((*task.path, "needs"), "`needs`", report, key=True)
        if isinstance(task.model, Gate):
            _gate_later(task, task.model, report)
        if isinstance(task.model, Agent):
            _tools_later(task, task.model, report)


def _gate_later(task: Task, gate: Gate, report: Report) -> None:
    parts = {
        "escalate": gate.approve.escalate is not None,
        "second_look": gate.approve.second_look > 0,
    }
    for name, used in parts.items():
        if used:
            _later((*task.path, "approve", name), f"`{name}`", report, key=True)


def _tools_later(task: Task, agent: Agent, report: Report) -> None:
    for index, raw in enumerate(agent.tools):
        known = task.tool_types.get(str(raw.get("type")))
        if known is not None and (effect_of(known, raw) == "write" or not known.available):
            _later((*task.path, "tools", index, "type"), f"`{known.name}` as a tool", report)


def _later(path: Path, what: str, report: Report, *, key: bool = False) -> None:
    report.add(path, "not-available", f"{what} is not available", _LATER, key=key)
