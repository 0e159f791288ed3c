"""Checks a value against the part of JSON Schema that the language itself makes. Pure, and bounded by the value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

Json = Any


@dataclass(frozen=True, slots=True)
class FieldError:
    """``path`` is where in the value, e.g. ``rows.0.amount``; empty for the whole."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path} {self.message}" if self.path else self.message


class BadPattern(ValueError):
    """The pattern cannot be compiled; looking around and back references do not exist."""


_TYPES: dict[str, tuple[Callable[[Json], bool], str]] = {
    "string": (lambda v: isinstance(v, str), "a text"),
    "number": (lambda v: isinstance(v, (int, float)) and not isinstance(v, bool), "a number"),
    "integer": (
        lambda v: not isinstance(v, bool) and (isinstance(v, int) or (isinstance(v, float) and v.is_integer())),
        "a whole number",
    ),
    "boolean": (lambda v: isinstance(v, bool), "true or false"),
    "array": (lambda v: isinstance(v, list), "a list"),
    "object": (lambda v: isinstance(v, dict), "a group of fields"),
    "null": (lambda v: v is None, "nothing (null)"),
}


def schema_errors(schema: Mapping[str, Json], value: Json, path: str = "") -> list[FieldError]:
    """Return every place where ``value`` does not fit ``schema``; an empty list means that it fits."""
    return list(_errors(schema, value, path))


def _errors(schema: Mapping[str, Json], value: Json, path: str) -> Iterator[FieldError]:
    wanted = schema.get("type")
    names = [wanted] if isinstance(wanted, str) else list(wanted or ())
    if names and not any(_TYPES[name][0](value) for name in names if name in _TYPES):
        words = " or ".join(_TYPES[name][1] for name in names if name in _TYPES)
        yield FieldError(path, f"must be {words}")
        return
    if "enum" in schema and not any(_same(value, allowed) for allowed in schema["enum"]):
        yield FieldError(path, "must be one of " + ", ".join(str(allowed) for allowed in schema["enum"]))
        return
    if isinstance(value, str):
        yield from _text(schema, value, path)
    elif isinstance(value, dict):
        yield from _group(schema, value, path)
    elif isinstance(value, list):
        yield from _list(schema, value, path)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _number(schema, value, path)


def _same(left: Json, right: Json) -> bool:
    return bool(left == right) and isinstance(left, bool) is isinstance(right, bool)


def _text(schema: Mapping[str, Json], value: str, path: str) -> Iterator[FieldError]:
    if len(value) > schema.get("maxLength", len(value)):
        yield FieldError(path, f"may have at most {schema['maxLength']} characters, not {len(value)}")
    if len(value) < schema.get("minLength", 0):
        yield FieldError(path, f"must have at least {schema['minLength']} characters")
    if "pattern" in schema and not matches(schema["pattern"], value):
        yield FieldError(path, f"must match the pattern {schema['pattern']}")
    if not fits_format(schema.get("format", ""), value):
        yield FieldError(path, f"must be a {'date and time' if schema['format'] == 'date-time' else schema['format']}")


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))


def matches(pattern: str, value: str) -> bool:
    """Tell whether a pattern is found in a text, in time linear to the text. Raises ``BadPattern``."""
    try:
        _pattern(pattern).validate_python(value)
    except ValidationError:
        return False
    except SchemaError:
        raise BadPattern(f"`{pattern[:60]}` is not a pattern that can be used") from None
    return True


def fits_format(format: str, value: str) -> bool:
    """Tell whether a text is a ``date`` (2026-01-31) or a ``date-time`` (2026-01-31T09:30:00Z)."""
    try:
        if format == "date":
            return len(value) == len("2026-01-31") and bool(date.fromisoformat(value))
        if format == "date-time":
            return len(value) > len("2026-01-31") and bool(datetime.fromisoformat(value))
    except ValueError:
        return False
    return True


def _number(schema: Mapping[str, Json], value: float, path: str) -> Iterator[FieldError]:
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124  not a number is unlike itself
        yield FieldError(path, "must be a finite number")
    elif value < schema.get("minimum", value):
        yield FieldError(path, f"must be at least {schema['minimum']}")
    elif value > schema.get("maximum", value):
        yield FieldError(path, f"must be at most {schema['maximum']}")


def _list(schema: Mapping[str, Json], value: list[Json], path: str) -> Iterator[FieldError]:
    if len(value) > schema.get("maxItems", len(value)):
        yield FieldError(path, f"may have at most {schema['maxItems']} elements")
    if len(value) < schema.get("minItems", 0):
        yield FieldError(path, f"must have at least {schema['minItems']} elements")
    for index, item in enumerate(value):
        yield from _errors(schema.get("items", {}), item, _join(path, str(index)))


def _group(schema: Mapping[str, Json], value: dict[str, Json], path: str) -> Iterator[FieldError]:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield FieldError(_join(path, name), "is missing")
    for name, part in value.items():
        if name in properties:
            yield from _errors(properties[name], part, _join(path, name))
        elif schema.get("additionalProperties", True) is False:
            yield FieldError(_join(path, name), "is not a field of this")
        elif isinstance(schema.get("additionalProperties"), dict):
            yield from _errors(schema["additionalProperties"], part, _join(path, name))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
