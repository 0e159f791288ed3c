"""From plain data to the typed tree of a flow, reporting keys, types and values that do not fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from pydantic import BaseModel

from workflows.flow.check.tasks import TaskReader
from workflows.flow.check.validation import validate
from workflows.flow.expr import SECRET_KEY
from workflows.flow.expressions.nearest import nearest
from workflows.flow.loaded import Json, Loaded, Path, Report
from workflows.flow.model.fields import Input
from workflows.flow.model.flow import FlowDocument, FlowOutput
from workflows.flow.model.triggers import TRIGGERS, Trigger
from workflows.flow.tasktype import World
from workflows.flow.tree import Flow

M = TypeVar("M", bound=BaseModel)


def read_flow(loaded: Loaded, world: World, report: Report) -> Flow | None:
    """Return the flow as far as it can be understood, or ``None`` if it is not a flow at all."""
    data = loaded.data
    if not isinstance(data, dict):
        if not report.diagnostics:
            report.add((), "wrong-type", "a flow is a group of fields (`name: value`)", "begin with `id:` and `tasks:`")
        return None
    _refuse_references(data, report)
    document = validate(FlowDocument, data, (), report) or _best_document(data)
    reader = TaskReader(report, world, document.defaults)
    reader.check_defaults()
    flow = Flow(document)
    flow.inputs = _parts("inputs", lambda raw, path: validate(Input, raw, path, report), report)
    flow.triggers = _parts("triggers", lambda raw, path: _trigger(raw, path, report), report)
    flow.outputs = _outputs(data.get("outputs"), report)
    flow.tasks = reader.read_list(data.get("tasks"), ("tasks",))
    flow.errors = reader.read_list(data.get("errors"), ("errors",))
    flow.finally_ = reader.read_list(data.get("finally"), ("finally",))
    return flow


def _refuse_references(data: Json, report: Report) -> None:
    """Nobody writes the typed form of a secret by hand: it would pass every rule about where secrets may stand."""
    work: list[tuple[Json, Path]] = [(data, ())]
    while work:
        value, path = work.pop()
        if isinstance(value, dict):
            if SECRET_KEY in value:
                hint = "write `{{ secrets.NAME }}` into a property that takes secrets"
                report.add((*path, SECRET_KEY), "reserved-name", f"`{SECRET_KEY}` is reserved", hint, key=True)
            work.extend((part, (*path, key)) for key, part in value.items())
        elif isinstance(value, list):
            work.extend((part, (*path, index)) for index, part in enumerate(value))


def _best_document(data: Mapping[str, Json]) -> FlowDocument:
    """Keep what can be used of a document with mistakes, so that the rest is checked in the same pass."""
    made = FlowDocument.model_construct(id="flow", tasks=[])
    usable = {"vars": dict, "defaults": dict, "labels": dict}
    found = {name: data[name] for name, kind in usable.items() if isinstance(data.get(name), kind)}
    found["defaults"] = {name: part for name, part in found.get("defaults", {}).items() if isinstance(part, dict)}
    if data.get("mode") == "auto":
        found["mode"] = "auto"
    if isinstance(data.get("namespace"), str):
        found["namespace"] = data["namespace"]
    return made.model_copy(update=found)


def _parts(name: str, read: Callable[[dict[str, Json], Path], M | None], report: Report) -> list[M]:
    made: list[M] = []
    seen: set[str] = set()
    for index, one in report.loaded.groups(name):
        here: Path = (name, index)
        id_ = one.get("id")
        if isinstance(id_, str):
            if id_ in seen:
                report.add(
                    (*here, "id"), "duplicate-id", f"there are two {name} called `{id_}`", "give each its own id"
                )
            seen.add(id_)
        part = read(one, here)
        if part is not None:
            made.append(part)
    return made


def _trigger(raw: dict[str, Json], path: Path, report: Report) -> Trigger | None:
    kind = raw.get("type")
    if not isinstance(kind, str):
        report.add(path, "missing-key", "`type` is missing", "for example `type: webhook`")
        return None
    model = TRIGGERS.get(kind)
    if model is None:
        hint = nearest(kind, TRIGGERS) or "known: " + ", ".join(sorted(TRIGGERS))
        report.add((*path, "type"), "unknown-type", f"there is no trigger type `{kind[:60]}`", hint)
        return None
    return validate(model, raw, path, report)


def _outputs(raw: Json, report: Report) -> dict[str, FlowOutput]:
    made: dict[str, FlowOutput] = {}
    for name, value in raw.items() if isinstance(raw, dict) else ():
        whole = value if isinstance(value, dict) and "value" in value else {"value": value}
        output = validate(FlowOutput, whole, ("outputs", name), report)
        if output is not None:
            made[name] = output
    return made
