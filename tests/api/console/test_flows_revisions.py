"""Revisions: who saved what, the difference between two, an old one brought back; and the comparison itself."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.console.pages.flow_changes import changes, summary
from api.console.pages.flow_diff import compare, merge, words
from tests.api.test_flows import FLOW
from workflows.store.repositories import flows as stored

NS = "default"
LINES = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine"


@pytest.fixture
async def author(browser, api):
    await api("author", "POST", "/flows", json={"source": FLOW, "message": "first <b>"})
    await api.save(FLOW.replace("Hello", "Hi"))
    return await browser("author")


class TestPages:
    async def test_the_list_names_who_saved_by_what_and_why(self, author):
        page = (await author.get("/flows/greet/revisions")).text
        assert "first &lt;b&gt;" in page
        assert "Author" in page
        assert "by API" in page
        assert "/flows/greet/compare?old=1&amp;new=2" in page

    async def test_a_long_history_goes_on(self, author, api):
        for number in range(102):
            await api.save(FLOW.replace("Hello", f"Hello {number}"))
        page = (await author.get("/flows/greet/revisions")).text
        assert "/flows/greet/revisions?before=5" in page
        rest = (await author.get("/flows/greet/revisions?before=5")).text
        assert "/flows/greet/revisions/4" in rest
        assert "/flows/greet/revisions/5" not in rest

    async def test_one_revision_shows_its_text_and_what_it_changed(self, author):
        page = (await author.get("/flows/greet/revisions/2")).text
        assert "tasks.hello.values.text" in page
        assert "Hi {{ inputs.who }}" in page

    @pytest.mark.parametrize("sides", ["", "&sides=1"])
    async def test_two_are_compared_word_by_word(self, author, sides):
        page = (await author.get(f"/flows/greet/compare?old=1&new=2{sides}")).text
        assert "<del>Hello</del>" in page
        assert "<ins>Hi</ins>" in page
        assert "1 line added, 1 removed" in page

    async def test_by_default_it_is_what_the_last_one_changed(self, author):
        assert "<ins>Hi</ins>" in (await author.get("/flows/greet/compare")).text

    async def test_an_old_one_is_brought_back_as_a_new_one(self, author, database, callers):
        answer = await author.post("/flows/greet/revisions/1/restore", {"base": "2"})
        assert answer.status_code == 303
        made = database.read_sync(lambda tx: stored.get_revision(tx, NS, "greet"))
        assert (made.number, made.parent, made.source_text) == (3, 2, FLOW)
        assert (made.message, made.author_id) == ("Revision 1 brought back", callers.ids["author"])

    async def test_nothing_is_brought_back_over_what_was_not_seen(self, author, database):
        assert (await author.post("/flows/greet/revisions/1/restore", {"base": "1"})).status_code == 409
        assert (await author.post("/flows/greet/revisions/1/restore", {})).status_code == 409
        assert database.read_sync(lambda tx: stored.get(tx, NS, "greet")).revision == 2

    async def test_twice_pressed_it_comes_back_once(self, author, database):
        for _ in range(2):
            await author.post("/flows/greet/revisions/1/restore", {"base": "2"})
        assert database.read_sync(lambda tx: stored.get(tx, NS, "greet")).revision == 3

    @pytest.mark.parametrize("path", ["revisions/9", "compare?old=1&new=9", "revisions/0"])
    async def test_a_revision_that_is_not_there_is_named(self, author, path):
        assert (await author.get(f"/flows/greet/{path}")).status_code == 404


class TestCompare:
    def test_what_is_far_from_a_change_is_skipped(self):
        found = compare(LINES, LINES.replace("nine", "ten"))
        assert [(row.kind, row.skipped) for row in found.rows] == [
            ("skip", 5), ("same", 0), ("same", 0), ("same", 0), ("change", 0),
        ]  # fmt: skip
        assert (found.added, found.removed) == (1, 1)

    def test_lines_keep_their_numbers_on_both_sides(self):
        rows = compare("a\nb\nc", "a\nx\ny\nb").rows
        assert [(row.kind, row.old_number, row.new_number) for row in rows] == [
            ("same", 1, 1), ("add", None, 2), ("add", None, 3), ("same", 2, 4), ("del", 3, None),
        ]  # fmt: skip

    @given(
        st.lists(st.sampled_from(["a", "b", "", "  c"]), max_size=30),
        st.lists(st.sampled_from(["a", "b", "", "x"]), max_size=30),
    )
    def test_both_texts_can_be_read_off_the_comparison(self, old, new):
        """Nothing is left out and nothing is made up."""
        before, after = "\n".join(old), "\n".join(new)
        rows = compare(before, after, context=10_000).rows
        assert "\n".join("".join(t for _, t in row.old) for row in rows if row.old_number) == before
        assert "\n".join("".join(t for _, t in row.new) for row in rows if row.new_number) == after

    @given(st.text(max_size=60), st.text(max_size=60))
    def test_words_lose_no_character(self, old, new):
        left, right = words(old, new)
        assert ("".join(text for _, text in left), "".join(text for _, text in right)) == (old, new)

    def test_a_hostile_pair_of_texts_is_compared_in_a_moment(self):
        """The largest texts there are, made of lines that are everywhere."""
        old = "\n".join(random.Random(1).choice("ab") for _ in range(130_000))
        new = "\n".join(random.Random(2).choice("ab") for _ in range(130_000))
        wide = ("x " * 400 + "\n") * 300, ("y x " * 200 + "\n") * 300
        started = time.perf_counter()
        compare(old, new)
        compare(*wide)
        merge(old, new, old + "\nc")
        assert time.perf_counter() - started < 5


class TestMerge:
    def test_different_places_go_together(self):
        assert merge(LINES, LINES.replace("two", "2"), LINES.replace("eight", "8")).text == LINES.replace(
            "two", "2"
        ).replace("eight", "8")

    @pytest.mark.parametrize(
        ("mine", "theirs"),
        [("two", "two"), ("two", "three"), ("one", "two")],
        ids=["the same line", "the next line", "the first lines"],
    )
    def test_the_same_or_neighbouring_lines_do_not(self, mine, theirs):
        assert merge(LINES, LINES.replace(mine, "x"), LINES.replace(theirs, "y")).text is None

    def test_equal_changes_are_one(self):
        assert merge(LINES, LINES.replace("two", "2"), LINES.replace("two", "2")).text == LINES.replace("two", "2")

    def test_two_insertions_at_one_place_are_left_to_people(self):
        assert merge(LINES, "x\n" + LINES, "y\n" + LINES).text is None

    @given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abcx"), max_size=12))
    def test_without_a_change_of_theirs_it_is_mine(self, base, mine):
        origin, own = "\n".join(base), "\n".join(mine)
        assert merge(origin, own, origin).text == own
        assert merge(origin, origin, own).text == own


class TestChanges:
    def test_places_are_named_by_ids_so_moving_is_not_changing(self):
        old = {"tasks": [{"id": "a", "x": 1}, {"id": "b", "x": 2}]}
        new = {"tasks": [{"id": "b", "x": 2}, {"id": "a", "x": 1}]}
        assert [str(one) for one in changes(old, new)] == ["tasks moved"]

    def test_added_removed_and_changed(self):
        old = {"vars": {"a": "1", "b": "2"}, "tasks": [{"id": "a", "when": "x"}]}
        new = {"vars": {"a": "3"}, "tasks": [{"id": "a"}, {"id": "c"}], "errors": [{"id": "tell"}]}
        assert [str(one) for one in changes(old, new)] == [
            "vars.a: 1 → 3", "vars.b removed", "tasks.a.when removed", "tasks.c added", "errors.tell added",
        ]  # fmt: skip

    def test_nothing_written_is_equal_to_nothing_there(self):
        assert changes({"labels": {}, "x": None}, {"errors": []}) == []

    def test_yes_is_not_one(self):
        assert [str(one) for one in changes({"a": 1}, {"a": True})] == ["a: 1 → true"]

    def test_long_texts_are_shortened_and_many_changes_counted(self):
        found = changes({"a": "x" * 999, "b": 1, "c": 1, "d": 1}, {"a": "y", "b": 2, "c": 2, "d": 2})
        assert len(found[0].old) == 120
        assert summary(found).endswith("; and 1 more")

    def test_a_first_revision_changes_nothing(self):
        assert summary(changes(None, {"a": 1})) == ""
