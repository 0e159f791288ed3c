"""Inputs and triggers: defaults that fit, patterns that compile, schedules that exist, events that map to inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from workflows.flow.cron import BadCron, check_cron
from workflows.flow.expr import ExpressionError, references
from workflows.flow.expressions.nearest import nearest
from workflows.flow.inputs import BadInput, coerce
from workflows.flow.loaded import Json, Path, Report
from workflows.flow.model.fields import Input
from workflows.flow.model.triggers import Schedule, Trigger
from workflows.flow.plan import input_plan
from workflows.flow.schema_values import BadPattern, matches
from workflows.flow.tree import Flow

P = TypeVar("P", Input, Trigger)


def check_starts(flow: Flow, report: Report) -> None:
    for path, one in _with_paths(flow.inputs, "inputs", report):
        _input(one, path, report)
    for path, trigger in _with_paths(flow.triggers, "triggers", report):
        _trigger(flow, trigger, path, report)


def _with_paths(parts: Sequence[P], name: str, report: Report) -> list[tuple[Path, P]]:
    """Pair valid parts with their places; the first of two with one id counts."""
    places: dict[str, Path] = {}
    for index, raw in report.loaded.groups(name):
        if isinstance(raw.get("id"), str):
            places.setdefault(raw["id"], (name, index))
    return [(places[part.id], part) for part in parts]


def _input(one: Input, path: Path, report: Report) -> None:
    if one.type == "select" and not one.enum:
        report.add(path, "missing-key", "`enum` is missing: the choices of this input", "add `enum: [a, b]`")
    if one.pattern is not None:
        try:
            matches(one.pattern, "")
        except BadPattern as error:
            report.add((*path, "pattern"), "bad-pattern", str(error))
            return
    if one.required and one.default is not None:
        report.add(
            (*path, "required"), "bad-value", "an input with a default is never required", "remove one", key=True
        )
    if one.default is not None:
        try:
            coerce(input_plan(one), one.default)
        except BadInput as error:
            report.add((*path, "default"), "bad-default", f"the default of `{one.id}` {error}")


def _trigger(flow: Flow, trigger: Trigger, path: Path, report: Report) -> None:
    declared = {one.id: one for one in flow.inputs}
    for name, value in trigger.inputs.items():
        if name not in declared:
            report.add(
                (*path, "inputs", name),
                "unknown-input",
                f"there is no input `{name}`",
                nearest(name, declared),
                key=True,
            )
        elif (
            declared[name].type in ("file", "url") and _from_event(value) and getattr(trigger, "connection", "") is None
        ):
            message = f"the event decides which {declared[name].type} `{name}` is, so it needs a `connection`"
            report.add(
                (*path, "inputs", name), "missing-connection", message, "the connection says which hosts are allowed"
            )
    for name, one in declared.items():
        if one.is_required and name not in trigger.inputs:
            message = f"this trigger gives no value for the input `{name}`"
            report.add(path, "missing-input", message, f"add `inputs: {{{name}: ...}}` or a default")
    if isinstance(trigger, Schedule):
        _schedule(trigger, path, report)


def _from_event(value: Json) -> bool:
    try:
        return any(used[0] == "trigger" for used in references(value))
    except ExpressionError:
        return False


def _schedule(trigger: Schedule, path: Path, report: Report) -> None:
    try:
        check_cron(trigger.cron)
    except BadCron as error:
        report.add(
            (*path, "cron"), "bad-cron", str(error), "five parts: minute hour day month weekday, e.g. `0 6 * * 1-5`"
        )
    try:
        ZoneInfo(trigger.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        report.add(
            (*path, "timezone"),
            "bad-timezone",
            f"there is no time zone `{trigger.timezone[:60]}`",
            "e.g. Europe/Madrid",
        )
