"""Expressions: evaluate, render templates, and find what they refer to. Pure, deterministic and bounded.

Shapes: a scope is a mapping of names (``inputs``, ``outputs``, ``item`` ...) to JSON. Results are JSON of at most
256 KB and may share parts with the scope: treat both as immutable. Every function raises ``ExpressionError`` only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from workflows.flow.expressions import paths as _paths
from workflows.flow.expressions.evaluate import FILTER_NAMES, Code, Run, as_condition, strict
from workflows.flow.expressions.filters_lists import TESTS
from workflows.flow.expressions.parse import Part, parse, split, without_braces
from workflows.flow.expressions.values import Budget, Json, Refused, concat_size, measure, text_of

NAMES = frozenset(
    "inputs vars outputs item index parent trigger execution suggestion final error labels".split()  # noqa: SIM905
)
SECRET_KEY = "$secret"  # noqa: S105  the key of a reference, not a secret
FILTERS = tuple(sorted(FILTER_NAMES))
TEST_NAMES = tuple(sorted(TESTS))

T = TypeVar("T")


class ExpressionError(Exception):
    """An expression that cannot be compiled or evaluated, in words for its author."""

    def __init__(self, message: str, expression: str, hint: str = "") -> None:
        super().__init__(f"{message} (in `{_shown(expression)}`)")
        self.message = message
        self.expression = expression
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression ready to run, and the paths it uses, e.g. ``("outputs", "orders", "rows")``."""

    text: str
    code: Code
    paths: frozenset[tuple[str, ...]]


def _shown(expression: str) -> str:
    return expression if len(expression) <= 120 else expression[:117] + "..."  # noqa: PLR2004


def _guarded(text: str, work: Callable[[], T]) -> T:
    try:
        return work()
    except Refused as refused:
        raise ExpressionError(refused.message, text, refused.hint) from None
    except RecursionError:
        raise ExpressionError("the expression or its data is nested too deeply", text) from None
    except MemoryError:
        raise ExpressionError("the expression needs too much memory", text) from None


@lru_cache(maxsize=8_192)
def compile_expression(text: str) -> Compiled:
    """Compile a condition or expression, with or without its braces. Compiled once per text."""

    def work() -> Compiled:
        tree = parse(without_braces(text))
        return Compiled(text, strict(tree), frozenset(_paths.paths_of(tree)))

    return _guarded(text, work)


def evaluate(text: str, scope: Mapping[str, Json]) -> Json:
    """Return the value of an expression."""
    compiled = compile_expression(text)

    def work() -> Json:
        value = compiled.code(Run(scope, Budget()))
        measure(value)
        return value

    return _guarded(text, work)


def condition(text: str, scope: Mapping[str, Json]) -> bool:
    """Return whether a condition holds; anything but true and false is an error."""
    return _guarded(text, lambda: as_condition(evaluate(text, scope)))


def render(value: Json, scope: Mapping[str, Json]) -> Json:
    """Fill in every template inside a value. Field names stay; secret references stay untouched.

    A text that is one ``{{ expression }}`` becomes that value with its type; other texts are interpolated.
    """
    if isinstance(value, str):
        return _render_text(value, scope) if "{{" in value or "{%" in value else value
    if isinstance(value, dict):
        if SECRET_KEY in value:
            return value
        return {key: render(part, scope) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [render(part, scope) for part in value]
    return value


def _render_text(text: str, scope: Mapping[str, Json]) -> Json:
    parts = template_parts(text)
    if len(parts) == 1 and parts[0].is_expression:
        return evaluate(parts[0].text, scope)

    def work() -> str:
        budget = Budget()
        made = [text_of(evaluate(p.text, scope), budget) if p.is_expression else p.text for p in parts]
        concat_size(made, budget)
        return "".join(made)

    return _guarded(text, work)


def template_parts(text: str) -> tuple[Part, ...]:
    """Split a text at its expressions."""
    return _guarded(text, lambda: split(text))


def expressions_in(value: Json) -> Iterator[str]:
    """Yield the text of every expression inside the templates of a value."""
    if isinstance(value, str):
        if "{{" in value or "{%" in value:
            yield from (part.text for part in template_parts(value) if part.is_expression)
    elif isinstance(value, dict):
        if SECRET_KEY not in value:
            for part in value.values():
                yield from expressions_in(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from expressions_in(part)


def references(value: Json) -> set[tuple[str, ...]]:
    """Return the paths that the templates inside a value use. For a condition use ``compile_expression(...).paths``."""
    return {path for text in expressions_in(value) for path in compile_expression(text).paths}


def subscope(value: Json, scope: Mapping[str, Json], *conditions: str) -> dict[str, Json]:
    """Return the smallest scope in which ``value`` renders, and ``conditions`` evaluate, exactly as in ``scope``."""
    used = references(value)
    for text in conditions:
        used |= compile_expression(text).paths
    return _paths.restrict(used, scope)


def without_condition_braces(text: str) -> str:
    """Return a condition as plans hold it: without ``{{ }}``."""
    return _guarded(text, lambda: without_braces(text))
