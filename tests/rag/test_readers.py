import os
from pathlib import Path

import pytest

from rag.model import SourceDocument, UnreadableDocument
from rag.readers import FoundFile, decode, find_files, read


def load(folder: Path, name: str, content: str | bytes) -> SourceDocument:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(FoundFile(path, name))


def refused(folder: Path, name: str, content: str | bytes) -> str:
    with pytest.raises(UnreadableDocument) as error:
        load(folder, name, content)
    return str(error.value)


def test_markdown_takes_its_title_from_front_matter_then_heading_then_name(tmp_path: Path) -> None:
    front = load(tmp_path, "a.md", "---\ntitle: Fraud policy\nlang: en\ntags: [x]\n---\n# Other\ntext")
    assert (front.title, front.metadata, front.text) == ("Fraud policy", {"lang": "en"}, "# Other\ntext")
    assert load(tmp_path, "b.md", "intro\n# The heading #\ntext").title == "The heading"
    assert load(tmp_path, "refund-policy_2.md", "just text").title == "refund policy 2"


def test_broken_front_matter_is_named_with_its_line(tmp_path: Path) -> None:
    assert "a.md, line 3: the front matter is not YAML" in refused(tmp_path, "a.md", "---\nok: 1\nbad: [1\n---\ntext")


def test_csv_rows_become_records_with_their_columns_as_fields(tmp_path: Path) -> None:
    found = load(tmp_path, "faq.csv", 'title,text,lang\nRefunds,"Within 30 days,\nno fee",en\n')
    assert [(r.title, r.text, r.metadata) for r in found.records] == [
        ("Refunds", "Within 30 days,\nno fee", {"lang": "en"})
    ]


def test_csv_without_a_text_column_shows_all_columns(tmp_path: Path) -> None:
    found = load(tmp_path, "prices.csv", "plan,price\nBasic,5\nPro,\n")
    assert [r.text for r in found.records] == ["plan: Basic\nprice: 5", "plan: Pro"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n1,2,3\n", "line 3: 3 values for 2 columns"),
        ("a,b\n1\n", "line 2: 1 values for 2 columns"),
        ("a,a\n1,2\n", "line 1: the column names"),
        ("a,\n1,2\n", "line 1: the column names"),
        ('a,b\n1,"open\n', "line 2: unexpected end of data"),
    ],
)
def test_a_bad_csv_is_named_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    assert message in refused(tmp_path, "x.csv", content)


def test_jsonl_objects_become_records_and_keep_scalar_fields(tmp_path: Path) -> None:
    found = load(tmp_path, "a.jsonl", '{"title":"T","text":"hello","n":3,"ok":true,"deep":{"a":1}}\n\n{"q":"only"}\n')
    assert [(r.title, r.text, r.metadata) for r in found.records] == [
        ("T", "hello", {"n": 3, "ok": True}),
        ("", "q: only", {"q": "only"}),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1}\n{"a": \n', "line 2: not JSON"),
        ("[1]\n", "line 1: a list, not an object"),
        ("[" * 100_000, "line 1: not JSON"),
    ],
)
def test_a_bad_jsonl_line_is_named(tmp_path: Path, content: str, message: str) -> None:
    assert message in refused(tmp_path, "x.jsonl", content)


def test_fields_that_are_ours_are_never_taken_from_a_document(tmp_path: Path) -> None:
    line = '{"text":"t","visto_namespace":"other","document":"fake","heading":"h","$and":"x","ok":"yes"}'
    assert load(tmp_path, "a.jsonl", line).records[0].metadata == {"ok": "yes"}


def test_an_encoding_error_names_file_line_and_byte(tmp_path: Path) -> None:
    message = refused(tmp_path, "notes.txt", b"fine\nalso fine\ncaf\xe9\n")
    assert "notes.txt, line 3: byte 0xe9 is not UTF-8. Save the file as UTF-8." in message


def test_an_encoding_error_after_a_byte_order_mark_names_the_right_byte(tmp_path: Path) -> None:
    assert "line 2: byte 0xff" in refused(tmp_path, "notes.txt", b"\xef\xbb\xbfone\n\xff")


def test_binary_data_is_refused(tmp_path: Path) -> None:
    assert "line 2: binary data" in refused(tmp_path, "x.txt", b"a\nb\0c")


def test_byte_order_mark_and_line_ends_are_normalised() -> None:
    assert decode("x", b"\xef\xbb\xbfa\r\nb\rc") == "a\nb\nc"


def test_a_folder_is_read_in_order_without_hidden_files_and_names_what_it_skips(tmp_path: Path) -> None:
    for name in ("b.md", "sub/a.txt", ".hidden.md", ".git/x.md", "photo.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("text")
    found, skipped = find_files([tmp_path])
    assert [file.source for file in found] == ["b.md", "sub/a.txt"]
    assert skipped == ["photo.png"]


def test_a_file_without_a_reader_is_an_error_when_it_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_text("x")
    with pytest.raises(UnreadableDocument, match=r"no reader for \.pdf.*Known are"):
        find_files([tmp_path / "a.pdf"])


def test_two_files_of_one_name_are_refused_and_the_same_file_twice_is_read_once(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.md").write_text("text")
    with pytest.raises(UnreadableDocument, match="would both be called"):
        find_files([tmp_path / "x" / "a.md", tmp_path / "y" / "a.md"])
    found, _ = find_files([tmp_path / "x" / "a.md", tmp_path / "x"])
    assert len(found) == 1


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "link.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(UnreadableDocument, match="leads outside of"):
        find_files([tmp_path / "docs"])


@pytest.mark.parametrize("path", ["../secret.txt", "/etc/hostname", "docs/../../secret.txt"])
def test_nothing_outside_the_root_is_read(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    root = tmp_path / "root"
    (root / "docs").mkdir(parents=True)
    with pytest.raises(UnreadableDocument, match="leads outside of"):
        find_files([root / path], root=root)


def test_a_missing_path_and_a_pipe_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocument, match="no such file"):
        find_files([tmp_path / "none.md"])
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(UnreadableDocument, match=r"not a regular file|neither a file nor a folder"):
        [read(file) for file in find_files([tmp_path / "pipe.txt"])[0]]
    with pytest.raises(UnreadableDocument, match="not a regular file"):
        [read(file) for file in find_files([tmp_path])[0]]
