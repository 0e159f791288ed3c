"""Inputs of a run: types, defaults and limits, with one clear sentence for each mistake."""

import pytest

from workflows.flow.inputs import coerce_inputs
from workflows.flow.planned import InputPlan

GOOD = [
    ("string", "x", "x"),
    ("string", 5, "5"),
    ("text", "a\nb", "a\nb"),
    ("int", "42", 42),
    ("int", 42.0, 42),
    ("number", "1.5", 1.5),
    ("bool", "yes", True),
    ("bool", False, False),
    ("date", "2026-02-28", "2026-02-28"),
    ("datetime", "2026-02-28T10:00:00Z", "2026-02-28T10:00:00Z"),
    ("duration", "5m", "5m"),
    ("email", "ana@example.org", "ana@example.org"),
    ("url", "https://example.org/x?y", "https://example.org/x?y"),
    ("json", {"a": [1]}, {"a": [1]}),
    ("array", '["a", 1]', ["a", 1]),
    ("array", [1], [1]),
    ("file", "inbox/a.csv", "inbox/a.csv"),
    ("file", {"uri": "artifact://default/ab"}, {"uri": "artifact://default/ab"}),
]
BAD = [
    ("string", ["x"], "must be a text"),
    ("string", "a\nb", "one line"),
    ("text", 5, "must be a text"),
    ("int", "4.5", "whole number"),
    ("int", "four", "must be a number"),
    ("int", True, "not a yes/no"),
    ("number", "nan", "must be a number"),
    ("bool", "maybe", "true or false"),
    ("date", "2026-02-30", "must be a date"),
    ("date", "20260228", "must be a date"),
    ("datetime", "2026-02-28T10:00:00", "time zone"),
    ("duration", "soon", "not a duration"),
    ("email", "ana@", "e-mail"),
    ("url", "ftp://x", "web address"),
    ("url", "https://[x", "web address"),
    ("array", "[1", "must be a list"),
    ("array", "[" * 100_000, "must be a list"),
    ("file", "", "must be a file"),
    ("file", {"uri": "/etc/passwd"}, "must be a file"),
]


@pytest.mark.parametrize(("kind", "given", "made"), GOOD)
def test_values_are_brought_to_their_type(kind, given, made):
    found, errors = coerce_inputs([InputPlan(id="a", type=kind)], {"a": given})
    assert errors == []
    assert found == {"a": made}
    assert type(found["a"]) is type(made)


@pytest.mark.parametrize(("kind", "given", "words"), BAD)
def test_wrong_values_are_refused_in_words(kind, given, words):
    _, (error,) = coerce_inputs([InputPlan(id="a", type=kind)], {"a": given})
    assert error.path == "a"
    assert words in error.message


LIMITS = [
    ({"type": "int", "min": 1}, 0, "at least 1"),
    ({"type": "number", "max": 2.5}, 3, "at most 2.5"),
    ({"type": "string", "min": 2}, "a", "at least 2 characters"),
    ({"type": "array", "max": 1}, [1, 2], "at most 1 elements"),
    ({"type": "duration", "max": "1h"}, "2h", "at most 1h"),
    ({"type": "date", "min": "2026-01-01"}, "2025-12-31", "at least 2026-01-01"),
    ({"type": "select", "enum": ("low", "high")}, "lwo", "did you mean `low`"),
    ({"type": "string", "pattern": "^[A-Z]+$"}, "abc", "pattern"),
    ({"type": "json", "json_schema": {"type": "object", "required": ["x"]}}, {}, "x is missing"),
]


@pytest.mark.parametrize(("plan", "given", "words"), LIMITS)
def test_limits_hold(plan, given, words):
    _, (error,) = coerce_inputs([InputPlan(id="a", **plan)], {"a": given})
    assert words in error.message


def test_missing_unknown_and_default_inputs():
    plans = [InputPlan(id="a", type="int"), InputPlan(id="b", type="int", required=False, default=3)]
    found, errors = coerce_inputs(plans, {"bb": 1})
    assert found == {"b": 3}
    assert [(error.path, error.message.split(";")[0]) for error in errors] == [
        ("bb", "is not an input of this flow"),
        ("a", "is required"),
    ]


def test_null_counts_as_not_given():
    plans = [InputPlan(id="a", type="int"), InputPlan(id="b", type="int", required=False)]
    found, errors = coerce_inputs(plans, {"a": None, "b": None})
    assert found == {"b": None}
    assert [error.path for error in errors] == ["a"]


def test_a_pattern_costs_time_linear_to_the_text():
    """The classic exponential pattern answers at once."""
    _, errors = coerce_inputs([InputPlan(id="a", type="string", pattern="^(a+)+$")], {"a": "a" * 5_000 + "!"})
    assert len(errors) == 1
