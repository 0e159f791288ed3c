"""Builds the view document: what a person sees is computed once, and is exactly what a yes will do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from workflows.flow import expr
from workflows.flow.planned import GatePlan, TaskPlan
from workflows.gates.digest import canonical
from workflows.gates.ids import effect_path
from workflows.gates.model import Evidence, FailedRule, Json, ResolvedEffect, ShownField, View


def suggestion_scope(
    scope: Mapping[str, Json], fields: Mapping[str, Json], meta: Mapping[str, Json]
) -> dict[str, Json]:
    """The names a gate's expressions may use: the flow's, and ``suggestion`` with its ``meta``."""
    return {**scope, "suggestion": {**fields, "meta": dict(meta)}}


def build_view(
    gate: GatePlan,
    scope: Mapping[str, Json],
    *,
    execution_id: str,
    path: str,
    item_key: str,
    suggestion: Mapping[str, Json],
    meta: Mapping[str, Json],
    evidence: Iterable[Evidence] = (),
    failed_rules: Iterable[FailedRule] = (),
    policy_version: str,
) -> View:
    """Render everything a reviewer decides on. ``suggestion`` holds the fields as they would become ``final``.

    Raises ``ExpressionError``: a view that cannot be computed is never shown. Secret references stay references, and
    the expression language lets no data become one.
    """
    names = suggestion_scope(scope, suggestion, meta)
    return View(
        execution_id=execution_id,
        path=path,
        item_key=item_key,
        title=_text(expr.render(gate.title, names)),
        show=tuple(
            ShownField(label=field.label, value=expr.render(field.value, names), format=field.format)
            for field in gate.show
        ),
        suggestion=dict(suggestion),
        meta=dict(meta),
        evidence=tuple(evidence),
        failed_rules=tuple(failed_rules),
        effects=resolved_effects(gate, names, path, suggestion),
        policy_version=policy_version,
    )


def resolved_effects(
    gate: GatePlan, names: Mapping[str, Json], path: str, final: Mapping[str, Json]
) -> tuple[ResolvedEffect, ...]:
    """Every effect whose ``when`` holds, with its arguments as they will be sent."""
    scope = _effect_scope(names, gate.on_approve, final)
    return tuple(
        ResolvedEffect(path=effect_path(path, task.id), type=task.type, properties=expr.render(task.properties, scope))
        for task in gate.on_approve
        if task.when is None or expr.condition(task.when, scope)
    )


def _effect_scope(
    names: Mapping[str, Json], effects: tuple[TaskPlan, ...], final: Mapping[str, Json]
) -> dict[str, Json]:
    """Effects know neither each other's outputs nor the moment they run at: both come after the yes."""
    own = {task.id for task in effects}
    scope = dict(names)
    scope["final"] = dict(final)
    scope["outputs"] = {key: value for key, value in names.get("outputs", {}).items() if key not in own}
    scope["execution"] = {key: value for key, value in names.get("execution", {}).items() if key != "now"}
    return scope


def _text(value: Json) -> str:
    return value if isinstance(value, str) else canonical(value)
