"""Reading YAML: the core schema exactly, places for everything, and no input that hangs, crashes or escapes."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.flow.load import load
from workflows.flow.loaded import Place

CORE = [
    ("on", "on"),
    ("no", "no"),
    ("yes", "yes"),
    ("y", "y"),
    ("12:30", "12:30"),
    ("12:30:45", "12:30:45"),
    ("2026-11-22", "2026-11-22"),
    ("1_000", "1_000"),
    ("0b11", "0b11"),
    ("0o17", 15),
    ("017", 17),
    ("0x1F", 31),
    ("1e3", 1000.0),
    (".5", 0.5),
    ("-3", -3),
    ("+3", 3),
    ("True", True),
    ("false", False),
    ("~", None),
    ("null", None),
    ("", None),
    ("nULL", "nULL"),
    ("'12'", "12"),
    ("=", "="),
    ("1.2.3", "1.2.3"),
]


@pytest.mark.parametrize(("text", "value"), CORE)
def test_plain_values_follow_the_core_schema(text, value):
    found = load(f"a: {text}\n")
    assert found.data == {"a": value}
    assert type(found.data["a"]) is type(value)
    assert not found.diagnostics


def test_every_part_has_its_place():
    found = load("a: 1\nb:\n  - x\n  - {c: d}\n")
    assert found.values["b", 1, "c"] == Place(4, 9)
    assert found.keys["b", 1, "c"] == Place(4, 6)
    assert found.keys["b",] == Place(2, 1)
    assert found.place(("b", 1, "missing")) == Place(4, 5)


def test_keys_are_texts_as_written():
    assert load("1: a\nyes: b\nnull: c\n").data == {"1": "a", "yes": "b", "null": "c"}


def test_aliases_become_values_of_their_own():
    found = load("a: &x [1]\nb: *x\n").data
    assert found == {"a": [1], "b": [1]}
    assert found["a"] is not found["b"]


BAD = [
    ("a: 1\na: 2", "duplicate-key", 2, 1, "line 1"),
    ("a:\n  b: 1\n  c: 2\n  b: 3", "duplicate-key", 4, 3, "line 2"),
    ("a: {{ inputs.x }}", "unquoted-expression", 1, 5, "{{"),
    ("a: {text: Hello, world}", "stray-key", 1, 18, "quotes"),
    ("when: 'a' in x", "yaml-syntax", 1, 11, "quotes"),
    ("a: b: c", "yaml-syntax", 1, 5, "quotes"),
    ("a:\n\t- b", "yaml-syntax", 2, 1, "tabs"),
    ("a: [1", "yaml-syntax", 2, 1, ""),
    ("a: !!python/object:os.system x", "yaml-tag", 1, 4, ""),
    ("a: !x y", "yaml-tag", 1, 4, ""),
    ("a: &a [*a]", "yaml-alias", 1, 8, ""),
    ("a: *nobody", "yaml-alias", 1, 4, ""),
    ("? [a]\n: b", "yaml-key", 1, 3, ""),
    ("a: 1\n---\nb: 2", "several-documents", 2, 1, "---"),
    ("", "empty-file", 1, 1, ""),
    ("# nothing", "empty-file", 1, 1, ""),
    ("a: .inf", "bad-number", 1, 4, ""),
    ("a: 1e999", "bad-number", 1, 4, ""),
    ("a: 12345678901234567890", "bad-number", 1, 4, ""),
    ("a: \x00", "yaml-syntax", 1, 1, ""),
    ("a: \ud800", "yaml-syntax", 1, 1, ""),
    ("[" * 200, "too-deep", 1, 51, ""),
    ("a: '" + "x" * 300_000 + "'", "too-large", 1, 1, ""),
]


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "words"), BAD, ids=[f"{b[1]}-{i}" for i, b in enumerate(BAD)]
)
def test_bad_yaml_is_named_with_its_place(text, code, line, column, words):
    (found,) = load(text, "f.yaml").diagnostics
    assert (found.code, found.line, found.column) == (code, line, column)
    assert words in f"{found.message} {found.hint}"
    assert "Traceback" not in found.message


def _laughs(levels: int) -> str:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


BOMBS = [
    "[" * 200_000,
    "{" * 200_000,
    "- " * 100_000,
    "? " * 100_000,
    "a: " * 80_000,
    "&a " * 80_000,
    "*a " * 80_000,
    "!a " * 80_000,
    "'" * 200_000,
    '"\\x' * 60_000,
    "%TAG ! a\n" * 20_000,
    "---\n" * 50_000,
    "|\n" * 50_000,
    "- [\n" * 40_000,
    "x" * 200_000 + ":",
    "\n".join(f"k{n}: 1" for n in range(20_000)),
    "k: 1\n" * 30_000,
    "a: &a x\n" + "b: [" + "*a," * 20_000 + "]",
    _laughs(6),
    _laughs(3) + "\nz: {a: *a2, b: *a2}",
]


@pytest.mark.parametrize("text", BOMBS, ids=lambda text: repr(text[:20]))
def test_bombs_are_read_or_refused_within_seconds(text):
    started = time.perf_counter()
    load(text)
    assert time.perf_counter() - started < 3.0


def test_expansion_is_bounded():
    found = load(_laughs(6))
    assert found.data is None
    assert found.diagnostics[-1].code in ("too-many-aliases", "too-large")


PIECES = st.sampled_from(
    [
        "a",
        ": ",
        "\n",
        "- ",
        "  ",
        "{",
        "}",
        "[",
        "]",
        "'",
        '"',
        "&x",
        " *x",
        "!t ",
        "|",
        ">",
        "#",
        "? ",
        ",",
        "\t",
        "---\n",
        "{{",
        "}}",
        "é",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=60).map("".join)))
def test_reading_never_raises(text):
    """Whatever the text, there is data or at least one diagnostic."""
    found = load(text)
    assert found.values or found.diagnostics
    for one in found.diagnostics:
        assert one.line >= 1
        assert one.column >= 1
