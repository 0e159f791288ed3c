"""Gates: reviewers who exist and can reach the quorum, fields that exist, evidence that only reads."""

from __future__ import annotations

from collections.abc import Mapping

from workflows.flow.durations import parse_duration
from workflows.flow.expr import ExpressionError, compile_expression
from workflows.flow.expressions.nearest import nearest
from workflows.flow.loaded import Path, Report
from workflows.flow.model.ai import Agent
from workflows.flow.model.gate import Approve, Gate, Stage, quorum_number, quorum_pool
from workflows.flow.plan_gate import suggestion_schema
from workflows.flow.tree import Flow, Task

_EFFECT_KINDS = frozenset({"activity", "agent", "rag.search", "rag.ingest"})


def check_gates(flow: Flow, groups: Mapping[str, int] | None, report: Report) -> None:
    for task in flow.walk():
        if isinstance(task.model, (Agent, Gate)):
            _reserved(task, task.model.output, report)
        if task.kind == "gate":
            _tasks_inside(task, report)
            if isinstance(task.model, Gate):
                _check_gate(task, task.model, groups, report)


def _tasks_inside(task: Task, report: Report) -> None:
    for name in ("suggest", "enrich", "on_approve"):
        for inner in task.lists.get(name, []):
            if inner.kind not in _EFFECT_KINDS:
                hint = "put it before or after the gate"
                report.add((*inner.path, "type"), "wrong-place", f"`{inner.type}` cannot stand in `{name}`", hint)
            elif name == "suggest" and inner.effect == "write":
                hint = "a suggestion only says what should happen; effects belong in `on_approve`"
                report.add((*inner.path, "type"), "suggest-writes", f"`{inner.type}` changes something", hint)
            elif name == "enrich" and inner.effect == "write":
                hint = "`enrich` only gathers evidence; effects belong in `on_approve`"
                report.add((*inner.path, "type"), "enrich-writes", f"`{inner.type}` changes something", hint)


def _check_gate(task: Task, gate: Gate, groups: Mapping[str, int] | None, report: Report) -> None:
    approve, path = gate.approve, (*task.path, "approve")
    _editable(task, gate, report)
    suggest = task.lists.get("suggest", [])
    if gate.revise and not (suggest and isinstance(suggest[0].model, Agent)):
        hint = "only an agent can answer again; remove `revise`"
        report.add((*task.path, "revise"), "cannot-revise", "this suggestion cannot be revised", hint, key=True)
    if approve.stages and (approve.reviewers.groups or approve.reviewers.people):
        hint = "with `stages`, `reviewers` keeps only `exclude`"
        report.add((*path, "reviewers"), "bad-value", "give either `reviewers` or `stages`", hint, key=True)
    for index, stage in enumerate(approve.all_stages()):
        where = (*path, "stages", index) if approve.stages else (*path, "reviewers")
        _stage(stage, where, groups, report)
    _no_groups(
        approve.escalate.to.groups if approve.escalate else [], (*path, "escalate", "to", "groups"), groups, report
    )
    _clocks(approve, path, report)
    _stated_confidence(approve, path, report)


def _reserved(task: Task, output: Mapping[str, object] | None, report: Report) -> None:
    if output and "meta" in output:
        report.add(
            (*task.path, "output", "meta"), "reserved-name", "`meta` is reserved", "choose another name", key=True
        )


def _editable(task: Task, gate: Gate, report: Report) -> None:
    fields = suggestion_schema(task, gate).get("properties")
    for index, name in enumerate(gate.approve.editable):
        if fields is not None and name not in fields:
            hint = nearest(name, fields) or "the fields are: " + ", ".join(fields)
            report.add(
                (*task.path, "approve", "editable", index),
                "unknown-field",
                f"the suggestion has no field `{name}`",
                hint,
            )


def _no_groups(names: list[str], path: Path, groups: Mapping[str, int] | None, report: Report) -> bool:
    """Report unknown groups; return whether there were any."""
    unknown = [(index, name) for index, name in enumerate(names) if groups is not None and name not in groups]
    for index, name in unknown:
        hint = nearest(name, groups or ()) or f"add it with `visto people group {name} MEMBER`"
        report.add((*path, index), "unknown-group", f"there is no group `{name}`", hint)
    return bool(unknown)


def _stage(stage: Stage, path: Path, groups: Mapping[str, int] | None, report: Report) -> None:
    if (
        _no_groups(stage.groups, (*path, "groups"), groups, report)
        or groups is None
        or not (stage.groups or stage.people)
    ):
        return
    members = sum(groups[name] for name in set(stage.groups)) + len(set(stage.people))
    quorum, pool = quorum_number(stage.quorum), quorum_pool(stage.quorum)
    needed = max(1 if quorum == "all" else quorum, pool or 0)
    if members < needed:
        message = f"{needed} people must be able to decide here, but there are only {members}"
        report.add((*path, "quorum"), "quorum-unreachable", message, "add people to the group or lower the quorum")


def _clocks(approve: Approve, path: Path, report: Report) -> None:
    if approve.expire is None:
        return
    end = parse_duration(approve.expire.after)
    clocks = {
        "escalate": approve.escalate.after if approve.escalate else None,
        "remind": approve.remind.every if approve.remind else None,
    }
    for name, written in clocks.items():
        if written is not None and parse_duration(written) >= end:
            hint = "make it shorter than `expire`"
            report.add(
                (*path, name), "never-happens", f"the gate expires before `{name}`", hint, key=True, severity="warning"
            )


def _stated_confidence(approve: Approve, path: Path, report: Report) -> None:
    try:
        paths = compile_expression(approve.auto_when).paths if approve.auto_when else frozenset()
    except ExpressionError:
        return
    if any("stated_confidence" in used for used in paths):
        message = "what a model says of its own confidence decides nothing"
        report.add((*path, "auto_when"), "stated-confidence", message, "use `suggestion.meta.confidence`")
