"""Building blocks of the language's models: strict, frozen, unknown keys are errors.

Alternatives in the language (``timeout: 5m`` or ``timeout: {after: 5m}``) are brought to one form before validation,
so that every error has one place and one sentence.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from workflows.flow.durations import NotADuration, parse_duration

Json = Any
RawTask = dict[str, Any]
"""A task before its type is looked up."""


class Part(BaseModel):
    """Base of everything in a flow."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


def refuse(code: str, message: str) -> PydanticCustomError:
    """Make an error whose ``code`` becomes the diagnostic's code."""
    return PydanticCustomError(code, "{message}", {"message": message})


def _duration(text: str) -> str:
    try:
        parse_duration(text)
    except NotADuration as error:
        raise refuse("bad-duration", str(error)) from None
    return text


def _number_is_no_duration(value: Json) -> Json:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise refuse("bad-duration", f"`{value}` has no unit: write for example `{value}s` or `{value}m`")
    return value


Duration = Annotated[
    str,
    BeforeValidator(_number_is_no_duration),
    AfterValidator(_duration),
    WithJsonSchema({"type": "string", "examples": ["500ms", "30s", "5m", "4h", "3d", "1w"]}),
]


def _condition(value: Json) -> Json:
    return ("true" if value else "false") if isinstance(value, bool) else value


Condition = Annotated[str, BeforeValidator(_condition), WithJsonSchema({"type": ["string", "boolean"]})]
"""An expression that gives true or false; the literal ``true`` and ``false`` count."""

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
FlowId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
NamespaceName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}(\.[a-z][a-z0-9-]{0,62}){0,7}$")]
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
Template = Annotated[Any, WithJsonSchema({"description": "a value, or a text with {{ expressions }}"})]
"""Any value; texts in it may hold ``{{ expressions }}``."""
