"""Marks never change the text: joined, the parts are the passage, whatever it and the query are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.console.highlight import highlight
from tests.support.hostile import sample

PASSAGE = "Refunds take five days. Orders above 5,000 EUR are held. Our office is in Lisbon."


def _marked(text: str, query: str) -> str:
    return "".join(part.text for part in highlight(text, query) if part.quoted)


def _words(text: str, query: str) -> list[str]:
    return [part.text for part in highlight(text, query) if part.matches]


def test_the_sentence_that_answers_is_marked_and_the_words_in_common_too() -> None:
    assert _marked(PASSAGE, "which order is held?") == "Orders above 5,000 EUR are held."
    assert _words(PASSAGE, "which order is held?") == ["Orders", "held"]


@pytest.mark.parametrize("query", ["", "the of and", "zebra", "???"])
def test_with_nothing_in_common_nothing_is_marked(query: str) -> None:
    parts = highlight(PASSAGE, query)
    assert [part.text for part in parts] == [PASSAGE]
    assert not parts[0].quoted


@pytest.mark.parametrize("text", sample(60))
def test_hostile_text_stays_what_it_is(text: str) -> None:
    assert "".join(part.text for part in highlight(text, "script alert img")) == text


@given(st.text(), st.text())
def test_nothing_is_lost_and_nothing_added(text: str, query: str) -> None:
    assert "".join(part.text for part in highlight(text, query)) == text
