"""The step's JSON Schema as the tool with which an agent answers, and the check that an answer fits."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from pydantic import BaseModel, RootModel, model_validator

from agents.contracts import AgentError

Json = Any
CITED = "cited_passages"
ANSWER_TOOLS = ("answer", "final_answer", "visto_final_answer")
MAX_PROBLEMS = 5
MAX_SCHEMAS = 512
_CITED_SCHEMA = {
    "type": "array",
    "items": {"type": "string"},
    "description": "Ids of the retrieved passages that this answer rests on, as the search tool gave them.",
}


def problems(schema: dict[str, Json], value: Json) -> list[str]:
    """Why the value does not fit, at most five reasons, each with its place; empty if it fits."""
    found = sorted(_validator(json.dumps(schema)).iter_errors(value), key=lambda e: list(map(str, e.absolute_path)))
    return [_words(error) for error in found[:MAX_PROBLEMS]]


def check_schema(schema: dict[str, Json]) -> None:
    """Raise ``AgentError`` ``bad_request`` if the flow's output schema is not a JSON Schema of an object."""
    remedy = "Correct the step's output in the flow."
    try:
        _check(json.dumps(schema))
    except SchemaError as error:
        message = f"the output schema is not valid: {error.message}"
        raise AgentError(message, code="bad_request", permanent=True, remedy=remedy) from error
    if schema.get("type") != "object":
        message = "the output schema must be of type object"
        raise AgentError(message, code="bad_request", permanent=True, remedy=remedy)


@lru_cache(maxsize=MAX_SCHEMAS)
def _check(schema: str) -> None:
    # Against the schema of schemas: 0.8 ms for a small one, thirty times as long as checking an answer.
    Draft202012Validator.check_schema(json.loads(schema))


@lru_cache(maxsize=MAX_SCHEMAS)
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema))


def answer_tool_name(taken: Iterable[str]) -> str:
    """``answer``, or the next free name if the flow has a tool called so."""
    names = set(taken)
    return next(name for name in ANSWER_TOOLS if name not in names)


def answer_type(schema: dict[str, Json], *, name: str, cites: bool) -> type[BaseModel]:
    """A type that LangChain's tool strategy can show to a model and check answers with.

    ``cites`` asks for the ids of the passages used, besides the flow's own fields. Forgetting them is no error:
    the answer then simply has no citations.
    """
    shown = _shown(schema, cites=cites)

    class Answer(RootModel[dict[str, Any]]):
        """Give the final answer."""

        @model_validator(mode="before")
        @classmethod
        def _fits(cls, value: Json) -> Json:
            plain = {k: v for k, v in value.items() if not (cites and k == CITED)} if isinstance(value, dict) else value
            if found := problems(schema, plain):
                raise ValueError("; ".join(found))
            return value

        @classmethod
        def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Json]:
            return copy.deepcopy(shown)

    # LangChain names the tool after the type.
    Answer.__name__ = name
    return Answer


def _shown(schema: dict[str, Json], *, cites: bool) -> dict[str, Json]:
    shown = copy.deepcopy(schema)
    if cites:
        shown.setdefault("properties", {})[CITED] = _CITED_SCHEMA
        shown["required"] = [*shown.get("required", []), CITED]
    return shown


def _words(error: ValidationError) -> str:
    place = ".".join(map(str, error.absolute_path)) or "the answer"
    text = error.message if len(error.message) <= 200 else error.message[:200] + "…"  # noqa: PLR2004
    return f"{place}: {text}"
