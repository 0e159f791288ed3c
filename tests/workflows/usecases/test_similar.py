"""Past decisions like this one: how likeness is worked out, and which decisions count at all."""

from __future__ import annotations

import pytest

from workflows.usecases.similar import features, likeness


@pytest.mark.parametrize(
    ("left", "right", "alike"),
    [
        ({}, {}, 0.0),
        ({"a": "x"}, {"a": "x"}, 1.0),
        ({"a": 100}, {"a": 80}, 0.8),
        ({"a": 100}, {"a": -100}, 0.0),
        ({"a": 0}, {"a": 0}, 1.0),
        ({"a": True}, {"a": 1}, 0.0),
        ({"a": "red apple"}, {"a": "Apple green"}, 1 / 3),
        ({"a": "x"}, {"b": "x"}, 0.0),
        ({"a": "x", "b": "y"}, {"a": "x"}, 0.5),
        ({"a": [1, 2]}, {"a": [1, 3]}, 1 / 3),
        ({"a": ""}, {"a": "…"}, 0.0),
    ],
)
def test_likeness_is_the_mean_over_fields(left: dict, right: dict, alike: float) -> None:
    """Equal is 1, numbers compare by ratio, texts by common words, and a field that one case lacks counts 0."""
    assert likeness(left, right) == pytest.approx(alike)
    assert likeness(right, left) == pytest.approx(alike)


def test_cases_are_compared_by_title_shown_fields_and_suggestion() -> None:
    """Nothing of who or when enters: two cases are alike by their content alone."""
    view = {
        "title": "Order 1",
        "show": [{"label": "Amount", "value": 12, "format": "money EUR"}],
        "suggestion": {"risk": "low"},
        "execution_id": "e1",
        "meta": {"confidence": 0.5},
    }
    assert sorted(features(view).values(), key=str) == [12, "Order 1", "low"]
