"""The answer's schema: refused if it is none, checked with reasons a model can act on, shown as it was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agents.contracts import AgentError
from agents.schema import CITED, answer_tool_name, answer_type, check_schema, problems
from tests.agents.support import SCHEMA

GOOD = {"risk": "low", "reason": "small"}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "objekt"}, "not valid"),
        ({"type": "object", "properties": []}, "not valid"),
        ({"type": "object", "required": "risk"}, "not valid"),
        ({"type": "object", "properties": {"a": {"minLength": -1}}}, "not valid"),
        ({"type": "array"}, "must be of type object"),
        ({}, "must be of type object"),
    ],
)
def test_what_is_no_schema_of_an_object_is_refused_each_time(schema, words):
    for _ in range(2):
        with pytest.raises(AgentError, match=words) as caught:
            check_schema(schema)
        assert (caught.value.code, caught.value.permanent) == ("bad_request", True)
        assert caught.value.remedy


def test_problems_name_place_and_reason_and_are_at_most_five():
    assert problems(SCHEMA, GOOD) == []
    assert problems(SCHEMA, {"risk": "extreme", "reason": "x"}) == [
        "risk: 'extreme' is not one of ['low', 'medium', 'high']"
    ]
    assert problems(SCHEMA, {"risk": "low"}) == ["the answer: 'reason' is a required property"]
    many = {"type": "object", "properties": {f"f{n}": {"type": "string"} for n in range(9)}}
    assert len(problems(many, {f"f{n}": n for n in range(9)})) == 5
    (long,) = problems(SCHEMA, {"risk": "low", "reason": "x" * 10_000})
    assert len(long) < 250


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_nothing_but_an_object_fits(value):
    assert problems(SCHEMA, value)


def test_schemas_that_differ_only_in_strictness_are_checked_apart():
    loose = {**SCHEMA, "additionalProperties": True}
    extra = {**GOOD, "more": 1}
    assert problems(loose, extra) == []
    assert problems(SCHEMA, extra)
    assert problems(loose, extra) == []


def test_the_answers_tool_is_shown_as_the_flow_wrote_it_plus_the_passages_used():
    plain = answer_type(SCHEMA, name="answer", cites=False)
    cites = answer_type(SCHEMA, name="final_answer", cites=True)
    assert (plain.__name__, cites.__name__) == ("answer", "final_answer")
    assert plain.model_json_schema() == SCHEMA
    shown = cites.model_json_schema()
    assert [*shown["properties"]] == ["risk", "reason", CITED]
    assert shown["required"] == ["risk", "reason", CITED]
    assert CITED not in SCHEMA["properties"]


def test_forgetting_the_passages_is_no_error_but_naming_them_unasked_is():
    cites = answer_type(SCHEMA, name="answer", cites=True)
    assert cites.model_validate(GOOD).root == GOOD
    assert cites.model_validate({**GOOD, CITED: ["p1"]}).root[CITED] == ["p1"]
    with pytest.raises(ValidationError, match=CITED):
        answer_type(SCHEMA, name="answer", cites=False).model_validate({**GOOD, CITED: ["p1"]})


def test_the_answers_tool_takes_the_next_free_name():
    assert answer_tool_name([]) == "answer"
    assert answer_tool_name(["answer"]) == "final_answer"
    assert answer_tool_name(["final_answer", "answer"]) == "visto_final_answer"
