"""The form of a run, made from the flow's inputs: what is shown for each, and what a sent text means. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from markupsafe import Markup, escape

from api.console.formats import plain
from api.strict_json import NotJson, parse
from workflows.flow.planned import InputPlan

Json = Any
Control = Literal["line", "text", "json", "number", "date", "email", "url", "choice", "file"]

_CONTROLS: dict[str, Control] = {
    "text": "text",
    "int": "number",
    "number": "number",
    "bool": "choice",
    "date": "date",
    "email": "email",
    "url": "url",
    "json": "json",
    "array": "json",
    "file": "file",
}
_EXAMPLES = {
    "datetime": "for example 2026-01-31T09:30:00Z",
    "duration": "for example 30s, 5m, 4h or 3d",
    "array": 'a list, for example ["a", "b"]',
    "json": "any JSON value",
    "file": "a path below the files folder",
}
_WORDS = {"true": "yes", "false": "no"}


@dataclass(frozen=True, slots=True)
class Field:
    """One input as a form shows it. ``value`` is the text in its control; ``options`` are pairs of value and words.

    ``upload`` is the name and the content of a file that was handed in and not taken.
    """

    id: str
    control: Control
    required: bool
    hint: str
    value: str
    options: tuple[tuple[str, str], ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    error: str = ""
    upload: tuple[str, str] = ("", "")

    @property
    def kept(self) -> Markup:
        """The value for a control: escaped, and otherwise as it is, since it is sent back as it stands there."""
        return escape(self.value)

    @property
    def choices(self) -> list[tuple[Markup, str, bool]]:
        """Value, words, and whether it is chosen."""
        return [(escape(value), words, value == self.value) for value, words in self.options]


def fields(
    inputs: Iterable[InputPlan],
    values: Mapping[str, str],
    errors: Mapping[str, Sequence[str]],
    uploads: Mapping[str, tuple[str, str]] | None = None,
) -> list[Field]:
    """The form's fields, with what was typed or else the defaults, and what is wrong."""
    handed_in = uploads or {}
    return [
        replace(_field(one, values, " ".join(errors.get(one.id, ()))), upload=handed_in.get(one.id, ("", "")))
        for one in inputs
    ]


def unplaced(inputs: Iterable[InputPlan], errors: Mapping[str, Sequence[str]]) -> list[str]:
    """Errors about names that the form does not have."""
    known = {one.id for one in inputs}
    return [f"{name} {message}" for name, messages in errors.items() if name not in known for message in messages]


def written(one: InputPlan, value: Json) -> str:
    """A value as its control holds it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if one.type == "json" or isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, indent=2 if one.type in ("json", "array") else None)
    return str(value)


def read(inputs: Iterable[InputPlan], sent: Mapping[str, str]) -> tuple[dict[str, Json], dict[str, list[str]]]:
    """What was given, as ``start`` takes it, and what cannot be read. An empty control is an input not given."""
    given: dict[str, Json] = {}
    errors: dict[str, list[str]] = {}
    for one in inputs:
        text = sent.get(one.id)
        if text is None:
            continue
        try:
            value = _value(one, text)
        except NotJson as error:
            errors[one.id] = [f"is not JSON: {error}"]
            continue
        if value is not None:
            given[one.id] = value
    return given, errors


def _value(one: InputPlan, text: str) -> Json:
    words = one.type in ("string", "text")
    if not text.strip():
        return "" if words and one.default is not None and one.enum is None else None
    if one.enum is not None:
        return next((choice for choice in one.enum if written(one, choice) == text), text)
    if one.type in ("json", "array") or (one.type == "file" and text.lstrip().startswith("{")):
        return parse(text.encode())
    return text if words else text.strip()


def _field(one: InputPlan, values: Mapping[str, str], error: str) -> Field:
    control = "choice" if one.enum is not None else _CONTROLS.get(one.type, "line")
    return Field(
        id=one.id,
        control=control,
        required=one.required,
        hint=_hint(one),
        value=values.get(one.id, written(one, one.default)),
        options=_options(one),
        attributes=_attributes(one, control),
        error=error and f"{error[:1].upper()}{error[1:]}.",
    )


def _options(one: InputPlan) -> tuple[tuple[str, str], ...]:
    if one.enum is not None:
        return tuple((written(one, choice), plain(choice)) for choice in one.enum)
    return tuple(_WORDS.items()) if one.type == "bool" else ()


def _hint(one: InputPlan) -> str:
    """What the author says, then what fits."""
    parts = [one.description, _EXAMPLES.get(one.type, "") if one.enum is None else ""]
    noun = {"string": " characters", "text": " characters", "array": " elements"}.get(one.type, "")
    if one.min is not None and one.max is not None:
        parts.append(f"{one.min} to {one.max}{noun}")
    elif one.min is not None:
        parts.append(f"at least {one.min}{noun}")
    elif one.max is not None:
        parts.append(f"at most {one.max}{noun}")
    if one.pattern is not None:
        parts.append(f"must match {one.pattern}")
    return " · ".join(part.strip() for part in parts if part.strip())


def _attributes(one: InputPlan, control: Control) -> tuple[tuple[str, str], ...]:
    if control == "number":
        limits = ((name, value) for name, value in (("min", one.min), ("max", one.max)) if value is not None)
        step = ("step", "1" if one.type == "int" else "any")
        return (("inputmode", "numeric" if one.type == "int" else "decimal"), step, *((n, str(v)) for n, v in limits))
    if control == "date":
        return tuple((name, str(value)) for name, value in (("min", one.min), ("max", one.max)) if value is not None)
    return ()
