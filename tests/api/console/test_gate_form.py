"""The form of an edit: made from a schema, and read back without changing what nobody touched."""

from __future__ import annotations

import pytest

from api.console.pages.gate_form import as_text, form_fields, kind_of, other_errors, read_form

TEXT = {"type": "string"}


def schema(**fields: dict) -> dict:
    return {"type": "object", "properties": fields, "required": list(fields)}


def changes(part: dict, before: object, typed: str, *, required: bool = True) -> object:
    """What typing into the one field of a form changes, or the message at the field."""
    whole = schema(x=part) | ({} if required else {"required": []})
    sent = read_form(whole, ["x"], {"x": before}, {"x": typed})
    return sent.errors["x"][0] if sent.errors else sent.changes.get("x", "unchanged")


@pytest.mark.parametrize(
    ("part", "value", "kind"),
    [
        ({"type": "string", "maxLength": 60}, "short", "text"),
        ({"type": "string", "maxLength": 60}, "two\nlines", "long"),
        (TEXT, "short", "long"),
        ({"type": "string", "enum": ["a"]}, "a", "choice"),
        ({"enum": [1, 2]}, 1, "choice"),
        ({"type": "string", "format": "date"}, "2026-01-31", "date"),
        ({"type": "string", "format": "date"}, "tomorrow", "text"),
        ({"type": "integer"}, 3, "integer"),
        ({"type": "number"}, 3.5, "number"),
        ({"type": "boolean"}, True, "boolean"),
        ({"type": "array"}, [], "json"),
        ({"type": "object"}, {}, "json"),
        ({"type": ["string", "null"]}, None, "long"),
        ({"type": ["string", "integer"]}, "a", "json"),
        ({}, None, "json"),
    ],
)
def test_every_type_has_its_input(part: dict, value: object, kind: str) -> None:
    """A date that is no date is shown as text, because a date input would hide it."""
    assert kind_of(part, value) == kind


@pytest.mark.parametrize(
    ("part", "before", "typed", "after"),
    [
        (TEXT, "old", "new", "new"),
        (TEXT, "old", "", ""),
        ({"type": "integer"}, 3, " 12 ", 12),
        ({"type": "integer"}, 3, "-4", -4),
        ({"type": "integer"}, 3, "1.5", "must be a whole number, like 12"),
        ({"type": "integer"}, 3, "9" * 40, "must be a whole number, like 12"),
        ({"type": "integer"}, 3, "", "must not be empty"),
        ({"type": "number"}, 3, "12.50", 12.5),
        ({"type": "number"}, 3, "12,50", "must be a number, with a point before the decimals, like 12.50"),
        ({"type": "number"}, 3, "1e999", "is too large a number"),
        ({"type": "number"}, 3, "NaN", "must be a number, with a point before the decimals, like 12.50"),
        ({"type": "number"}, 3.5, "4", 4),
        ({"type": "boolean"}, True, "false", False),
        ({"type": "boolean"}, True, "maybe", "must be yes or no"),
        ({"enum": ["low", "high"]}, "low", "high", "high"),
        ({"enum": [1, True, None]}, 1, "true", True),
        ({"enum": ["low", "high"]}, "low", "huge", "must be one of low, high"),
        ({"type": "array"}, [1], "[1, 2]", [1, 2]),
        ({"type": "array"}, [1], "[1, 2", "is not JSON: Expecting ',' delimiter at line 1, column 6"),
        ({"type": "object"}, {}, '{"a": 1, "a": 2}', "is not JSON: the key 'a' stands twice in one object"),
        ({"type": "array"}, [1], "[NaN]", "is not JSON: NaN is not JSON"),
    ],
)
def test_what_is_typed_becomes_a_typed_value_or_a_message(
    part: dict, before: object, typed: str, after: object
) -> None:
    """The value has the schema's type, never the text of it."""
    found = changes(part, before, typed)
    assert found == after
    assert type(found) is type(after)


