"""Validates one part of a document with its model and puts pydantic's findings into words for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from workflows.flow.expressions.nearest import nearest, nearest_name
from workflows.flow.loaded import Json, Path, Report

M = TypeVar("M", bound=BaseModel)

_WORDS = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list (each element on its own line, with a dash)",
    "tuple_type": "a list (each element on its own line, with a dash)",
    "dict_type": "a group of fields (`name: value`)",
    "model_type": "a group of fields (`name: value`)",
    "model_attributes_type": "a group of fields (`name: value`)",
}


def validate(
    model: type[M], raw: Mapping[str, Json], path: Path, report: Report, *, templates: bool = False
) -> M | None:
    """Return the typed form, or report what is wrong. ``templates``: a text with ``{{ }}`` may stand for any value."""
    try:
        return model.model_validate(dict(raw))
    except ValidationError as error:
        _report(error, model, raw, path, report, templates=templates)
        return None


def _report(
    error: ValidationError,
    model: type[BaseModel],
    raw: Mapping[str, Json],
    path: Path,
    report: Report,
    *,
    templates: bool,
) -> None:
    seen: set[Path] = set()
    found = error.errors(include_url=False, include_context=True)
    misspelt = {_meant(model, one["loc"]) for one in found if one["type"] == "extra_forbidden"}
    for one in found:
        place, value = _locate(one["loc"], raw)
        if one["type"] == "missing" and one["loc"] in misspelt:
            continue
        about_value = one["type"] not in ("extra_forbidden", "missing")
        if templates and about_value and (_is_template(value) or (not place and has_template(raw))):
            continue
        if place in seen:
            continue
        seen.add(place)
        _report_one(dict(one), model, path, place, report)


def _meant(model: type[BaseModel], loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Return the location of the key that an unknown one stands for, so that it is not reported as missing too."""
    return (*loc[:-1], nearest_name(str(loc[-1]), known_keys(model, loc[:-1])) or "")


def _locate(loc: Iterable[str | int], raw: Json) -> tuple[Path, Json]:
    """Follow pydantic's location through the document; names of union members are not part of it."""
    place: list[str | int] = []
    current = raw
    for step in loc:
        if isinstance(current, dict) and step in current:
            current = current[str(step)]
        elif isinstance(current, list) and isinstance(step, int) and step < len(current):
            current = current[step]
        else:
            continue
        place.append(step)
    return tuple(place), current


def _is_template(value: Json) -> bool:
    return isinstance(value, str) and "{{" in value


def has_template(value: Json) -> bool:
    """Tell whether any text inside a value holds an expression."""
    if isinstance(value, dict):
        return any(map(has_template, value.values()))
    return any(map(has_template, value)) if isinstance(value, list) else _is_template(value)


def _report_one(one: dict[str, Any], model: type[BaseModel], path: Path, place: Path, report: Report) -> None:
    kind, context, name = one["type"], one.get("ctx", {}), str(one["loc"][-1]) if one["loc"] else ""
    shown = f"`{place[-1]}`" if place and isinstance(place[-1], str) else "this"
    if kind == "extra_forbidden":
        known = known_keys(model, one["loc"][:-1])
        report.add(
            (*path, *place),
            "unknown-key",
            f"`{name}` is not known here",
            nearest(name, known) or _listed(known),
            key=True,
        )
    elif kind == "missing":
        report.add((*path, *place), "missing-key", f"`{name}` is missing", f"add `{name}:` here", key=True)
    elif kind in _WORDS:
        report.add(
            (*path, *place),
            "wrong-type",
            f"{shown} must be {_WORDS[kind]}",
            _hint(one["input"], (*path, *place), report),
        )
    elif kind in ("literal_error", "enum"):
        expected = str(context.get("expected", ""))
        choices = [part.strip().strip("'") for part in expected.replace(" or ", ", ").split(", ")]
        hint = nearest(str(one["input"]), choices)
        report.add((*path, *place), "bad-value", f"{shown} must be one of: {', '.join(choices)}", hint)
    elif "-" in kind:
        report.add((*path, *place), kind, one["msg"])
    else:
        message, hint = _bound(kind, context, one["msg"])
        report.add((*path, *place), "bad-value", f"{shown} {message}", hint)


def _hint(value: Json, path: Path, report: Report) -> str:
    line = report.loaded.line(report.loaded.place(path).line)
    if value is None and " #" in line:
        return "in YAML ` #` begins a comment: put the whole text in quotes"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "put the number in quotes if it is a text"
    return ""


def _bound(kind: str, context: Mapping[str, Any], fallback: str) -> tuple[str, str]:
    bounds = {
        "greater_than_equal": ("must be at least {ge}", ""),
        "greater_than": ("must be more than {gt}", ""),
        "less_than_equal": ("must be at most {le}", ""),
        "less_than": ("must be less than {lt}", ""),
        "too_short": ("must have at least {min_length} element(s)", ""),
        "string_too_short": ("must have at least {min_length} character(s)", ""),
        "string_pattern_mismatch": (
            "has characters that are not allowed",
            "use small letters, digits and `-`, and begin with a letter",
        ),
    }
    words, hint = bounds.get(kind, ("", ""))
    if not words:
        return f"is not right: {fallback}", ""
    try:
        return words.format(**context), hint
    except KeyError:
        return words, hint


def known_keys(model: type[BaseModel], loc: Iterable[str | int] = ()) -> list[str]:
    """Return the keys of the model at a location inside ``model``; of ``model`` itself if that cannot be told."""
    for step in loc:
        if isinstance(step, int):
            continue
        field = next((f for n, f in model.model_fields.items() if step in (n, f.alias)), None)
        inner = _model_in(field.annotation) if field else None
        if inner is None:
            continue
        model = inner
    return sorted(field.alias or name for name, field in model.model_fields.items())


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in getattr(annotation, "__args__", ()) if (found := _model_in(part))), None)


def _listed(known: list[str]) -> str:
    return "known here: " + ", ".join(known[:12]) + (" ..." if len(known) > 12 else "")  # noqa: PLR2004
