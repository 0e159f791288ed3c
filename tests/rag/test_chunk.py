from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from rag.chunk import CHUNK_WORDS, document_hash, split
from rag.model import Record, SourceDocument
from rag.words import words

LONG = " ".join(f"Sentence number {n} speaks of refunds." for n in range(200))


def markdown(text: str, title: str = "Guide") -> SourceDocument:
    return SourceDocument("guide.md", title, text=text, markdown=True)


def test_markdown_is_cut_at_headings_and_each_passage_knows_its_trail() -> None:
    text = "# Guide\nIntro.\n## Refunds / returns\nIn 30 days.\n### Fees\nNone.\n## Contact\nBy mail."
    assert [(c.heading, c.body) for c in split("n", "c", markdown(text))] == [
        ("Guide", "Intro."),
        ("Guide > Refunds / returns", "In 30 days."),
        ("Guide > Refunds / returns > Fees", "None."),
        ("Guide > Contact", "By mail."),
    ]


def test_the_heading_is_searched_with_the_passage_but_is_not_part_of_its_text() -> None:
    (chunk,) = split("n", "c", markdown("## Fees\nNone."))
    assert chunk.indexed_text == "Guide > Fees\nNone."
    assert chunk.body == "None."


def test_a_hash_sign_in_a_code_block_is_no_heading() -> None:
    (chunk,) = split("n", "c", markdown("## Shell\n```\n# a comment\n```"))
    assert chunk.heading == "Guide > Shell"
    assert "# a comment" in chunk.body


def test_a_heading_without_text_and_an_empty_document_give_no_passages() -> None:
    assert split("n", "c", markdown("# Guide\n## Empty\n")) == []
    assert split("n", "c", markdown("")) == []
    assert split("n", "c", SourceDocument("a.txt", "a", text=" \n ")) == []


def test_long_text_becomes_overlapping_windows_of_whole_sentences() -> None:
    chunks = split("n", "c", SourceDocument("a.txt", "a", text=LONG))
    assert len(chunks) > 5
    assert all(len(words(c.body)) <= CHUNK_WORDS and c.body in LONG for c in chunks)
    assert all(c.body.startswith("Sentence") and c.body.endswith("refunds.") for c in chunks)
    for left, right in pairwise(chunks):
        assert right.body.split(". ")[0] in left.body


def test_each_record_is_a_passage_with_its_own_title_and_fields() -> None:
    records = (Record("Refunds", "In 30 days.", {"lang": "en"}), Record("", "No title.", {}))
    chunks = split("n", "c", SourceDocument("faq.csv", "faq", records=records, metadata={"year": 2026}))
    assert [(c.heading, c.body, c.metadata) for c in chunks] == [
        ("faq > Refunds", "In 30 days.", {"year": 2026, "lang": "en"}),
        ("faq", "No title.", {"year": 2026}),
    ]


def test_ids_are_stable_and_depend_on_namespace_collection_source_and_content() -> None:
    document = markdown("text")
    base = split("n", "c", document)[0].id
    assert split("n", "c", document)[0].id == base
    others = {
        split("m", "c", document)[0].id,
        split("n", "d", document)[0].id,
        split("n", "c", replace(document, source="other.md"))[0].id,
        split("n", "c", replace(document, text="texts"))[0].id,
        split("n", "c", replace(document, title="Other"))[0].id,
    }
    assert base not in others
    assert len(others) == 5


def test_a_row_put_in_front_changes_no_other_rows_id() -> None:
    rows = tuple(Record("", f"row {n}", {}) for n in range(5))
    before = [c.id for c in split("n", "c", SourceDocument("a.csv", "a", records=rows))]
    after = [c.id for c in split("n", "c", SourceDocument("a.csv", "a", records=(Record("", "new", {}), *rows)))]
    assert after[1:] == before


def test_equal_passages_of_one_document_have_ids_of_their_own() -> None:
    rows = (Record("", "same", {}),) * 3
    assert len({c.id for c in split("n", "c", SourceDocument("a.csv", "a", records=rows))}) == 3


def test_the_document_hash_changes_with_everything_that_matters() -> None:
    document = SourceDocument("a", "t", text="x", metadata={"k": 1})
    variants = [
        document,
        replace(document, title="u"),
        replace(document, text="y"),
        replace(document, markdown=True),
        replace(document, metadata={"k": 2}),
        replace(document, records=(Record("", "x", {}),)),
    ]
    assert len({document_hash(variant) for variant in variants}) == len(variants)
    assert document_hash(document) == document_hash(replace(document))


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab .\n#`é東,"), max_size=3000))
def test_passages_are_verbatim_not_empty_and_cover_every_word(text: str) -> None:
    chunks = split("n", "c", SourceDocument("a.txt", "a", text=text))
    assert all(c.body in text and c.body.strip() for c in chunks)
    assert set(words(" ".join(c.body for c in chunks))) >= {w for w in words(text) if len(w) < 20}