@pytest.mark.parametrize(
    ("part", "before"),
    [
        (TEXT, "old"),
        ({"type": "number"}, 3.5),
        ({"type": "integer"}, 0),
        ({"type": "boolean"}, False),
        ({"type": "string", "format": "date"}, "2026-01-31"),
        ({"type": "string", "enum": ["low", "high"]}, "low"),
        ({"type": "array"}, [1]),
    ],
)
def test_an_optional_field_is_emptied_and_can_be_found_empty_again(part: dict, before: object) -> None:
    """Every kind of input can say "nothing", also a list of choices; a required one cannot."""
    assert changes(part, before, "", required=False) is None
    assert changes(part, before, "  \n", required=False) is None
    whole = schema(x=part) | {"required": []}
    [filled], [emptied] = (form_fields(whole, ["x"], values) for values in ({"x": before}, {}))
    assert emptied.value == ""
    assert not filled.options or ("", "nothing") in filled.options
    [needed] = form_fields(schema(x=part), ["x"], {"x": before})
    assert "" not in dict(needed.options)


def test_an_empty_text_that_is_a_choice_is_chosen_and_not_nothing() -> None:
    part = {"enum": ["", "high"]}
    assert changes(part, "high", "", required=False) == ""
    [field] = form_fields(schema(x=part), ["x"], {"x": "high"})
    assert field.options == (("", "(empty)"), ("high", "high"))


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "a\nb",
        "",
        "cr\r\nlf",
        "zero\u200bwidth \u202eright",
        3,
        2.50,
        1e30,
        True,
        None,
        [1, {"a": "ü"}],
        {"b": []},
    ],
)
def test_what_nobody_touched_is_not_changed(value: object) -> None:
    """The form sends every field; only those whose text differs from what was put in count."""
    part = {"type": {str: "string", int: "integer", float: "number", bool: "boolean"}.get(type(value), "array")}
    shown = form_fields(schema(x=part), ["x"], {"x": value})[0].value
    assert read_form(schema(x=part), ["x"], {"x": value}, {"x": shown}).changes == {}


def test_invisible_characters_come_back_where_the_text_had_them() -> None:
    """A soft hyphen that stands spelled in the form is a soft hyphen again; a spelling that somebody typed stays text."""
    before = "Donau\u00addampf schiff"
    shown = as_text(TEXT, before)
    assert shown == "Donau⟨U+00AD⟩dampf schiff"
    assert changes(TEXT, before, shown.replace(" ", "")) == "Donau\u00addampfschiff"
    assert changes(TEXT, before, shown + "⟨U+202E⟩") == before + "⟨U+202E⟩"
    assert changes(TEXT, before, "⟨U+999999⟩") == "⟨U+999999⟩"


def test_only_editable_fields_are_in_the_form_and_read_from_it() -> None:
    """A field that is sent although it is not editable is not even looked at."""
    both = schema(a=TEXT, b=TEXT)
    assert [field.name for field in form_fields(both, ["a"], {"a": "1", "b": "2"})] == ["a"]
    assert read_form(both, ["a"], {"a": "1", "b": "2"}, {"a": "x", "b": "y"}).changes == {"a": "x"}
    assert read_form(both, ["gone"], {}, {"gone": "x"}).changes == {}


def test_errors_stand_at_their_fields_and_the_typed_text_is_kept() -> None:
    """An error inside a list names its place; what belongs to no field is told apart."""
    errors = {"rows.0.amount": ["must be a number"], "rules": ["Over 5000 is never low."]}
    fields = form_fields(schema(rows={"type": "array"}), ["rows"], {"rows": []}, sent={"rows": "[{]"}, errors=errors)
    assert fields[0].value == "[{]"
    assert fields[0].errors == ("0.amount: must be a number",)
    assert other_errors(errors, fields) == ["Over 5000 is never low."]


def test_a_value_that_is_not_allowed_is_still_shown_as_chosen() -> None:
    """A suggestion outside the list must not look as if the first choice had been suggested."""
    field = form_fields(schema(x={"enum": ["low", "high"]}), ["x"], {"x": "extreme"})[0]
    assert field.options[0] == ("extreme", "extreme (not allowed)")
    assert field.value == "extreme"
