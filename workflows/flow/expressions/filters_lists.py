"""The filters that look into lists and groups of fields, and the tests that ``selectattr`` and ``is`` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cmp_to_key

from workflows.flow.expressions.filters import FILTERS as SCALAR_FILTERS
from workflows.flow.expressions.filters import Filter
from workflows.flow.expressions.values import (
    ARTIFACT_HINT,
    Budget,
    Json,
    Refused,
    Undefined,
    contains,
    equal,
    field,
    is_artifact,
    is_number,
    kind,
    less,
    number,
    same,
    text_of,
)

MISSING = Undefined("a value was not given")


def _list(value: Json, name: str, budget: Budget) -> list[Json]:
    if is_artifact(value):
        raise Refused("these rows are kept as a file because they are large", ARTIFACT_HINT)
    if type(value) is not list:
        raise Refused(f"`{name}` works on lists only, not on {kind(value)}")
    budget.spend(1 + len(value))
    return value


def _lookup(value: Json, path: Json, name: str) -> Json:
    """Follow ``a.b`` through groups of fields; may return ``Undefined``."""
    if type(path) is not str:
        raise Refused(f"`{name}` takes a field's name in quotes")
    for key in path.split("."):
        value = field(value, key)
    return value


def _known(value: Json) -> Json:
    if isinstance(value, Undefined):
        raise Refused(value.message, value.hint)
    return value


def _column(budget: Budget, value: Json, attribute: Json, name: str) -> Iterator[Json]:
    rows = _list(value, name, budget)
    return iter(rows) if attribute is None else (_known(_lookup(row, attribute, name)) for row in rows)


def length(budget: Budget, value: Json) -> int:
    budget.spend()
    if is_artifact(value):
        raise Refused("these rows are kept as a file because they are large", "write `.count` in place of `| length`")
    if type(value) not in (list, str, dict):
        raise Refused(f"`length` works on lists and texts, not on {kind(value)}")
    return len(value)


def percent_where(budget: Budget, value: Json, attribute: Json, wanted: Json) -> float:
    """Return the share of rows whose field equals ``wanted``, 0 to 100. An empty list gives 0."""
    cells = list(_column(budget, value, attribute, "percent_where"))
    hits = sum(equal(cell, wanted, budget) for cell in cells)
    return 100 * hits / len(cells) if cells else 0.0


def sum_(budget: Budget, value: Json, attribute: Json = None, start: Json = 0) -> Json:
    total: int | float = 0
    for cell in (start, *_column(budget, value, attribute, "sum")):
        if not is_number(cell):
            raise Refused(f"`sum` adds numbers only, not {kind(cell)}")
        total = number(total + cell)
    return total


def _extreme(name: str, *, smallest: bool) -> Filter:
    def run(budget: Budget, value: Json, attribute: Json = None) -> Json:
        rows = _list(value, name, budget)
        if not rows:
            return Undefined(f"`{name}` of an empty list does not exist", "add `| default(...)` after it")
        best, best_cell = rows[0], _cell(rows[0], attribute, name)
        less(best_cell, best_cell)
        for row in rows[1:]:
            cell = _cell(row, attribute, name)
            if less(cell, best_cell) if smallest else less(best_cell, cell):
                best, best_cell = row, cell
        return best

    return run


def _cell(row: Json, attribute: Json, name: str) -> Json:
    return row if attribute is None else _known(_lookup(row, attribute, name))


def sort(budget: Budget, value: Json, reverse: Json = False, attribute: Json = None) -> list[Json]:
    """Sort numbers or texts, or rows by a field; equal ones keep their order."""
    rows = _list(value, "sort", budget)
    if type(reverse) is not bool:
        raise Refused("`sort(reverse=...)` takes true or false")
    budget.spend(len(rows) * max(1, len(rows).bit_length()))
    cells = [_cell(row, attribute, "sort") for row in rows]
    if len(cells) == 1:
        return list(rows)

    def order(a: int, b: int) -> int:
        return -1 if less(cells[a], cells[b]) else int(less(cells[b], cells[a]))

    return [rows[index] for index in sorted(range(len(rows)), key=cmp_to_key(order), reverse=reverse)]


def unique(budget: Budget, value: Json, attribute: Json = None) -> list[Json]:
    """Keep the first of equal elements (or rows with an equal field), in order."""
    seen: set[str] = set()
    kept: list[Json] = []
    for row in _list(value, "unique", budget):
        mark = SCALAR_FILTERS["tojson"](budget, _cell(row, attribute, "unique"))
        if mark not in seen:
            seen.add(mark)
            kept.append(row)
    return kept


def join(budget: Budget, value: Json, separator: Json = "", attribute: Json = None) -> str:
    if type(separator) is not str:
        raise Refused("`join` takes the text to put between the elements")
    texts = [text_of(cell, budget) for cell in _column(budget, value, attribute, "join")]
    budget.text(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def map_(
    budget: Budget, value: Json, name: Json = None, *args: Json, attribute: Json = None, default: Json = MISSING
) -> list[Json]:
    """``map(attribute='amount')`` takes a field of each row; ``map('upper')`` applies a filter to each element."""
    rows = _list(value, "map", budget)
    if attribute is not None:
        cells = (_lookup(row, attribute, "map") for row in rows)
        return (
            [default if isinstance(cell, Undefined) else cell for cell in cells]
            if default is not MISSING
            else [_known(cell) for cell in cells]
        )
    chosen = SCALAR_FILTERS.get(name) if type(name) is str else None
    if chosen is None:
        raise Refused("`map` takes attribute='field' or the name of a filter", "for example map(attribute='amount')")
    return [chosen(budget, row, *args) for row in rows]


def _selector(name: str, *, keep: bool) -> Filter:
    def run(budget: Budget, value: Json, attribute: Json, test: Json = "true", *args: Json) -> list[Json]:
        chosen = TESTS.get(test) if type(test) is str else None
        if chosen is None:
            raise Refused(f"`{name}` does not know the test `{test}`", "for example selectattr('risk', '==', 'high')")
        rows = _list(value, name, budget)
        return [row for row in rows if chosen(budget, _lookup(row, attribute, name), *args) is keep]

    return run


def first(budget: Budget, value: Json) -> Json:
    rows = _list(value, "first", budget)
    return rows[0] if rows else Undefined("`first` of an empty list does not exist", "add `| default(...)` after it")


def last(budget: Budget, value: Json) -> Json:
    rows = _list(value, "last", budget)
    return rows[-1] if rows else Undefined("`last` of an empty list does not exist", "add `| default(...)` after it")


def list_(budget: Budget, value: Json) -> list[Json]:
    """Leave a list as it is; refuse anything else."""
    return _list(value, "list", budget)


def reverse(budget: Budget, value: Json) -> list[Json]:
    return _list(value, "reverse", budget)[::-1]


def _fields(value: Json, name: str, budget: Budget) -> dict[str, Json]:
    if type(value) is not dict:
        raise Refused(f"`{name}` works on a group of fields only, not on {kind(value)}")
    budget.spend(1 + len(value))
    return value


def keys(budget: Budget, value: Json) -> list[str]:
    return sorted(_fields(value, "keys", budget))


def values(budget: Budget, value: Json) -> list[Json]:
    group = _fields(value, "values", budget)
    return [group[key] for key in sorted(group)]


LIST_FILTERS: dict[str, Filter] = {
    "count": length,
    "first": first,
    "join": join,
    "keys": keys,
    "last": last,
    "length": length,
    "list": list_,
    "map": map_,
    "max": _extreme("max", smallest=False),
    "min": _extreme("min", smallest=True),
    "percent_where": percent_where,
    "rejectattr": _selector("rejectattr", keep=False),
    "reverse": reverse,
    "selectattr": _selector("selectattr", keep=True),
    "sort": sort,
    "sum": sum_,
    "unique": unique,
    "values": values,
}

Test = Callable[..., bool]


def _divisible(_: Budget, value: Json, by: Json) -> bool:
    if type(_known(value)) is not int or type(by) is not int or by == 0:
        raise Refused("`divisibleby` takes whole numbers, and not zero")
    return bool(value % by == 0)


TESTS: dict[str, Test] = {
    "defined": lambda _, value: not isinstance(value, Undefined),
    "undefined": lambda _, value: isinstance(value, Undefined),
    "none": lambda _, value: _known(value) is None,
    "true": lambda _, value: _known(value) is True,
    "false": lambda _, value: _known(value) is False,
    "boolean": lambda _, value: type(_known(value)) is bool,
    "number": lambda _, value: is_number(_known(value)),
    "string": lambda _, value: type(_known(value)) is str,
    "list": lambda _, value: type(_known(value)) is list,
    "mapping": lambda _, value: type(_known(value)) is dict,
    "divisibleby": _divisible,
    "even": lambda budget, value: _divisible(budget, value, 2),
    "odd": lambda budget, value: not _divisible(budget, value, 2),
    "in": lambda budget, value, stack: contains(_known(value), stack, budget),
    "eq": lambda budget, value, other: equal(_known(value), other, budget),
    "ne": lambda budget, value, other: not equal(_known(value), other, budget),
    "lt": lambda _, value, other: less(_known(value), other),
    "le": lambda _, value, other: not less(other, _known(value)),
    "gt": lambda _, value, other: less(other, _known(value)),
    "ge": lambda _, value, other: not less(_known(value), other),
    "same": lambda budget, value, other: same(_known(value), other, budget),
}
for _name, _alias in (
    ("eq", "=="), ("eq", "equalto"), ("ne", "!="), ("lt", "<"), ("lt", "lessthan"),
    ("le", "<="), ("gt", ">"), ("gt", "greaterthan"), ("ge", ">="), ("list", "sequence"), ("mapping", "group"),
):  # fmt: skip
    TESTS[_alias] = TESTS[_name]
