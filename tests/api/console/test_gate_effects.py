"""What a yes will do, and what an edit changes in it, as it is shown: complete, exact, comparable."""

from __future__ import annotations

import json

from api.console.pages.gate_diff import MAX_WORDS, changes, words
from api.console.pages.gate_effects import compact, effects, effects_compared, table, value_text


def view(*found: tuple[str, dict]) -> dict:
    return {"effects": [{"path": f"a/review/{task}", "type": "sheets.append", "properties": p} for task, p in found]}


def test_an_effect_names_its_connection_and_every_argument() -> None:
    """The connection stands apart; what is left is shown in the order of the document, however long."""
    long = "word " * 5000
    (effect,) = effects(view(("write", {"connection": "sheet", "text": long, "n": 3, "on": True, "none": None})))
    assert (effect.task, effect.type, effect.connection) == ("write", "sheets.append", "sheet")
    assert [(one.name, one.text, one.literal) for one in effect.arguments] == [
        ("text", long, False),
        ("n", "3", True),
        ("on", "true", True),
        ("none", "null", True),
    ]


def test_a_connection_that_is_no_name_is_an_argument_like_any_other() -> None:
    """Nothing is left out because it has an odd shape."""
    (effect,) = effects(view(("write", {"connection": ["odd"]})))
    assert effect.connection is None
    assert effect.arguments[0].text == '["odd"]'


def test_text_and_literals_are_told_apart() -> None:
    """The text "true" is not the value true."""
    (effect,) = effects(view(("write", {"a": "true", "b": True})))
    assert [one.literal for one in effect.arguments] == [False, True]


def test_a_secret_is_named_and_never_shown() -> None:
    """A reference is shown with the literal text around it; data that only looks like one is data."""
    assert value_text({"$secret": ["Bearer ", {"name": "CRM_KEY"}, "!"]}) == "Bearer [secret CRM_KEY]!"
    assert value_text({"$secret": "x"}) == '{"$secret": "x"}'


def test_rows_are_a_table_with_the_names_of_their_columns() -> None:
    """Only rectangular rows of scalars are a table, and names are used only if there is one for each column."""
    found = table([["A-1", 12.5], ["A-2", None]], ["order", "amount"])
    assert found is not None
    assert found.columns == ("order", "amount")
    assert [(cell.text, cell.literal) for row in found.rows for cell in row] == [
        ("A-1", False), ("12.5", True), ("A-2", False), ("null", True),
    ]  # fmt: skip
    assert table([["A-1", 1]], ["order"]).columns == ()  # type: ignore[union-attr]
    assert all(table(other) is None for other in ([], [[]], [[1], [1, 2]], [[{}]], [1], "text", {"a": 1}))


def test_what_is_gone_is_told_from_what_is_empty() -> None:
    """Taking a field away, or adding it, always shows, even where it held nothing."""
    for value, shown in (("x", "x"), ("", "(empty)"), (0, "0")):
        (gone,), (added,) = changes({"n": value}, {}), changes({}, {"n": value})
        assert [(one.kind, one.text) for one in gone.spans] == [("del", shown)]
        assert [(one.kind, one.text) for one in added.spans] == [("ins", shown)]
    (null,) = changes({"n": None}, {})
    assert null.changed
    (same,) = changes({"n": None}, {"n": None})
    assert not same.changed


def test_values_that_read_alike_are_told_apart() -> None:
    """What is confirmed is never less than what is decided."""
    for before, after, told in ((None, "", ("null", '""')), (True, "yes", ("true", '"yes"')), ("3", 3, ('"3"', "3"))):
        (change,) = changes({"n": before}, {"n": after})
        assert tuple(span.text for span in change.spans) == told


def test_json_is_compact_and_complete() -> None:
    """What is short stays on one line, what is long is broken, and reading it back gives the same value."""
    value = {"a": [1, 2, 3], "b": {"c": "x" * 80, "d": ['"', "\n"]}, "e": []}
    assert compact([1, 2]) == "[1, 2]"
    assert json.loads(compact(value)) == value
    assert compact(value).count("\n") > 3


def test_what_an_edit_does_to_effects() -> None:
    """Changed arguments are compared word by word; effects that come or go are said to."""
    before = view(("write", {"to": "x", "text": "risk is low"}), ("mail", {"to": "y"}))
    after = view(("write", {"to": "x", "text": "risk is high"}), ("call", {"to": "z"}))
    write, call, mail = effects_compared(before, after)
    assert [one.news for one in (write, call, mail)] == ["", "added", "dropped"]
    assert [(span.kind, span.text) for span in write.arguments[1].spans] == [
        ("same", "risk is "), ("del", "low"), ("ins", "high"),
    ]  # fmt: skip
    assert write.arguments[0].spans == ()


def test_a_table_marks_the_cells_that_an_edit_changes() -> None:
    """The new values stand in the table as they will be sent; a row that was not there before is new as a whole."""
    found = table([["A", 1, "x"], ["B", 2, "y"]], None, [["A", True, "z"]])
    assert found is not None
    assert [cell.changed for row in found.rows for cell in row] == [False, True, True, True, True, True]
    alone = table([["A"]])
    assert alone is not None
    assert not alone.rows[0][0].changed


def test_fields_before_and_after() -> None:
    """Fields that were added or removed are there too; 1 and true are not the same."""
    found = {one.name: one for one in changes({"a": 1, "gone": "x", "same": [1]}, {"a": True, "same": [1], "new": "y"})}
    assert [name for name, one in found.items() if one.changed] == ["a", "new", "gone"]
    assert list(found) == ["a", "same", "new", "gone"]


def test_a_word_diff_loses_nothing() -> None:
    """Both texts can be read back from the spans, also where they are too long or too different to be mixed."""
    pairs = [
        ("a b c", "a x c"),
        ("", "new"),
        ("old", ""),
        ("wholly different", "nothing alike 123"),
        ("x " * MAX_WORDS, "y"),
    ]
    for before, after in pairs:
        spans = words(before, after)
        assert "".join(span.text for span in spans if span.kind != "ins") == before
        assert "".join(span.text for span in spans if span.kind != "del") == after
