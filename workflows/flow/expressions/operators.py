"""Arithmetic and joining. ``* % **`` take numbers only; every result is bounded before it is made."""

from __future__ import annotations

from collections.abc import Callable

from workflows.flow.expressions.values import (
    MAX_RESULT_BYTES,
    Budget,
    Json,
    Refused,
    concat_size,
    is_number,
    kind,
    number,
    text_of,
)

MAX_EXPONENT = 1_024


def add(left: Json, right: Json, budget: Budget) -> Json:
    if is_number(left) and is_number(right):
        return number(left + right)
    if type(left) is str and type(right) is str:
        budget.text(len(left) + len(right))
        return left + right
    if type(left) is list and type(right) is list:
        budget.spend(1 + len(left) + len(right))
        return [*left, *right]
    raise Refused(f"{kind(left)} and {kind(right)} cannot be added", "join texts with `~`")


def concat(values: list[Json], budget: Budget) -> str:
    """``~``: join the text forms of values."""
    texts = [text_of(value, budget) for value in values]
    concat_size(texts, budget)
    return "".join(texts)


def _arithmetic(symbol: str, operation: Callable[[Json, Json], Json]) -> Callable[[Json, Json, Budget], Json]:
    def run(left: Json, right: Json, budget: Budget) -> Json:
        budget.spend()
        if not (is_number(left) and is_number(right)):
            raise Refused(f"`{symbol}` works on numbers only, not on {kind(left)} and {kind(right)}")
        try:
            return number(operation(number(left), number(right)))
        except ZeroDivisionError:
            raise Refused("division by zero") from None
        except (OverflowError, ValueError):
            raise Refused("this calculation gives a number that is too large") from None

    return run


def _power(base: Json, exponent: Json) -> Json:
    if abs(exponent) > MAX_EXPONENT:
        raise Refused("this calculation gives a number that is too large")
    return base**exponent


BINARY: dict[str, Callable[[Json, Json, Budget], Json]] = {
    "+": add,
    "-": _arithmetic("-", lambda a, b: a - b),
    "*": _arithmetic("*", lambda a, b: a * b),
    "/": _arithmetic("/", lambda a, b: a / b),
    "//": _arithmetic("//", lambda a, b: a // b),
    "%": _arithmetic("%", lambda a, b: a % b),
    "**": _arithmetic("**", _power),
}


def negate(value: Json) -> Json:
    if not is_number(value):
        raise Refused(f"`-` works on numbers only, not on {kind(value)}")
    return number(-value)


def positive(value: Json) -> Json:
    if not is_number(value):
        raise Refused(f"`+` works on numbers only, not on {kind(value)}")
    return value


def part_of(value: Json, start: Json, stop: Json, step: Json, budget: Budget) -> Json:
    """``value[start:stop:step]`` of a list or a text."""
    if type(value) not in (list, str):
        raise Refused(f"`[:]` takes a part of a list or a text, not of {kind(value)}")
    for bound in (start, stop, step):
        if bound is not None and type(bound) is not int:
            raise Refused("the numbers in `[ : ]` must be whole numbers")
    if step == 0:
        raise Refused("the step in `[ : : ]` cannot be zero")
    budget.spend(1 + min(len(value), MAX_RESULT_BYTES) // 16)
    return value[start:stop:step]
