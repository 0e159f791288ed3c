"""The form of an edit, made from the suggestion's JSON Schema, and back again to values. Pure.

What a person did not touch is never parsed: a field counts as changed only when its text differs from the text that was
put into the form. Invisible characters stand in the form as ``⟨U+200D⟩``; where the value had them, they come back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from api.strict_json import NotJson
from api.strict_json import parse as parse_json
from workflows.gates.visible import visible

Json = Any
Kind = Literal["text", "long", "number", "integer", "boolean", "choice", "date", "json"]
PREFIX = "field-"
ONE_LINE = 80
_MARKER = re.compile(r"⟨U\+([0-9A-F]{4,6})⟩")
_INTEGER = re.compile(r"[+-]?\d{1,15}")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_YES, _NO = "true", "false"


@dataclass(frozen=True, slots=True)
class FormField:
    """One input. ``value`` is the text in it; ``options`` are pairs of value and words, for a choice."""

    name: str
    kind: Kind
    value: str
    required: bool
    hint: str = ""
    options: tuple[tuple[str, str], ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Lines of a text box that show most of the text."""
        lines = sum(1 + len(line) // ONE_LINE for line in self.value.split("\n"))
        return min(max(lines + 1, 3), 16)


@dataclass(frozen=True, slots=True)
class Sent:
    """``changes`` are typed values of the fields that were changed; ``errors`` what could not be read, by field."""

    changes: dict[str, Json]
    errors: dict[str, list[str]]


def form_fields(
    schema: Mapping[str, Json],
    editable: Iterable[str],
    values: Mapping[str, Json],
    *,
    sent: Mapping[str, str] | None = None,
    errors: Mapping[str, Iterable[str]] | None = None,
) -> tuple[FormField, ...]:
    """The inputs for the editable fields; ``sent`` keeps what the person typed, ``errors`` stand at their fields."""
    properties = schema.get("properties", {})
    required = set(schema.get("required", ()))
    by_field = _by_field(errors or {})
    return tuple(
        _field(name, properties[name], values.get(name), name in required, (sent or {}).get(name), by_field.get(name))
        for name in editable
        if name in properties
    )


def read_form(
    schema: Mapping[str, Json], editable: Iterable[str], values: Mapping[str, Json], sent: Mapping[str, str]
) -> Sent:
    """What a sent form changes: an emptied optional field to None. A field that is not in the form stays as it is."""
    required = set(schema.get("required", ()))
    changes: dict[str, Json] = {}
    errors: dict[str, list[str]] = {}
    for name in editable:
        part = schema.get("properties", {}).get(name)
        before = values.get(name)
        if part is None or name not in sent or sent[name] == as_text(part, before):
            continue
        try:
            changes[name] = _value(part, before, sent[name], required=name in required)
        except ValueError as error:
            errors[name] = [str(error)]
    return Sent(changes, errors)


def other_errors(errors: Mapping[str, Iterable[str]], fields: Iterable[FormField]) -> list[str]:
    """Messages that belong to no input of the form."""
    shown = {field.name for field in fields}
    return [message for path, found in errors.items() if path.partition(".")[0] not in shown for message in found]


def as_text(schema: Mapping[str, Json], value: Json) -> str:
    """The text of a value as it stands in the form."""
    if value is None:
        return ""
    if isinstance(value, str) and kind_of(schema, value) != "json":
        return visible(value)
    if isinstance(value, bool):
        return _YES if value else _NO
    if isinstance(value, int | float):
        return json.dumps(value)
    return visible(json.dumps(value, ensure_ascii=False, indent=2))


def kind_of(schema: Mapping[str, Json], value: Json = None) -> Kind:
    """Which input a part of the schema gets."""
    if "enum" in schema:
        return "choice"
    names = _types(schema)
    if names == {"boolean"}:
        return "boolean"
    if names == {"integer"}:
        return "integer"
    if names in ({"number"}, {"number", "integer"}):
        return "number"
    if names != {"string"}:
        return "json"
    text = value if isinstance(value, str) else ""
    if schema.get("format") == "date" and (not text or _DATE.fullmatch(text)):
        return "date"
    one_line = "\n" not in text and len(text) <= ONE_LINE and schema.get("maxLength", 0) <= ONE_LINE * 2
    return "text" if one_line and ("maxLength" in schema or "format" in schema) else "long"


def _types(schema: Mapping[str, Json]) -> set[str]:
    named = schema.get("type", ())
    return {named} if isinstance(named, str) else set(named) - {"null"}


def _field(
    name: str, schema: Mapping[str, Json], value: Json, required: bool, sent: str | None, errors: list[str] | None
) -> FormField:
    kind = kind_of(schema, value)
    shown = as_text(schema, value) if sent is None else sent
    return FormField(
        name=name,
        kind=kind,
        value=shown,
        required=required,
        hint=_hint(schema, kind),
        options=_options(schema, kind, shown, required),
        errors=tuple(errors or ()),
    )


def _hint(schema: Mapping[str, Json], kind: Kind) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    limits = {
        (True, True): f"From {low} to {high}.",
        (True, False): f"At least {low}.",
        (False, True): f"At most {high}.",
        (False, False): "",
    }[low is not None, high is not None]
    length = f"At most {schema['maxLength']} characters." if "maxLength" in schema else ""
    form = {"json": "Written as JSON.", "integer": "A whole number."}.get(kind, "")
    moment = "Like 2026-01-31T09:30:00Z." if schema.get("format") == "date-time" else ""
    return " ".join(part for part in (schema.get("description", ""), form, moment, limits, length) if part)


def _options(schema: Mapping[str, Json], kind: Kind, shown: str, required: bool) -> tuple[tuple[str, str], ...]:
    if kind == "boolean":
        allowed = [(_YES, "Yes"), (_NO, "No")]
    elif kind == "choice":
        allowed = [(text, text or "(empty)") for text in (_choice(option) for option in schema["enum"])]
    else:
        return ()
    if shown not in {text for text, _ in allowed} | {""}:
        allowed.insert(0, (shown, f"{shown} (not allowed)"))
    if "" not in {text for text, _ in allowed} and not (required and shown):
        allowed.insert(0, ("", "choose" if required else "nothing"))
    return tuple(allowed)


def _choice(option: Json) -> str:
    return visible(option) if isinstance(option, str) else json.dumps(option, ensure_ascii=False)


def _value(schema: Mapping[str, Json], before: Json, text: str, *, required: bool) -> Json:
    """The typed value. Raises ``ValueError`` with what is wrong, in words."""
    kind = kind_of(schema, before)
    if not required and not text.strip() and "" not in schema.get("enum", ()):
        return None
    if kind == "choice":
        return _chosen(schema["enum"], text)
    if kind in ("text", "long", "date"):
        return _unspelled(text, before if isinstance(before, str) else "")
    bare = text.strip()
    if not bare:
        raise ValueError("must not be empty")
    if kind == "boolean":
        return _truth(bare)
    if kind == "integer":
        return _integer(bare)
    if kind == "number":
        return _number(bare)
    return _json(text, before)


def _chosen(options: Iterable[Json], text: str) -> Json:
    for option in options:
        if _choice(option) == text:
            return option
    raise ValueError("must be one of " + ", ".join(_choice(option) for option in options))


def _truth(text: str) -> bool:
    if text not in (_YES, _NO):
        raise ValueError("must be yes or no")
    return text == _YES


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError("must be a whole number, like 12")
    return int(text)


def _number(text: str) -> int | float:
    if not _NUMBER.fullmatch(text):
        raise ValueError("must be a number, with a point before the decimals, like 12.50")
    exact = Decimal(text)
    if exact == exact.to_integral_value() and abs(exact) < 2**53:
        return int(exact)
    value = float(exact)
    if value in (float("inf"), float("-inf")):
        raise ValueError("is too large a number")
    return value


def _json(text: str, before: Json) -> Json:
    original = json.dumps(before, ensure_ascii=False) if before is not None else ""
    try:
        return parse_json(_unspelled(text, original).encode())
    except NotJson as error:
        raise ValueError(f"is not JSON: {error}") from error


def _unspelled(text: str, original: str) -> str:
    """Invisible characters that the original has come back from their spelling; any other spelling stays text."""
    return _MARKER.sub(lambda found: _character(found, original), text)


def _character(found: re.Match[str], original: str) -> str:
    number = int(found[1], 16)
    character = chr(number) if number <= 0x10FFFF else ""  # noqa: PLR2004  the last code point
    return character if character and character in original else found[0]


def _by_field(errors: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path, messages in errors.items():
        name, _, rest = path.partition(".")
        found.setdefault(name, []).extend(f"{rest}: {message}" if rest else message for message in messages)
    return found
