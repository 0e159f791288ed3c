"""Checks the expressions of one value: syntax, names, fields, comparisons of different types, secrets."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes

from workflows.flow.check.scope import Problem, Scope
from workflows.flow.check.shapes import Shape, type_of
from workflows.flow.expr import ExpressionError, compile_expression, template_parts
from workflows.flow.expressions.parse import parse, without_braces
from workflows.flow.expressions.paths import constant_path
from workflows.flow.loaded import Json, Path, Report
from workflows.flow.secrets import SecretMisused, names_secret, secret_reference

_NUMBER_FILTERS = frozenset({"length", "count", "percent_where", "sum", "round", "abs", "int", "float"})
_TEXT_FILTERS = frozenset(
    {
        "upper",
        "lower",
        "trim",
        "string",
        "tojson",
        "join",
        "date",
        "urlencode",
        "replace",
        "title",
        "capitalize",
        "truncate",
    }
)
_WORDS = {
    "text": "a text",
    "number": "a number",
    "bool": "a yes/no value",
    "list": "a list",
    "group": "a group of fields",
}
_OPPOSITES = {"eq", "ne", "lt", "gt", "lteq", "gteq"}


class ExpressionChecker:
    """Reports into ``report``; the scope is given with each value."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def condition(self, text: Json, path: Path, scope: Scope) -> None:
        """Check an expression that must give true or false."""
        if not isinstance(text, str) or not self._compiles(text, path):
            return
        tree = parse(without_braces(text))
        self._check(text, tree, path, scope)
        kind = _type(tree, scope)
        if kind not in (None, "bool"):
            self.report.add(
                path, "not-a-condition", f"this gives {_WORDS[kind]}, not true or false", "compare it with something"
            )

    def template(self, value: Json, path: Path, scope: Scope, *, secrets: bool = False) -> None:
        """Check every expression inside a value."""
        if isinstance(value, str):
            self._text(value, path, scope, secrets=secrets)
        elif isinstance(value, dict):
            for key, part in value.items():
                self.template(part, (*path, key), scope, secrets=secrets)
        elif isinstance(value, list):
            for index, part in enumerate(value):
                self.template(part, (*path, index), scope, secrets=secrets)

    def _text(self, text: str, path: Path, scope: Scope, *, secrets: bool) -> None:
        if "{{" not in text and "{%" not in text:
            return
        try:
            parts = template_parts(text)
            if secrets and names_secret(text):
                secret_reference(text)
                return
        except SecretMisused as error:
            self.report.add(path, "secret-not-allowed", str(error))
            return
        except ExpressionError as error:
            self.report.add(path, "expression", error.message, error.hint)
            return
        for part in parts:
            if part.is_expression and self._compiles(part.text, path):
                self._check(part.text, parse(part.text), path, scope)

    def _compiles(self, text: str, path: Path) -> bool:
        try:
            compile_expression(text)
        except ExpressionError as error:
            hint = error.hint
            if " #" in self.report.loaded.line(self.report.loaded.place(path).line):
                hint = "in YAML ` #` begins a comment: put the whole condition in quotes"
            self.report.add(path, "expression", error.message, hint)
            return False
        return True

    def _check(self, text: str, tree: nodes.Node, path: Path, scope: Scope) -> None:
        for used in sorted(compile_expression(text).paths):
            found = scope.resolve(used)
            if isinstance(found, Problem):
                self.report.add(path, found.code, found.message, found.hint)
        for compared in _comparisons(tree):
            self._comparison(compared, path, scope)

    def _comparison(self, node: nodes.Compare, path: Path, scope: Scope) -> None:
        left = node.expr
        for operand in node.ops:
            kinds = _type(left, scope), _type(operand.expr, scope)
            if operand.op in _OPPOSITES and None not in kinds and kinds[0] != kinds[1]:
                first, second = (_WORDS[kind] for kind in kinds if kind)
                hint = (
                    "turn the text into a number with `| float`, or put the number in quotes"
                    if set(kinds) == {"text", "number"}
                    else ""
                )
                self.report.add(path, "compare-types", f"{first} is compared with {second}", hint)
            elif operand.op in ("eq", "ne"):
                self._choice(left, operand.expr, path, scope)
                self._choice(operand.expr, left, path, scope)
            left = operand.expr

    def _choice(self, side: nodes.Expr, other: nodes.Expr, path: Path, scope: Scope) -> None:
        shape = _shape(side, scope)
        allowed = shape.get("enum") if shape else None
        if allowed and isinstance(other, nodes.Const) and other.value is not None and other.value not in allowed:
            choices = ", ".join(map(str, allowed))
            self.report.add(path, "never-equal", f"`{other.value}` is not one of: {choices}", severity="warning")


def _comparisons(tree: nodes.Node) -> Iterator[nodes.Compare]:
    if isinstance(tree, nodes.Compare):
        yield tree
    yield from tree.find_all(nodes.Compare)


def _shape(node: nodes.Node, scope: Scope) -> Shape | None:
    path = constant_path(node)
    found = scope.resolve(path) if path else None
    return None if found is None or isinstance(found, Problem) else found


def _type(node: nodes.Node, scope: Scope) -> str | None:
    """Return the type of an expression's value where it is certain."""
    if isinstance(node, nodes.Const):
        return {str: "text", int: "number", float: "number", bool: "bool"}.get(type(node.value))
    if isinstance(node, (nodes.Compare, nodes.Not, nodes.Test)):
        return "bool"
    if isinstance(node, (nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow, nodes.Neg)):
        return "number"
    if isinstance(node, nodes.Concat):
        return "text"
    if isinstance(node, nodes.Filter):
        return "number" if node.name in _NUMBER_FILTERS else "text" if node.name in _TEXT_FILTERS else None
    shape = _shape(node, scope)
    return type_of(shape, shape) if shape else None
