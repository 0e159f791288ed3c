"""Turns Jinja2's syntax tree into closures that look names up by key, and count their work.

Whatever is not listed in ``_BUILDERS`` does not exist: no calls, no attributes, no statements.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jinja2 import nodes

from workflows.flow.expressions.filters import FILTERS, Filter
from workflows.flow.expressions.filters_lists import LIST_FILTERS, TESTS
from workflows.flow.expressions.nearest import nearest
from workflows.flow.expressions.operators import BINARY, concat, negate, part_of, positive
from workflows.flow.expressions.values import (
    Budget,
    Json,
    Refused,
    Undefined,
    contains,
    element,
    equal,
    field,
    kind,
    less,
    measure,
)

ALL_FILTERS: dict[str, Filter] = {**FILTERS, **LIST_FILTERS}
FILTER_NAMES = frozenset({*ALL_FILTERS, "default"})


@dataclass(slots=True)
class Run:
    """One evaluation: the names it may use and the work it may still do."""

    scope: Mapping[str, Json]
    budget: Budget


Code = Callable[[Run], Json]


def build(node: nodes.Node) -> Code:
    """Compile a node to a closure whose result may be ``Undefined``. Raises ``Refused`` for what is not allowed."""
    builder = _BUILDERS.get(type(node))
    if builder is None:
        raise Refused("this is not part of the expression language", "use names, operators and filters")
    return builder(node)


def strict(node: nodes.Node) -> Code:
    """Compile a node to a closure that refuses an undefined result."""
    code = build(node)

    def run(run: Run) -> Json:
        run.budget.spend()
        value = code(run)
        if isinstance(value, Undefined):
            raise Refused(value.message, value.hint)
        return value

    return run


def _name(node: nodes.Name) -> Code:
    name = node.name

    def run(run: Run) -> Json:
        if name in run.scope:
            return run.scope[name]
        return Undefined(f"there is no `{name}` here", nearest(name, run.scope) or "put a text in quotes")

    return run


def _const(node: nodes.Const) -> Code:
    value = node.value
    measure(value)
    if type(value) is str and any("\ud800" <= character <= "\udfff" for character in value):
        raise Refused("this text contains characters that do not exist")
    return lambda _: value


def _getattr(node: nodes.Getattr) -> Code:
    base, key = build(node.node), node.attr
    return lambda run: field(base(run), key)


def _getitem(node: nodes.Getitem) -> Code:
    if isinstance(node.arg, nodes.Slice):
        whole = strict(node.node)
        bounds = [strict(part) if part is not None else None for part in (node.arg.start, node.arg.stop, node.arg.step)]

        def slice_(run: Run) -> Json:
            start, stop, step = (bound(run) if bound else None for bound in bounds)
            return part_of(whole(run), start, stop, step, run.budget)

        return slice_
    base, index = build(node.node), strict(node.arg)
    return lambda run: element(base(run), index(run))


def _list(node: nodes.List | nodes.Tuple) -> Code:
    parts = [strict(item) for item in node.items]
    return lambda run: [part(run) for part in parts]


def _dict(node: nodes.Dict) -> Code:
    pairs = [(strict(pair.key), strict(pair.value)) for pair in node.items]

    def run(run: Run) -> Json:
        made = {}
        for key_code, value_code in pairs:
            key = key_code(run)
            if type(key) is not str:
                raise Refused("the names of fields must be texts", "put the name in quotes")
            made[key] = value_code(run)
        return made

    return run


def _binary(node: nodes.BinExpr) -> Code:
    operation = BINARY[node.operator]
    left, right = strict(node.left), strict(node.right)
    return lambda run: operation(left(run), right(run), run.budget)


def _and(node: nodes.And) -> Code:
    left, right = strict(node.left), strict(node.right)
    return lambda run: value if not (value := left(run)) else right(run)


def _or(node: nodes.Or) -> Code:
    left, right = strict(node.left), strict(node.right)
    return lambda run: value if (value := left(run)) else right(run)


def _not(node: nodes.Not) -> Code:
    inner = strict(node.node)
    return lambda run: not inner(run)


def _neg(node: nodes.Neg) -> Code:
    inner = strict(node.node)
    return lambda run: negate(inner(run))


def _pos(node: nodes.Pos) -> Code:
    inner = strict(node.node)
    return lambda run: positive(inner(run))


def _concat(node: nodes.Concat) -> Code:
    parts = [strict(item) for item in node.nodes]
    return lambda run: concat([part(run) for part in parts], run.budget)


_COMPARISONS: dict[str, Callable[[Json, Json, Budget], bool]] = {
    "eq": equal,
    "ne": lambda a, b, budget: not equal(a, b, budget),
    "lt": lambda a, b, _: less(a, b),
    "gt": lambda a, b, _: less(b, a),
    "lteq": lambda a, b, _: not less(b, a),
    "gteq": lambda a, b, _: not less(a, b),
    "in": contains,
    "notin": lambda a, b, budget: not contains(a, b, budget),
}


def _compare(node: nodes.Compare) -> Code:
    first = strict(node.expr)
    rest = [(_COMPARISONS[operand.op], strict(operand.expr)) for operand in node.ops]

    def run(run: Run) -> bool:
        left = first(run)
        for operation, code in rest:
            right = code(run)
            if not operation(left, right, run.budget):
                return False
            left = right
        return True

    return run


def _condition(node: nodes.CondExpr) -> Code:
    if node.expr2 is None:
        raise Refused("`if` needs its `else`", "write `a if condition else b`")
    test, yes, no = strict(node.test), strict(node.expr1), strict(node.expr2)
    return lambda run: yes(run) if test(run) else no(run)


def _filter(node: nodes.Filter) -> Code:
    if node.node is None:
        raise Refused("a filter needs a value before `|`")
    args, kwargs = _arguments(node)
    if node.name == "default":
        return _default(node, args, kwargs)
    chosen = ALL_FILTERS.get(node.name)
    if chosen is None:
        raise Refused(f"there is no filter `{node.name}`", nearest(node.name, FILTER_NAMES))
    _bind(chosen, node.name, args, kwargs)
    value = strict(node.node)

    def run(run: Run) -> Json:
        given = {name: code(run) for name, code in kwargs.items()}
        return chosen(run.budget, value(run), *[code(run) for code in args], **given)

    return run


def _default(node: nodes.Filter, args: list[Code], kwargs: dict[str, Code]) -> Code:
    """``default(x)`` stands in for what is undefined; ``default(x, true)`` also for what is empty."""
    if kwargs or not 1 <= len(args) <= 2 or node.node is None:  # noqa: PLR2004
        raise Refused("`default` takes the value to use", "for example `| default('none')`")
    value = build(node.node)
    empty_too = args[1] if len(args) > 1 else None

    def run(run: Run) -> Json:
        found = value(run)
        missing = isinstance(found, Undefined) or (empty_too is not None and empty_too(run) is True and not found)
        return args[0](run) if missing else found

    return run


def _test(node: nodes.Test) -> Code:
    chosen = TESTS.get(node.name)
    if chosen is None:
        raise Refused(f"there is no test `is {node.name}`", nearest(node.name, TESTS))
    args, kwargs = _arguments(node)
    if kwargs:
        raise Refused(f"`is {node.name}` takes no named arguments")
    _bind(chosen, node.name, args, kwargs)
    value = build(node.node)
    return lambda run: chosen(run.budget, value(run), *[code(run) for code in args])


def _arguments(node: nodes.Filter | nodes.Test) -> tuple[list[Code], dict[str, Code]]:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise Refused("`*` and `**` cannot be used between ( )")
    named = {str(pair.key): strict(pair.value) for pair in node.kwargs}
    return [strict(argument) for argument in node.args], named


def _bind(function: Callable[..., Json], name: str, args: list[Code], kwargs: dict[str, Code]) -> None:
    try:
        inspect.signature(function).bind(None, None, *args, **kwargs)
    except TypeError:
        raise Refused(f"`{name}` does not take these arguments") from None


def _call(node: nodes.Call) -> Code:
    called = node.node
    if isinstance(called, nodes.Getattr) and called.attr in FILTER_NAMES:
        hint = f"write `| {called.attr}` in place of `.{called.attr}()`"
    elif isinstance(called, nodes.Name) and called.name in FILTER_NAMES:
        hint = f"write `value | {called.name}`"
    else:
        hint = "use a filter, for example `value | length`"
    raise Refused("functions cannot be called", hint)


_BUILDERS: dict[type[nodes.Node], Callable[..., Code]] = {
    nodes.Name: _name,
    nodes.Const: _const,
    nodes.Getattr: _getattr,
    nodes.Getitem: _getitem,
    nodes.List: _list,
    nodes.Tuple: _list,
    nodes.Dict: _dict,
    nodes.And: _and,
    nodes.Or: _or,
    nodes.Not: _not,
    nodes.Neg: _neg,
    nodes.Pos: _pos,
    nodes.Concat: _concat,
    nodes.Compare: _compare,
    nodes.CondExpr: _condition,
    nodes.Filter: _filter,
    nodes.Test: _test,
    nodes.Call: _call,
    **dict.fromkeys((nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow), _binary),
}


def as_condition(value: Json) -> bool:
    """Only true and false answer a condition; anything else is an error, never silently a yes or a no."""
    if type(value) is bool:
        return value
    raise Refused(f"a condition must be true or false, but this is {kind(value)}", "compare it, e.g. `| length > 0`")
