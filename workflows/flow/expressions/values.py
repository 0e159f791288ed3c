"""JSON values inside expressions: their kinds, comparison, text form, size, and the cost of touching them.

Nothing here calls a method of a value that data could influence: values are plain JSON or refused.
"""

from __future__ import annotations

import json
import math
from typing import Any

Json = Any

MAX_RESULT_BYTES = 256 * 1024
MAX_STEPS = 400_000
MAX_NESTING = 64
MAX_SAFE_INTEGER = 2**53 - 1

ARTIFACT_PREFIX = "artifact://"
ARTIFACT_HINT = "loop over it with a foreach task, or hand it whole to a task that reads files"


class Refused(Exception):
    """An expression that may not be evaluated, or cannot be. ``hint`` says what to write instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Undefined:
    """The result of looking up what does not exist; only ``default`` and ``is defined`` ever see one."""

    __slots__ = ("hint", "message")

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint


class Budget:
    """Counts work, so that no expression can keep a worker busy: elements touched and characters made."""

    __slots__ = ("left",)

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        self.left -= steps
        if self.left < 0:
            raise Refused("this expression takes too much work", "split it, or use a foreach task")

    def text(self, length: int) -> None:
        """Account for a text of ``length`` characters before it is made."""
        if length > MAX_RESULT_BYTES:
            raise Refused("this expression makes a text of more than 256 KB", "keep long texts in a file")
        self.spend(1 + length // 64)


_KINDS: dict[type, str] = {
    bool: "a yes/no value",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a group of fields",
    type(None): "nothing (null)",
}


def kind(value: Json) -> str:
    """What a person calls this value: ``a text``, ``a number`` ..."""
    return _KINDS.get(type(value), "something that is not plain data")


def is_number(value: Json) -> bool:
    return type(value) is int or type(value) is float


def is_artifact(value: Json) -> bool:
    """Tell whether a value is a reference to a bulk value instead of the value itself."""
    if type(value) is not dict:
        return False
    uri = value.get("uri")
    return type(uri) is str and uri.startswith(ARTIFACT_PREFIX) and "sha256" in value


def number(value: Json) -> int | float:
    """Bound the result of arithmetic: finite, and exact in every JSON reader."""
    if type(value) is int:
        if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            return value
        raise Refused("this calculation gives a number that is too large")
    if type(value) is float and math.isfinite(value):
        return value
    raise Refused("this calculation has no number as its result")


def compact_float(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < MAX_SAFE_INTEGER else repr(value)


def text_of(value: Json, budget: Budget) -> str:
    """Write a value into a text: nothing for null, JSON for lists and groups."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return str(bounded_integer(value))
    if type(value) is float:
        return compact_float(value)
    return json_text(value, budget)


def bounded_integer(value: int) -> int:
    """Refuse integers whose decimal form is itself a cost."""
    if value.bit_length() > 1024:  # noqa: PLR2004
        raise Refused("this number is too large")
    return value


