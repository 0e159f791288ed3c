"""The one check, used by every channel, so that the words are the same everywhere."""

from __future__ import annotations

from workflows.flow.check.structure import read_flow
from workflows.flow.diagnostics import Diagnostic
from workflows.flow.loaded import Loaded, Report
from workflows.flow.tasktype import World
from workflows.flow.tree import Flow


def check(loaded: Loaded, world: World, namespace: str | None = None) -> list[Diagnostic]:
    """Return every problem of a loaded document, in the order of its text."""
    return check_loaded(loaded, world, namespace)[1]


def check_loaded(loaded: Loaded, world: World, namespace: str | None = None) -> tuple[Flow | None, list[Diagnostic]]:
    """Return the flow as far as it can be understood, and every problem."""
    report = Report(loaded)
    flow = read_flow(loaded, world, report)
    return flow, report.diagnostics
