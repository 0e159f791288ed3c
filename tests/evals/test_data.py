"""Rows with known answers: what is read, refused, drawn and handed over."""

from __future__ import annotations

import csv

import pytest

from evals.data import labels_of, read_cases, read_map, sample, split, write_unlabelled
from evals.model import EvalError
from evals.subject import prepare
from tests.evals.support import cases

GOOD = "id,text,category\nm1,Hello,greeting\nm2,Bye,farewell\n"
FLOW = """\
id: sort
tasks:
  - id: ask
    type: agent
    prompt: hello
    output:
      category: {type: string, enum: [greeting, farewell]}
"""


@pytest.fixture
def file(tmp_path):
    def write(content, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_the_answer_is_no_part_of_the_row(file):
    (first, _) = read_cases(file(GOOD), "category")
    assert (first.id, first.row, first.expected) == ("m1", {"id": "m1", "text": "Hello"}, "greeting")


def test_rows_without_ids_are_numbered(file):
    found = read_cases(file("text,category\nHello,greeting\nBye,farewell\n"), "category")
    assert [case.id for case in found] == ["1", "2"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("id,text\n1,Hello\n", "no column 'category'"),
        ("", "no column"),
        ("id,text,category\n", "no rows"),
        ("id,text,category\nm1,Hello\n", "row 1"),
        ("id,text,category\nm1,Hello,a,b\n", "row 1"),
        ("id,text,category\nm1,Hello, \n", "row 1 has no category"),
        (GOOD + "m1,Again,greeting\n", "same id twice"),
        (b"id,text,category\nm1,\xff,a\n", "cannot be read"),
    ],
)
def test_data_that_cannot_be_judged_are_refused_by_name(file, content, words):
    with pytest.raises(EvalError, match=words) as caught:
        read_cases(file(content), "category")
    assert caught.value.remedy


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(EvalError, match="cannot be read"):
        read_cases(tmp_path / "none.csv", "category")


def test_a_map_translates_every_label(file):
    mapping = read_map(file("greeting: hi\nfarewell: bye\n", "map.yaml"))
    assert labels_of(read_cases(file(GOOD), "category", mapping)) == ["bye", "hi"]


def test_a_label_that_the_map_leaves_out_is_refused_rather_than_dropped(file):
    """Leaving rows out would choose the data by how easy they are."""
    with pytest.raises(EvalError, match="'farewell'"):
        read_cases(file(GOOD), "category", {"greeting": "hi"})


@pytest.mark.parametrize("content", ["- a\n", "a: [b]\n", "a: 1\n", "a: b\na: c\n", "", "{"])
def test_a_map_that_is_not_label_to_category_is_refused(file, content):
    with pytest.raises(EvalError):
        read_map(file(content, "map.yaml"))


def test_a_sample_is_seeded_keeps_the_order_and_never_exceeds_the_data():
    given = cases(*"abcdefghij")
    assert sample(given, 4, 1) == sample(given, 4, 1) != sample(given, 4, 2)
    assert [case.id for case in sample(given, 4, 1)] == sorted(case.id for case in sample(given, 4, 1))
    assert sample(given, 99) == sample(given, None) == given


def test_a_split_takes_examples_of_each_label_and_tests_none_of_them():
    given = cases(*"aaabbb")
    examples, rest = split(given, 2, seed=3)
    assert sorted(case.expected for case in examples) == ["a", "a", "b", "b"]
    assert {case.id for case in examples}.isdisjoint(case.id for case in rest)
    assert len(examples) + len(rest) == len(given)
    assert split(given, 2, seed=3) == (examples, rest)
    assert split(given, 0) == ([], given)


def test_a_split_that_leaves_a_label_untested_is_refused():
    with pytest.raises(EvalError, match="'b' has 2 rows"):
        split(cases(*"aaabb"), 2)


def test_what_is_handed_over_does_not_hold_the_answers(file, tmp_path):
    write_unlabelled(read_cases(file(GOOD), "category"), tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as out:
        rows = list(csv.DictReader(out))
    assert rows == [{"id": "m1", "text": "Hello"}, {"id": "m2", "text": "Bye"}]


def test_the_labels_of_the_data_become_the_agents_choice_under_another_id(file):
    made = prepare(FLOW, "sort.yaml", file(GOOD.replace("farewell", "goodbye")), "category", from_data=True, limit=1)
    assert made.flow["tasks"][0]["output"]["category"]["enum"] == ["goodbye", "greeting"]
    assert (made.flow_id, made.labels, len(made.cases)) == ("sort-eval", 2, 1)


def test_without_that_the_flow_stays_as_it_is(file):
    made = prepare(FLOW, "sort.yaml", file(GOOD), "category")
    assert made.flow_id == "sort"
    assert "own" in made.method


def test_a_field_that_no_agent_answers_is_refused(file):
    with pytest.raises(EvalError, match="'text'"):
        prepare(FLOW, "sort.yaml", file(GOOD), "text", from_data=True)


def test_a_flow_that_cannot_be_read_is_refused_with_its_place(file):
    with pytest.raises(EvalError, match=r"bad\.yaml:2"):
        prepare("a: [", "bad.yaml", file(GOOD), "category")
