"""The part of a scope that a gate needs to be computed again, without the workflow, when somebody edits it."""

from __future__ import annotations

from collections.abc import Mapping

from workflows.contracts import Json
from workflows.flow import expr
from workflows.flow.planned import GatePlan

NOT_STORED = frozenset({"suggestion", "final"})


def gate_scope(plan: GatePlan, scope: Mapping[str, Json]) -> dict[str, Json]:
    """What title, shown fields, rules, policy and effects of ``plan`` use of ``scope``, and nothing more."""
    templates = [plan.title, [shown.value for shown in plan.show], [task.properties for task in plan.on_approve]]
    conditions = [rule.require for rule in plan.rules]
    conditions += [rule.when for rule in plan.rules if rule.when]
    conditions += [task.when for task in plan.on_approve if task.when]
    if plan.approve.auto_when:
        conditions.append(plan.approve.auto_when)
    used = expr.subscope(templates, scope, *conditions)
    return {name: value for name, value in used.items() if name not in NOT_STORED}
