"""Typed fields: a flow's inputs, an agent's ``output`` and the parameters of its tools."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from workflows.flow.model.base import Identifier, Json, Part

InputType = Literal[
    "string", "text", "int", "number", "bool", "date", "datetime", "duration", "email", "url", "json", "array",
    "select", "file",
]  # fmt: skip
FieldType = Literal[
    "string", "text", "number", "int", "integer", "bool", "boolean", "date", "datetime", "array", "object"
]


class Input(Part):
    """One input of a flow. It is required unless it has a default or says ``required: false``."""

    id: Identifier
    type: InputType = "string"
    required: bool | None = None
    default: Json = None
    description: str = ""
    enum: list[Json] | None = Field(default=None, min_length=1)
    pattern: str | None = None
    min: Json = None
    max: Json = None
    schema_: dict[str, Json] | None = Field(default=None, alias="schema")

    @property
    def is_required(self) -> bool:
        return self.required if self.required is not None else self.default is None


class OutputField(Part):
    """One field of an answer. ``risk: string`` is short for ``risk: {type: string}``."""

    type: FieldType = "string"
    description: str = ""
    required: bool = True
    enum: list[Json] | None = Field(default=None, min_length=1)
    examples: list[Json] | None = None
    min: float | None = None
    max: float | None = None
    min_length: int | None = Field(default=None, ge=0)
    max_length: int | None = Field(default=None, ge=1)
    items: AnyField | None = None
    fields: dict[str, AnyField] | None = None


def _field(value: Json) -> Json:
    return {"type": value} if isinstance(value, str) else value


AnyField = Annotated[OutputField, BeforeValidator(_field)]
OutputField.model_rebuild()
