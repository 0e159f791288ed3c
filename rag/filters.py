"""Metadata filters: checked, bound to one namespace, translated for the store and evaluated over our own index.

A filter is ``{"field": value}`` (all fields must match), ``{"field": {"$op": value}}``, or ``{"$and": [...]}`` and
``{"$or": [...]}`` of filters. Operators: ``$eq $ne $gt $gte $lt $lte $in $nin``. ``document`` and ``heading`` are fields
of every passage; the others come from the columns, front matter or keys of the documents.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rag.model import BadQuery, Json, Scalar

RESERVED = "visto_"
"""Keys with this prefix are ours: no document and no filter may name them."""

NAMESPACE, DOCUMENT, HEADING = f"{RESERVED}namespace", f"{RESERVED}document", f"{RESERVED}heading"
_PUBLIC = {"document": DOCUMENT, "heading": HEADING}
_FIELD = re.compile(r"[A-Za-z_][\w .-]{0,62}", re.ASCII)
_MAX_DEPTH, _MAX_CONDITIONS, _MAX_LIST = 5, 64, 256
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
_LISTS = frozenset({"$in", "$nin"})
_REMEDY = 'A filter looks like {"lang": "en"} or {"year": {"$gte": 2020}}, combined with "$and" and "$or".'

Where = dict[str, Any]


def is_field(name: str) -> bool:
    """Whether documents may carry this metadata key."""
    return bool(_FIELD.fullmatch(name)) and not name.startswith(RESERVED) and name not in _PUBLIC


def scoped(namespace: str, filter: Mapping[str, Json] | None) -> Where:
    """The store's condition: this namespace AND whatever the caller asks. Raises ``BadQuery`` for a bad filter."""
    own: Where = {NAMESPACE: {"$eq": namespace}}
    theirs = normalise(filter)
    return {"$and": [own, theirs]} if theirs else own


def normalise(filter: Mapping[str, Json] | None) -> Where | None:
    """Check a caller's filter and write it in full, or ``None`` for no condition at all."""
    if not filter:
        return None
    budget = [_MAX_CONDITIONS]
    return _group("$and", _entries(filter, 1, budget))


def _entries(filter: Json, depth: int, budget: list[int]) -> list[Where]:
    if not isinstance(filter, Mapping) or not filter:
        raise BadQuery(f"A filter is a mapping that is not empty, not {filter!r}.", remedy=_REMEDY)
    if depth > _MAX_DEPTH:
        raise BadQuery(f"The filter is nested more than {_MAX_DEPTH} deep.", remedy="Write it flatter.")
    conditions: list[Where] = []
    for key, value in filter.items():
        if key in ("$and", "$or"):
            conditions.append(_group(key, _members(key, value, depth, budget)))
        else:
            conditions.extend(_conditions(_stored_key(key), value, budget))
    return conditions


def _members(key: str, value: Json, depth: int, budget: list[int]) -> list[Where]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise BadQuery(f"{key} needs a list of filters.", remedy=_REMEDY)
    return [_group("$and", _entries(member, depth + 1, budget)) for member in value]


def _group(key: str, members: list[Where]) -> Where:
    return members[0] if len(members) == 1 else {key: members}


def _stored_key(key: Json) -> str:
    if not isinstance(key, str) or not (key in _PUBLIC or is_field(key)):
        raise BadQuery(f"{key!r} is not a field that a filter can name.", remedy=_REMEDY)
    return _PUBLIC.get(key, key)


def _conditions(key: str, value: Json, budget: list[int]) -> list[Where]:
    comparisons = value if isinstance(value, Mapping) else {"$eq": value}
    if not comparisons:
        raise BadQuery(f"The condition on {key!r} is empty.", remedy=_REMEDY)
    budget[0] -= len(comparisons)
    if budget[0] < 0:
        raise BadQuery(f"The filter has more than {_MAX_CONDITIONS} conditions.", remedy="Use $in for many values.")
    return [{key: {_operator(key, op, operand): _operand(op, operand)}} for op, operand in comparisons.items()]


def _operator(key: str, op: Json, operand: Json) -> str:
    if op in _LISTS:
        fits = isinstance(operand, (list, tuple)) and 0 < len(operand) <= _MAX_LIST and _one_type(operand)
    elif op in _ORDER:
        fits = _is_number(operand)
    else:
        fits = op in ("$eq", "$ne") and _is_scalar(operand)
    if not fits:
        raise BadQuery(f"The condition {op}: {operand!r} on {key!r} is not one that can be asked.", remedy=_REMEDY)
    return str(op)


def _operand(op: str, operand: Json) -> Json:
    return list(operand) if op in _LISTS else operand


def _is_number(value: Json) -> bool:
    # Integers beyond 64 bits and non-finite floats have no meaning in the store.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -(2**53) <= value <= 2**53


def _is_scalar(value: Json) -> bool:
    return isinstance(value, (str, bool)) or _is_number(value)


def _one_type(values: Sequence[Json]) -> bool:
    return all(map(_is_scalar, values)) and len({type(value) for value in values}) == 1


def matches(where: Where, metadata: Mapping[str, Scalar]) -> bool:
    """Evaluate a normalised filter as the store does: types must agree, ``$ne`` and ``$nin`` accept a missing field."""
    for key, value in where.items():
        if key == "$and":
            found = all(matches(member, metadata) for member in value)
        elif key == "$or":
            found = any(matches(member, metadata) for member in value)
        else:
            found = all(_compare(op, metadata.get(key), operand) for op, operand in value.items())
        if not found:
            return False
    return True


def _compare(op: str, actual: Scalar | None, operand: Json) -> bool:
    if op in ("$ne", "$nin"):
        return not _compare("$eq" if op == "$ne" else "$in", actual, operand)
    if op == "$in":
        return any(_same(actual, value) for value in operand)
    if op == "$eq":
        return _same(actual, operand)
    return type(actual) is type(operand) and bool(_ORDER[op](actual, operand))


def _same(actual: Scalar | None, expected: Scalar) -> bool:
    return type(actual) is type(expected) and actual == expected
