"""The one check, used by every channel, so that the words are the same everywhere."""

from __future__ import annotations

from workflows.flow.check.gates import check_gates
from workflows.flow.check.names import check_available, check_names
from workflows.flow.check.order import check_order
from workflows.flow.check.references import check_references
from workflows.flow.check.starts import check_starts
from workflows.flow.check.structure import read_flow
from workflows.flow.check.taint import check_taint
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
    if flow is not None:
        where = namespace or flow.document.namespace
        check_order(flow, report)
        check_starts(flow, report)
        check_references(flow, dict(world.namespace_vars(where)), report)
        check_gates(flow, world.group_sizes(where), report)
        check_taint(flow, report)
        check_names(flow, world, where, report)
        check_available(flow, report)
    return flow, report.diagnostics
