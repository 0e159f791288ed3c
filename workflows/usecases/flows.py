"""Flows: check a text, save it as a revision, set a flow's state."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import Literal

from workflows.flow.compile import Compilation, compile_flow
from workflows.gates.model import Actor
from workflows.store.db import Tx
from workflows.store.repositories import flows
from workflows.store.repositories.flows import Flow, Revision
from workflows.usecases.recording import record
from workflows.usecases.refusals import Refused, flow_not_found, invalid_flow, managed_elsewhere
from workflows.usecases.services import Services

FlowState = Literal["draft", "active", "paused", "archived"]
Origin = Literal["git", "console", "slack", "api", "copilot", "cli"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Save:
    """A text to make a revision of. ``managed_by`` names who owns the flow (a repository); ``adopt`` takes it over.

    ``expected_id`` refuses a text that is another flow's. ``base`` is the revision the text was made from, and refuses
    to replace a later one unseen; 0 means that the flow must not exist. ``keep_text``: a revision also for a text that
    differs in comments or layout alone.
    """

    namespace: str
    text: str
    actor: Actor
    origin: Origin = "api"
    name: str = "flow.yaml"
    message: str | None = None
    managed_by: str | None = None
    adopt: bool = False
    expected_id: str | None = None
    state: FlowState = "active"
    base: int | None = None
    keep_text: bool = False


@dataclass(frozen=True, slots=True)
class Saved:
    """``created`` is False when the current revision has equal content already. ``warnings`` are diagnostics."""

    revision: Revision
    created: bool
    warnings: tuple[dict[str, object], ...]


async def check(services: Services, namespace: str, text: str, name: str = "flow.yaml") -> Compilation:
    """Compile without saving; every problem stands in ``diagnostics``."""
    return await asyncio.to_thread(compile_flow, text, name, services.world, namespace)


async def save(services: Services, request: Save) -> Saved:
    """Make the text the flow's current revision, unless it is that already.

    Raises ``Refused`` (``invalid_flow`` with all diagnostics, ``managed_elsewhere``, ``wrong_flow``, ``auto_needs_admin``,
    ``flow_exists``, ``flow_changed``).
    """
    compilation = await check(services, request.namespace, request.text, request.name)
    if compilation.plan is None or compilation.normalised is None:
        raise invalid_flow([asdict(diagnostic) for diagnostic in compilation.diagnostics])
    _check_identity(request, compilation.plan.flow_id)
    _check_mode(request, compilation.plan.mode)
    revision, created = await services.db.write(lambda tx: _store(tx, services, request, compilation))
    return Saved(revision, created, tuple(asdict(warning) for warning in compilation.diagnostics))


def _check_identity(request: Save, flow_id: str) -> None:
    if request.expected_id is not None and request.expected_id != flow_id:
        raise Refused(
            "wrong_flow",
            f"The text is of the flow {flow_id!r}, not of {request.expected_id!r}.",
            status=409,
            remedy="Send it to its own address, or correct its `id`.",
        )


def _check_mode(request: Save, mode: str) -> None:
    who = request.actor
    # a scope says what a key may be used for, not what its person may do; a service has nothing but scopes
    allowed = "admin" in (who.roles if who.kind == "person" else who.scopes)
    if mode == "auto" and not allowed:
        raise Refused(
            "auto_needs_admin",
            "Only an admin may save a flow with `mode: auto`, which lets a model's output act without a gate.",
            status=403,
            remedy="Remove `mode: auto`, or ask an admin to save it.",
        )


def _store(tx: Tx, services: Services, request: Save, compilation: Compilation) -> tuple[Revision, bool]:
    assert compilation.plan is not None
    assert compilation.normalised is not None
    flow_id = compilation.plan.flow_id
    before = flows.locked(tx, request.namespace, flow_id, request.state, request.managed_by)
    if before.managed_by != request.managed_by and not request.adopt:
        raise managed_elsewhere(flow_id, before.managed_by)
    _check_base(tx, request, before)
    revision = flows.save_revision(
        tx,
        request.namespace,
        flow_id,
        sha256=compilation.sha256,
        source_text=request.text,
        bundle={"flow": compilation.normalised, "files": {}},
        plan=compilation.plan.model_dump(mode="json"),
        author_id=request.actor.principal_id,
        source=request.origin,
        message=request.message,
        managed_by=request.managed_by,
        state=request.state,
        keep_text=request.keep_text,
    )
    created = revision.number != before.revision
    if created:
        record(
            tx,
            services.journal,
            request.namespace,
            "flow.changed" if before.revision else "flow.registered",
            request.actor,
            flow_id=flow_id,
            revision_sha256=revision.sha256,
            content={"message": request.message},
            meta={"revision": revision.number, "origin": request.origin, "managed_by": request.managed_by},
        )
    return revision, created


def _check_base(tx: Tx, request: Save, before: Flow) -> None:
    if request.base is None or request.base == before.revision:
        return
    if not request.base:
        raise Refused(
            "flow_exists",
            f"There is a flow {before.flow_id!r} already.",
            status=409,
            remedy="Choose another `id`, or open that flow and change it.",
        )
    current = flows.get_revision(tx, request.namespace, before.flow_id)
    if current is None or current.source_text != request.text:
        raise Refused(
            "flow_changed",
            f"Revision {before.revision} of {before.flow_id!r} was saved while you changed revision {request.base}.",
            status=409,
            remedy="Compare both, then save again.",
        )


async def set_state(services: Services, namespace: str, flow_id: str, state: FlowState, *, actor: Actor) -> Flow:
    """Set the flow's state. Pausing stops starts and triggers, never decisions that wait. Raises ``flow_not_found``."""
    return await services.db.write(lambda tx: _set_state(tx, services, namespace, flow_id, state, actor))


def _set_state(tx: Tx, services: Services, namespace: str, flow_id: str, state: FlowState, actor: Actor) -> Flow:
    before = require(tx, namespace, flow_id)
    if before.state != state:
        flows.set_state(tx, namespace, flow_id, state)
        record(
            tx,
            services.journal,
            namespace,
            "flow.state",
            actor,
            flow_id=flow_id,
            meta={"from": before.state, "to": state},
        )
    return require(tx, namespace, flow_id)


def require(tx: Tx, namespace: str, flow_id: str) -> Flow:
    """The flow. Raises ``flow_not_found``."""
    flow = flows.get(tx, namespace, flow_id)
    if flow is None:
        raise flow_not_found(flow_id)
    return flow
