import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.words import quote, sentence_spans, sentences, terms, words


@given(st.text())
def test_sentences_joined_are_the_text(text: str) -> None:
    assert "".join(sentences(text)) == text


@given(st.text(min_size=1))
def test_sentence_spans_are_adjacent_and_never_empty(text: str) -> None:
    spans = sentence_spans(text)
    assert spans[0][0] == 0
    assert spans[-1][1] == len(text)
    assert all(start < end for start, end in spans)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two! Three?", 3),
        ("Dr. Smith came at 5. He left.", 2),
        ("Use e.g. This one.", 1),
        ("It costs 3.50 EUR. Really.", 2),
        ("a line\nanother line", 2),
        ("これは文です。次の文です。", 2),
        ('He said "no." Then he left.', 2),
        ("no capital follows. so it is one", 1),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, count: int) -> None:
    assert len(sentences(text)) == count


def test_words_fold_case_and_accents_and_split_unspaced_scripts() -> None:
    assert words("Café, NAÏVE straße 東京") == ["cafe", "naive", "strasse", "東", "京"]


def test_terms_unite_singular_and_plural_and_drop_common_words() -> None:
    assert terms("the orders of countries") == terms("an order in a country") == ["order", "country"]
    assert terms("status, class, bus, analysis") == ["status", "class", "bus", "analysis"]


@given(st.text(), st.text(), st.integers(5, 100))
def test_a_quote_is_verbatim_and_within_its_limit(text: str, query: str, limit: int) -> None:
    found = quote(text, query, limit=limit)
    assert found in text
    assert len(found) <= limit


def test_the_quote_is_the_sentence_that_answers() -> None:
    text = "Refunds take five days. Orders over 5000 EUR are never low risk. Call us at noon."
    assert quote(text, "which orders are never low risk?") == "Orders over 5000 EUR are never low risk."


def test_a_quote_takes_two_adjacent_sentences_when_both_answer() -> None:
    text = "Hello there. Refunds need a receipt. Exchanges need the original box. Bye now."
    assert quote(text, "receipt for refunds, box for exchanges") == (
        "Refunds need a receipt. Exchanges need the original box."
    )


def test_with_nothing_in_common_the_first_sentence_is_quoted() -> None:
    assert quote("First thing. Second thing.", "zebra") == "First thing."
    assert quote("", "zebra") == ""
