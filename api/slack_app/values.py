"""The suggestion's fields as inputs of a Slack form, made from their schema, and what was typed as typed values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.strict_json import NotJson, parse
from connectors.slack import blocks as b
from workflows.gates.digest import canonical
from workflows.gates.visible import visible

Json = Any

ACTION = "value"
LONG_TEXT = 120
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_WHOLE = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?([eE][+-]?\d{1,2})?")
_NAME = 200


@dataclass(frozen=True, slots=True)
class Field:
    """One editable field: its name, the schema of its value, its present value (``None`` if it has none)."""

    name: str
    schema: Mapping[str, Json]
    value: Json
    required: bool

    @property
    def block_id(self) -> str:
        return f"f:{self.name}"


class NotTyped(ValueError):
    """What was typed is not a value of the field's type; the message is for the person."""


def fields_of(schema: Mapping[str, Json], editable: tuple[str, ...], values: Mapping[str, Json]) -> list[Field]:
    """The editable fields in the flow's order."""
    known = schema.get("properties") or {}
    required = schema.get("required") or ()
    return [Field(name, known.get(name) or {}, values.get(name), name in required) for name in editable]


def fits(field: Field) -> bool:
    """Whether Slack can hold the field's present value whole."""
    return len(field.name) <= _NAME and len(_text(field)) <= b.INPUT


def block(field: Field) -> b.Block:
    """The input of a field that ``fits``."""
    made: b.Block = {
        "type": "input",
        "block_id": field.block_id,
        "label": b.plain(b.cut(visible(field.name), 200)),
        "element": _element(field),
        "optional": not field.required,
    }
    hint = field.schema.get("description")
    return made | ({"hint": b.plain(b.cut(visible(hint), 300))} if isinstance(hint, str) and hint else {})


def typed(field: Field, said: Mapping[str, Json]) -> Json:
    """The value that was typed or chosen; None where an optional field was emptied. Raises ``NotTyped``."""
    if "selected_option" in said:
        return _chosen(field, said["selected_option"])
    text = said.get("selected_date", said.get("value"))
    if text is None:
        return _emptied(field)
    if not isinstance(text, str):
        raise NotTyped("This is not a value.")
    return _parsed(field, text)


def _emptied(field: Field) -> Json:
    if field.value in (None, ""):
        return field.value
    if field.required:
        raise NotTyped("It cannot be empty.")
    return None


def _parsed(field: Field, text: str) -> Json:
    kind = _kind(field)
    if not field.required and not text.strip():
        return _emptied(field)
    if kind == "string":
        return text
    stripped = text.strip()
    if kind == "integer":
        if not _WHOLE.fullmatch(stripped):
            raise NotTyped("Write a whole number.")
        return int(stripped)
    if kind == "number":
        if not _NUMBER.fullmatch(stripped):
            raise NotTyped("Write a number.")
        return int(stripped) if _WHOLE.fullmatch(stripped) else float(stripped)
    try:
        return parse(text.encode())
    except (NotJson, UnicodeEncodeError) as error:
        raise NotTyped(f"This is not JSON: {error}.") from error


def _chosen(field: Field, option: Json) -> Json:
    choices = _choices(field)
    if option is None:
        return _emptied(field) if field.value in choices else field.value
    number = option.get("value") if isinstance(option, dict) else None
    if not isinstance(number, str) or not number.isdecimal() or int(number) >= len(choices):
        raise NotTyped("Choose one of the options.")
    return choices[int(number)]


def _kind(field: Field) -> str:
    kind = field.schema.get("type")
    return kind if kind in ("string", "integer", "number", "boolean") else "json"


def _choices(field: Field) -> list[Json]:
    listed = field.schema.get("enum")
    if isinstance(listed, list):
        return listed
    return [True, False] if _kind(field) == "boolean" else []


def _element(field: Field) -> b.Block:
    choices = _choices(field)
    if 0 < len(choices) <= b.OPTIONS:
        return _select(field, choices)
    kind, text = _kind(field), _text(field)
    if kind in ("integer", "number"):
        made: b.Block = {"type": "number_input", "action_id": ACTION, "is_decimal_allowed": kind == "number"}
        return made | ({"initial_value": text} if text else {})
    if field.schema.get("format") == "date" and (not text or _DATE.fullmatch(text)):
        return {"type": "datepicker", "action_id": ACTION} | ({"initial_date": text} if text else {})
    long = kind == "json" or len(text) > LONG_TEXT or "\n" in text or (field.schema.get("maxLength") or 0) > LONG_TEXT
    made = {"type": "plain_text_input", "action_id": ACTION, "multiline": long, "max_length": b.INPUT}
    return made | ({"initial_value": text} if text else {})


def _select(field: Field, choices: list[Json]) -> b.Block:
    options = [b.option(_label(choice), str(number)) for number, choice in enumerate(choices)]
    made: b.Block = {"type": "static_select", "action_id": ACTION, "options": options}
    present = next(
        (n for n, choice in enumerate(choices) if choice == field.value and type(choice) is type(field.value)), None
    )
    return made | ({} if present is None else {"initial_option": options[present]})


def _label(choice: Json) -> str:
    if isinstance(choice, bool):
        return "Yes" if choice else "No"
    return visible(choice if isinstance(choice, str) else canonical(choice))


def _text(field: Field) -> str:
    if field.value is None:
        return ""
    return field.value if isinstance(field.value, str) else canonical(field.value)