def json_text(value: Json, budget: Budget, indent: int | None = None) -> str:
    """Plain JSON with sorted keys and no HTML escapes."""
    budget.spend(1 + measure(value) // 64)
    made = json.dumps(value, sort_keys=True, ensure_ascii=False, indent=indent, allow_nan=False)
    budget.text(len(made))
    return made


def measure(value: Json, limit: int = MAX_RESULT_BYTES) -> int:
    """Return the approximate size in bytes; refuse what is too large, too deep, undefined or not JSON."""
    total = 0
    stack: list[tuple[Json, int]] = [(value, 0)]
    while stack:
        current, depth = stack.pop()
        total += _own_size(current)
        if total > limit:
            raise Refused(
                "this expression gives more than 256 KB",
                "pass large values on as a whole output of a task, or use a foreach task",
            )
        if type(current) in (list, dict):
            if depth >= MAX_NESTING:
                raise Refused(f"this value is nested deeper than {MAX_NESTING} levels")
            parts = current if type(current) is list else current.values()
            stack.extend((part, depth + 1) for part in parts)
    return total


def _own_size(value: Json) -> int:
    t = type(value)
    if t is str:
        return 2 + (len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass")))
    if t is bool or value is None:
        return 5
    if t is int:
        return 1 + bounded_integer(value).bit_length() // 3
    if t is float:
        number(value)
        return 8
    if t is list:
        return 2 + len(value)
    if t is dict:
        return 2 + sum(_key_size(key) for key in value)
    if isinstance(value, Undefined):
        raise Refused(value.message, value.hint)
    raise Refused("this expression does not give plain data")


def _key_size(key: Json) -> int:
    if type(key) is not str:
        raise Refused("the names of fields must be texts")
    if key == "$secret":
        raise Refused("data may not contain a field called `$secret`", "secrets are named in the flow, never in data")
    return 4 + len(key)


def concat_size(texts: list[str], budget: Budget) -> None:
    """Account for texts about to be joined."""
    budget.text(sum(len(text) for text in texts))


def same(left: Json, right: Json, budget: Budget) -> bool:
    """JSON equality: ``1`` equals ``1.0``, but never ``true``. Different kinds are simply not equal."""
    budget.spend()
    if is_number(left) and is_number(right):
        return bool(left == right)
    if type(left) is not type(right):
        return False
    if type(left) is list:
        return len(left) == len(right) and all(same(a, b, budget) for a, b in zip(left, right, strict=True))
    if type(left) is dict:
        return left.keys() == right.keys() and all(same(left[key], right[key], budget) for key in left)
    if type(left) is str:
        budget.spend(len(left) // 256)
    return bool(left == right)


def equal(left: Json, right: Json, budget: Budget) -> bool:
    """``==``: comparing different kinds is an error, except with nothing (null)."""
    if left is not None and right is not None and _family(left) is not _family(right):
        raise Refused(f"{kind(left)} cannot be compared with {kind(right)}", _convert_hint(left, right))
    return same(left, right, budget)


def less(left: Json, right: Json) -> bool:
    """``<`` for two numbers or two texts; anything else is an error."""
    if is_number(left) and is_number(right):
        return bool(left < right)
    if type(left) is str and type(right) is str:
        return left < right
    raise Refused(f"{kind(left)} cannot be ordered against {kind(right)}", _convert_hint(left, right))


def _family(value: Json) -> type:
    return float if is_number(value) else type(value)


def _convert_hint(left: Json, right: Json) -> str:
    if {_family(left), _family(right)} == {float, str}:
        return "turn the text into a number with `| float`, or put the number in quotes"
    return ""


def contains(needle: Json, stack: Json, budget: Budget) -> bool:
    """``in``: an element of a list, a part of a text, or a field's name."""
    if type(stack) is list:
        return any(same(needle, element, budget) for element in stack)
    if type(stack) is str and type(needle) is str:
        budget.spend(1 + len(stack) // 64)
        return needle in stack
    if type(stack) is dict and type(needle) is str and not is_artifact(stack):
        return needle in stack
    if is_artifact(stack):
        raise Refused("this value is kept as a file because it is large", ARTIFACT_HINT)
    raise Refused(f"`in` cannot look for {kind(needle)} in {kind(stack)}")


def field(value: Json, key: str) -> Json:
    """Look a field up by its name, never an attribute. Returns ``Undefined`` where there is none."""
    if isinstance(value, Undefined):
        return value
    if type(value) is dict:
        if key in value:
            return value[key]
        names = ", ".join(sorted(name for name in value if type(name) is str)[:8]) or "none"
        return Undefined(f"there is no field `{key}` here", f"the fields are: {names}")
    return Undefined(f"`{key}` cannot be looked up in {kind(value)}")


def element(value: Json, index: Json) -> Json:
    """``value[index]``: a field by name, or an element of a list or a character of a text by number."""
    if isinstance(value, Undefined):
        return value
    if type(index) is str:
        return field(value, index)
    if type(index) is not int:
        raise Refused(f"{kind(index)} cannot be used between [ ]", "use a number or a field's name in quotes")
    if is_artifact(value):
        raise Refused("this value is kept as a file because it is large", ARTIFACT_HINT)
    if type(value) not in (list, str):
        return Undefined(f"{kind(value)} has no element number {index}")
    if -len(value) <= index < len(value):
        return value[index]
    return Undefined(f"there is no element number {index}; there are {len(value)}")
