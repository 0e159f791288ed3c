"""How near a text is to each label: deterministic, comparable, and with one model for the whole process."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.offline import similarity
from agents.offline.similarity import label_scores, matcher_name
from rag.embed import LocalModelEmbedder
from rag.minilm import model_folder, shared_model

LABELS = (("card lost", "my card was stolen"), ("change address", "I moved house"), ("refund", "give my money back"))
TEXTS = [("somebody stole my card", 0), ("I have moved to a new house", 1), ("I want my money back", 2)]
needs_model = pytest.mark.skipif(model_folder() is None, reason="the small embedding model is not installed")


@pytest.fixture(params=["minilm", "words"])
def matcher(request, monkeypatch):
    """Both ways of comparing; the second is that of an installation without the model."""
    if request.param == "minilm" and model_folder() is None:
        pytest.skip("the small embedding model is not installed")
    if request.param == "words":
        monkeypatch.setattr(similarity, "_model", lambda: None)
    similarity._space.cache_clear()
    yield request.param
    similarity._space.cache_clear()


@pytest.mark.parametrize(("text", "label"), TEXTS)
def test_the_label_that_means_the_same_is_nearest(matcher, text, label):
    assert matcher_name() == matcher
    scores = label_scores(text, LABELS)
    assert scores.index(max(scores)) == label
    assert scores == label_scores(text, LABELS)


def test_a_text_without_words_is_near_to_nothing(matcher):
    assert label_scores(" \n", LABELS) == [0.0] * 3


def test_equal_labels_are_equally_near(matcher):
    one, two = label_scores("anything", (("the same",), ("the same",)))
    assert one == pytest.approx(two, abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=30), st.lists(st.text(max_size=8), min_size=1, max_size=4))
def test_scores_are_finite_one_for_each_label(text, labels):
    scores = label_scores(text, tuple((label,) for label in labels))
    assert len(scores) == len(labels)
    assert all(math.isfinite(score) for score in scores)


@needs_model
def test_retrieval_and_the_offline_model_share_one_copy_of_the_weights():
    """Loaded once, whoever comes first and however many come at once."""
    folder = model_folder()
    assert folder is not None
    with ThreadPoolExecutor(8) as pool:
        copies = {id(copy) for copy in pool.map(lambda _: shared_model(folder), range(8))}
    assert copies == {id(similarity._model())}
    assert (LocalModelEmbedder(folder).embed(["a refund"]) == shared_model(folder).embed(["a refund"])).all()
