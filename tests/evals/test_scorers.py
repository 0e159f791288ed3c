"""What the figures of an evaluation mean."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evals.model import Answer
from evals.scorers import confusions, score, share, worst_labels
from tests.evals.support import answer


def test_accuracy_is_the_share_of_right_answers():
    found = score([answer("a", "a"), answer("a", "b"), answer("b", "b"), answer("b", None)])
    assert (found.cases, found.right, found.accuracy) == (4, 2, 0.5)


def test_the_confident_half_is_chosen_by_confidence_and_rounded_up():
    found = score([answer("a", "b", 0.1), answer("a", "a", 0.9), answer("a", "a", 0.8)])
    assert (found.confident_cases, found.confident_accuracy) == (2, 1.0)


def test_ties_of_confidence_go_by_the_order_of_the_data():
    """Sorting right answers to the front would flatter."""
    found = score([answer("a", "b"), answer("a", "a")])
    assert (found.confident_cases, found.confident_accuracy) == (1, 0.0)


def test_a_case_without_a_suggestion_is_wrong_even_where_the_label_looks_like_nothing():
    assert share([answer("None", None), answer("", None)]) == 0.0


def test_no_answers_are_no_accuracy_and_no_error():
    found = score([])
    assert (found.cases, found.accuracy, found.confident_accuracy) == (0, 0.0, 0.0)


def test_suggestions_with_a_source_are_counted():
    assert score([answer("a", "a", citations=2), answer("a", "b", citations=1), answer("a", "a")]).cited == 2


def test_worst_labels_are_those_with_mistakes_and_the_larger_come_first_when_equal():
    given = [answer("a", "b"), answer("b", "b"), *[answer("c", "b")] * 2, answer("d", "d"), answer("d", "a")]
    assert [(one.label, one.right, one.cases) for one in worst_labels(given)] == [("c", 0, 2), ("a", 0, 1), ("d", 1, 2)]


def test_lists_are_cut_at_their_limit():
    given = [answer(f"label {n}", "x") for n in range(30)]
    assert (len(worst_labels(given)), len(confusions(given))) == (10, 10)


def test_confusions_are_ordered_by_how_often_and_have_a_direction():
    given = [answer("a", "b"), answer("b", "a"), answer("a", "b"), answer("a", None), answer("a", "a")]
    assert [(c.expected, c.suggested, c.times) for c in confusions(given)] == [
        ("a", "b", 2),
        ("a", "(none)", 1),
        ("b", "a", 1),
    ]


LABELS = st.sampled_from(["a", "b", "c"])
ANSWERS = st.lists(st.builds(answer, LABELS, st.none() | LABELS, st.floats(0, 1)), max_size=40)


@given(ANSWERS)
def test_every_mistake_is_told_once_and_the_parts_make_the_whole(given: list[Answer]):
    found = score(given)
    assert sum(c.times for c in confusions(given, limit=99)) == found.cases - found.right
    assert sum(one.cases - one.right for one in worst_labels(given, limit=99)) == found.cases - found.right
    assert 0 <= found.accuracy <= 1
