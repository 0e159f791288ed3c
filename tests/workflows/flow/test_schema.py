"""The schemas that agents fill and that editors use, and the small validator."""

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workflows.flow.test_compile import PAGE, RUNS
from workflows.flow.load import load
from workflows.flow.model import Agent
from workflows.flow.schema import language_schema, output_schema, schema_errors

FIELDS = {
    "risk": {"type": "string", "enum": ["low", "high"], "description": "how risky"},
    "reason": {"type": "text", "max_length": 5},
    "score": {"type": "number", "min": 0, "max": 1},
    "count": "int",
    "paid": "bool",
    "day": "date",
    "at": {"type": "datetime", "required": False},
    "tags": {"type": "array", "items": "string"},
    "who": {"type": "object", "fields": {"name": "string", "age": {"type": "int", "required": False}}},
}
SCHEMA = output_schema(Agent.model_validate({"prompt": "p", "output": FIELDS}).output)
ANSWER = {
    "risk": "low", "reason": "ok", "score": 0.5, "count": 3, "paid": True, "day": "2026-01-31",
    "tags": ["a"], "who": {"name": "Ana"},
}  # fmt: skip


def test_an_output_becomes_a_closed_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["additionalProperties"] is False
    assert "at" not in SCHEMA["required"]
    assert SCHEMA["properties"]["risk"] == {"type": "string", "enum": ["low", "high"], "description": "how risky"}
    assert schema_errors(SCHEMA, ANSWER) == []


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"risk": "medium"}, "risk", "one of low, high"),
        ({"reason": "too long"}, "reason", "at most 5 characters"),
        ({"score": 2}, "score", "at most 1"),
        ({"score": "1"}, "score", "must be a number"),
        ({"score": float("nan")}, "score", "finite"),
        ({"score": True}, "score", "must be a number"),
        ({"count": 1.5}, "count", "whole number"),
        ({"day": "31.01.2026"}, "day", "must be a date"),
        ({"at": "2026-01-31"}, "at", "date and time"),
        ({"tags": ["a", 1]}, "tags.1", "must be a text"),
        ({"who": {}}, "who.name", "is missing"),
        ({"who": {"name": "a", "x": 1}}, "who.x", "not a field"),
        ({"more": 1}, "more", "not a field"),
        ({"paid": None}, "paid", "true or false"),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(change, path, words):
    (error,) = schema_errors(SCHEMA, {**ANSWER, **change})
    assert error.path == path
    assert words in error.message
    assert str(error) == f"{path} {error.message}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["low", "", "2026-01-31", "toolong"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "risk", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from([*FIELDS, "zz"]), JSON, max_size=9))
def test_the_validator_agrees_with_the_reference_implementation(answer):
    """Formats apart (the reference treats them as remarks), both say yes or no to the same answers."""
    answer = {**ANSWER, **answer}
    ours = [error for error in schema_errors(SCHEMA, answer) if "must be a date" not in error.message]
    assert bool(ours) is not jsonschema.Draft202012Validator(SCHEMA).is_valid(answer)


def test_the_language_schema_accepts_whole_flows_and_finds_typing_mistakes(world):
    schema = language_schema(world)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for text in (PAGE, RUNS):
        assert validator.is_valid(load(text).data)
        assert not validator.is_valid(load(text.replace("from:", "form:", 1)).data)
        assert not validator.is_valid(load(text.replace("reviewers:", "reviewer:").replace("stages:", "stage:")).data)


def test_an_expression_may_stand_for_any_property_of_a_connector(world):
    flow = {"id": "f", "tasks": [{"id": "w", "type": "csv.write", "path": "x", "rows": "{{ outputs.a.rows }}"}]}
    assert jsonschema.Draft202012Validator(language_schema(world)).is_valid(flow)
