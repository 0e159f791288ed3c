"""Secret references: ``Bearer {{ secrets.CRM_KEY }}`` becomes data that only an activity can resolve.

They are parsed from the author's literal text when a plan is made. Nothing that arrives at run time becomes one:
expressions refuse data that has the key of a reference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from workflows.flow.expr import SECRET_KEY, ExpressionError, compile_expression, template_parts
from workflows.flow.loaded import Json
from workflows.flow.tasktype import TaskType

_REFERENCE = re.compile(r"secrets\.([A-Z][A-Z0-9_]{0,62})")


class SecretMisused(ValueError):
    """A secret where none may be, or inside an expression that does more than name it."""


def names_secret(text: str) -> bool:
    """Tell whether any expression in a text uses ``secrets``."""
    if "secrets" not in text or "{{" not in text:
        return False
    paths = (compile_expression(part.text).paths for part in template_parts(text) if part.is_expression)
    return any(path[0] == "secrets" for found in paths for path in found)


def secret_reference(text: str) -> Json:
    """Return the typed reference of a text with secrets in it. Raises ``SecretMisused``."""
    pieces: list[Json] = []
    for part in template_parts(text):
        if not part.is_expression:
            pieces.append(part.text)
            continue
        found = _REFERENCE.fullmatch(part.text)
        if found is None:
            raise SecretMisused(
                "beside a secret only literal text may stand: no other expression, filter or operator; "
                "secrets are named like `{{ secrets.CRM_KEY }}`"
            )
        pieces.append({"name": found[1]})
    return {SECRET_KEY: pieces}


def with_references(task_type: TaskType | None, properties: Mapping[str, Json]) -> dict[str, Json]:
    """Replace secrets by references in the properties that may hold them."""
    allowed = task_type.secrets if task_type else frozenset()
    return {key: _replaced(value) if key in allowed else value for key, value in properties.items()}


def _replaced(value: Json) -> Json:
    if isinstance(value, str):
        try:
            return secret_reference(value) if names_secret(value) else value
        except ExpressionError as error:
            raise SecretMisused(error.message) from None
    if isinstance(value, dict):
        return {key: _replaced(part) for key, part in value.items()}
    return [_replaced(part) for part in value] if isinstance(value, list) else value
