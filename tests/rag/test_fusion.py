import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.fusion import fuse

ids = st.lists(st.sampled_from("abcdefgh"), unique=True)


def test_first_in_every_ranking_scores_one() -> None:
    assert fuse({"x": ["a", "b"], "y": ["a", "c"]}, {"x": 1.0, "y": 0.5})["a"] == pytest.approx(1.0)


def test_second_in_both_beats_first_in_one_only() -> None:
    fused = fuse({"x": ["a", "m"], "y": ["b", "m"]}, {"x": 1.0, "y": 1.0})
    assert next(iter(fused)) == "m"


def test_the_heavier_ranking_leads() -> None:
    fused = fuse({"x": ["a"], "y": ["b"]}, {"x": 0.35, "y": 1.0})
    assert list(fused) == ["b", "a"]


def test_ties_are_broken_by_id_so_that_answers_repeat() -> None:
    assert list(fuse({"x": ["b"], "y": ["a"]}, {"x": 1.0, "y": 1.0})) == ["a", "b"]


@given(ids, ids)
def test_everything_ranked_is_kept_best_first_with_scores_in_range(left: list[str], right: list[str]) -> None:
    fused = fuse({"x": left, "y": right}, {"x": 1.0, "y": 0.35})
    assert set(fused) == {*left, *right}
    scores = list(fused.values())
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 + 1e-9 for score in scores)
