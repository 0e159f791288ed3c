"""The one way from a flow's text to what runs: load, check, normalise, identify, plan."""

from __future__ import annotations

from dataclasses import dataclass

from workflows.flow.check import check_loaded
from workflows.flow.diagnostics import Diagnostic, has_errors
from workflows.flow.load import load
from workflows.flow.loaded import Json, Loaded
from workflows.flow.plan import make_plan, normalise, revision_sha256
from workflows.flow.planned import FlowPlan
from workflows.flow.tasktype import World
from workflows.flow.tree import Flow


@dataclass(frozen=True, slots=True)
class Compilation:
    """What became of a text. ``plan``, ``normalised`` and ``sha256`` exist only when no diagnostic is an error."""

    flow: Flow | None
    plan: FlowPlan | None
    diagnostics: list[Diagnostic]
    normalised: dict[str, Json] | None = None
    sha256: str = ""

    @property
    def ok(self) -> bool:
        return self.plan is not None


def compile_flow(text: str, name: str, world: World, namespace: str | None = None, revision: int = 0) -> Compilation:
    """Compile a flow's text. ``namespace`` overrides the flow's own; never raises for what a text contains."""
    return _compile(load(text, name), world, namespace, revision)


def compile_data(data: Json, name: str, world: World, namespace: str | None = None, revision: int = 0) -> Compilation:
    """Compile a flow that is data already, e.g. the normalised flow of a stored revision."""
    return _compile(Loaded.from_data(data, name), world, namespace, revision)


def _compile(loaded: Loaded, world: World, namespace: str | None, revision: int) -> Compilation:
    flow, diagnostics = check_loaded(loaded, world, namespace)
    if flow is None or has_errors(diagnostics):
        return Compilation(flow, None, diagnostics)
    normalised = normalise(flow)
    sha256 = revision_sha256({"flow": normalised, "files": {}})
    where = namespace or flow.document.namespace
    plan = make_plan(flow, world, namespace=where, revision=revision, sha256=sha256)
    return Compilation(flow, plan, diagnostics, normalised, sha256)
