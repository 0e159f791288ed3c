"""The inputs of a run: checked, brought to their types, and completed with defaults. Used by every way to start."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from urllib.parse import urlsplit

from workflows.flow.durations import NotADuration, parse_duration
from workflows.flow.expressions.filters import to_float
from workflows.flow.expressions.nearest import nearest
from workflows.flow.expressions.values import ARTIFACT_PREFIX, Budget, Refused, is_number, kind
from workflows.flow.loaded import Json
from workflows.flow.planned import InputPlan
from workflows.flow.schema_values import BadPattern, FieldError, fits_format, matches, schema_errors

MAX_LINE = 10_000
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]{1,63}(?:\.[^@\s.]{1,63}){1,8}")
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})


class BadInput(ValueError):
    """A value that does not fit its input; the message is for the person who gave it."""


def coerce_inputs(inputs: Iterable[InputPlan], given: Mapping[str, Json]) -> tuple[dict[str, Json], list[FieldError]]:
    """Return the inputs of a run with defaults and types, and what is wrong; ``path`` of an error is the input's id."""
    declared = {one.id: one for one in inputs}
    errors = [
        FieldError(name, "is not an input of this flow" + (f"; {hint}" if (hint := nearest(name, declared)) else ""))
        for name in given
        if name not in declared
    ]
    made: dict[str, Json] = {}
    for name, one in declared.items():
        value = given.get(name)
        if value is None and one.default is None and name not in given and one.required:
            errors.append(FieldError(name, "is required"))
            continue
        try:
            made[name] = coerce(one, one.default if value is None else value)
        except BadInput as error:
            errors.append(FieldError(name, str(error)))
    return made, errors


def coerce(one: InputPlan, value: Json) -> Json:
    """Bring one value to its input's type. Texts are read, as they come from forms and command lines."""
    if value is None:
        if one.required:
            raise BadInput("is required")
        return None
    made = _READERS[one.type](value)
    if one.enum is not None and made not in one.enum:
        choices = ", ".join(str(choice) for choice in one.enum)
        raise BadInput(
            f"must be one of: {choices}" + (f"; {hint}" if (hint := nearest(str(made), map(str, one.enum))) else "")
        )
    _bounds(one, made)
    if one.json_schema is not None and (errors := schema_errors(one.json_schema, made)):
        raise BadInput("does not fit: " + "; ".join(map(str, errors[:5])))
    return made


def _bounds(one: InputPlan, value: Json) -> None:
    if one.pattern is not None and isinstance(value, str):
        try:
            fits = matches(one.pattern, value)
        except BadPattern as error:
            raise BadInput(str(error)) from None
        if not fits:
            raise BadInput(f"must match the pattern {one.pattern}")
    size: Json = value
    if one.type in ("string", "text", "array"):
        size = len(value)
    elif one.type == "duration":
        size = parse_duration(value)
    noun = {"array": " elements", "string": " characters", "text": " characters"}.get(one.type, "")
    verb = "have" if noun else "be"
    if (low := _limit(one, one.min, size)) is not None and size < low:
        raise BadInput(f"must {verb} at least {one.min}{noun}")
    if (high := _limit(one, one.max, size)) is not None and size > high:
        raise BadInput(f"must {verb} at most {one.max}{noun}")


def _limit(one: InputPlan, bound: Json, size: Json) -> Json:
    if bound is None:
        return None
    limit = parse_duration(bound) if one.type == "duration" and isinstance(bound, str) else bound
    if type(limit) is type(size) or (is_number(limit) and is_number(size)):
        return limit
    raise BadInput(f"has a limit that does not suit its type: {bound}")


def _string(value: Json) -> str:
    if is_number(value):
        return str(value)
    if not isinstance(value, str):
        raise BadInput(f"must be a text, not {kind(value)}")
    if "\n" in value or len(value) > MAX_LINE:
        raise BadInput("must be one line of at most 10,000 characters")
    return value


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise BadInput(f"must be a text, not {kind(value)}")
    return value


def _number(value: Json) -> int | float:
    if isinstance(value, bool):
        raise BadInput("must be a number, not a yes/no value")
    try:
        made: int | float = to_float(Budget(), value)
    except Refused:
        raise BadInput(f"must be a number, not {str(value)[:40]!r}") from None
    return made


def _int(value: Json) -> int:
    made = _number(value)
    if made != int(made):
        raise BadInput(f"must be a whole number, not {made}")
    return int(made)


def _bool(value: Json) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else None
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise BadInput("must be true or false")


def _date(value: Json) -> str:
    text = _string(value)
    if not fits_format("date", text):
        raise BadInput("must be a date like 2026-01-31")
    return text


def _datetime(value: Json) -> str:
    text = _string(value)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput("must be a date and time like 2026-01-31T09:30:00Z") from None
    if moment.tzinfo is None:
        raise BadInput("needs a time zone, for example 2026-01-31T09:30:00Z")
    return text


def _duration(value: Json) -> str:
    try:
        parse_duration(_string(value))
    except NotADuration as error:
        raise BadInput(str(error)) from None
    return str(value)


def _email(value: Json) -> str:
    text = _string(value)
    if not _EMAIL.fullmatch(text):
        raise BadInput("must be an e-mail address")
    return text


def _url(value: Json) -> str:
    text = _string(value)
    try:
        parts = urlsplit(text)
    except ValueError:
        raise BadInput("must be a web address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput("must be a web address that begins with https://")
    return text


def _json(value: Json) -> Json:
    return value


def _array(value: Json) -> list[Json]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise BadInput('must be a list, for example ["a", "b"]') from None
    if not isinstance(value, list):
        raise BadInput('must be a list, for example ["a", "b"]')
    return value


def _file(value: Json) -> Json:
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, dict) and str(value.get("uri", "")).startswith(ARTIFACT_PREFIX):
        return value
    raise BadInput("must be a file: a path, an address or an uploaded file")


_READERS: dict[str, Callable[[Json], Json]] = {
    "string": _string,
    "text": _text,
    "int": _int,
    "number": _number,
    "bool": _bool,
    "date": _date,
    "datetime": _datetime,
    "duration": _duration,
    "email": _email,
    "url": _url,
    "json": _json,
    "array": _array,
    "select": _json,
    "file": _file,
}
