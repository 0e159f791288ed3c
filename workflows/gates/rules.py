"""Whether a suggestion holds: its schema first, then the flow's rules in order. An error is a failed rule."""

from __future__ import annotations

from collections.abc import Mapping

from workflows.flow import expr
from workflows.flow.planned import GatePlan, RulePlan
from workflows.flow.schema_values import schema_errors
from workflows.gates.model import FailedRule, Json
from workflows.gates.view import suggestion_scope

SCHEMA = -1
"""The ``rule`` number of a schema violation."""


def failed_rules(
    gate: GatePlan, scope: Mapping[str, Json], suggestion: Mapping[str, Json], meta: Mapping[str, Json]
) -> list[FailedRule]:
    """Every reason to doubt the suggestion, schema violations first. Empty means it holds.

    When the schema is violated the rules are not asked: they would speak of fields that may not be there.
    """
    violations = schema_errors(gate.output_schema, dict(suggestion))
    if violations:
        return [FailedRule(rule=SCHEMA, message=str(violation)) for violation in violations]
    names = suggestion_scope(scope, suggestion, meta)
    checked = (_check(index, rule, names) for index, rule in enumerate(gate.rules))
    return [failure for failure in checked if failure is not None]


def _check(index: int, rule: RulePlan, names: dict[str, Json]) -> FailedRule | None:
    try:
        if rule.when is not None and not expr.condition(rule.when, names):
            return None
        if expr.condition(rule.require, names):
            return None
    except Exception as error:  # noqa: BLE001  whatever goes wrong, the rule did not hold
        return FailedRule(rule=index, message=rule.message, error=str(error))
    return FailedRule(rule=index, message=rule.message)
