"""Expressions: what they give, what they refuse, and what they refer to."""

import pytest

from workflows.flow.expr import ExpressionError, condition, evaluate, references, render, subscope

SCOPE = {
    "inputs": {"limit": 5, "name": "Ana", "tags": ["b", "a"], "empty": [], "nothing": None},
    "vars": {"items": 3, "keys": "k"},
    "outputs": {
        "triage": {"results": [{"risk": "high", "n": 2}, {"risk": "low", "n": 1}, {"risk": "high", "n": 3}]},
        "big": {"rows": {"uri": "artifact://default/ab", "sha256": "ab", "count": 900, "bytes": 1}},
    },
    "item": {"amount": 12.5, "note": "say {{ inputs.name }}", "id": 7},
}

GIVES = [
    ("inputs.limit + 1", 6),
    ("-inputs.limit ** 2", 25),
    ("7 // 2", 3),
    ("1 / 4", 0.25),
    ("'a' + 'b'", "ab"),
    ("[1] + [2]", [1, 2]),
    ("'n' ~ 1 ~ true ~ none ~ 2.0", "n1true2"),
    ("vars.items", 3),
    ("vars['keys']", "k"),
    ("inputs.tags[0]", "b"),
    ("inputs.tags[-1]", "a"),
    ("inputs.name[0:2]", "An"),
    ("'x' if inputs.limit > 3 else 'y'", "x"),
    ("inputs.missing | default('d')", "d"),
    ("inputs.a.b.c | default('d')", "d"),
    ("inputs.nothing | default('d')", None),
    ("inputs.nothing | default('d', true)", "d"),
    ("inputs.missing is defined", False),
    ("inputs.missing is defined and inputs.missing > 3", False),
    ("inputs.nothing is none", True),
    ("inputs.nothing == 3", False),
    ("'a' in inputs.tags", True),
    ("'limit' in inputs", True),
    ("'na' in inputs.name", True),
    ("1 < 2 < 3", True),
    ("1 == 1.0", True),
    ("not inputs.empty", True),
    ("{'a': [1, {'b': inputs.limit}]}", {"a": [1, {"b": 5}]}),
    ("outputs.triage.results | percent_where('risk', 'high') | round(1)", 66.7),
    ("inputs.empty | percent_where('risk', 'high')", 0.0),
    ("outputs.triage.results | sum(attribute='n')", 6),
    ("outputs.triage.results | map(attribute='n') | max", 3),
    ("(outputs.triage.results | min(attribute='n')).risk", "low"),
    ("outputs.triage.results | selectattr('risk', '==', 'high') | length", 2),
    ("outputs.triage.results | rejectattr('n', '>', 1) | map(attribute='risk') | list", ["low"]),
    ("outputs.triage.results | map(attribute='x', default=0) | sum", 0),
    ("inputs.tags | sort | join(', ')", "a, b"),
    ("inputs.tags | sort(reverse=true) | first", "b"),
    ("[3, 1, 3, 2] | unique | list", [3, 1, 2]),
    ("inputs.tags | map('upper') | join", "BA"),
    ("{'b': 1, 'a': 'é</script>'} | tojson", '{"a": "é</script>", "b": 1}'),
    ("'a b/ü' | urlencode", "a%20b%2F%C3%BC"),
    ("'2026-03-01T10:20:30Z' | date('%d %B %Y %H:%M, %a')", "01 March 2026 10:20, Sun"),
    ("'2026-03-01' | date", "2026-03-01"),
    ("2.5 | round", 3),
    ("-2.5 | round", -3),
    ("1.005 | round(2)", 1.01),
    ("' 12,5 ' | trim | replace(',', '.') | float", 12.5),
    ("'42' | int", 42),
    ("'abcdef' | truncate(4)", "abc…"),
    ("'a,b' | split", ["a", "b"]),
    ("inputs | keys | first", "empty"),
    ("outputs.big.rows.count", 900),
    ("outputs.big.rows", SCOPE["outputs"]["big"]["rows"]),
]


@pytest.mark.parametrize(("text", "value"), GIVES)
def test_gives(text, value):
    """Each expression has exactly this value, with this type."""
    found = evaluate(text, SCOPE)
    assert found == value
    assert type(found) is type(value)


REFUSED = [
    ("inputs.missing", "no field `missing`"),
    ("nobody", "no `nobody`"),
    ("[1, inputs.missing]", "no field"),
    ("{'a': nobody}", "no `nobody`"),
    ("inputs.missing == 1", "no field"),
    ("inputs.missing or true", "no field"),
    ("not nobody", "no `nobody`"),
    ("inputs.empty | first", "empty list"),
    ("inputs.empty | max", "empty list"),
    ("inputs.tags[9]", "no element number 9"),
    ("'a' if inputs.limit", "needs its `else`"),
    ("inputs.limit == '5'", "cannot be compared"),
    ("inputs.limit < 'a'", "cannot be ordered"),
    ("true == 1", "cannot be compared"),
    ("inputs.tags == 'a'", "cannot be compared"),
    ("'a' * 3", "numbers only"),
    ("[1] * 3", "numbers only"),
    ("'%s' % 3", "numbers only"),
    ("'a' - 'b'", "numbers only"),
    ("true + 1", "cannot be added"),
    ("'a' + 1", "cannot be added"),
    ("1 / 0", "division by zero"),
    ("5 % 0", "division by zero"),
    ("(-1) ** 0.5", "no number"),
    ("0 ** -1", "division by zero"),
    ("'x' | float", "not a number"),
    ("'1_000' | int", "not a number"),
    ("'nan' | float", "no number"),
    ("outputs.big.rows | length", "kept as a file"),
    ("outputs.big.rows | map(attribute='n')", "kept as a file"),
    ("outputs.big.rows[0]", "kept as a file"),
    ("'x' in outputs.big.rows", "kept as a file"),
    ("inputs.name | nosuch", "no filter `nosuch`"),
    ("inputs.name is nosuch", "no test"),
    ("inputs.name | upper(1)", "does not take these arguments"),
    ("inputs.name | round", "numbers only"),
    ("{1: 2}", "must be texts"),
    ("", "is empty"),
    ("1 +", "ends too early"),
    ("a b", "not expected here"),
    ("'2026-13-01' | date", "not a date"),
    ("'2026-01-01' | date('%Q')", "does not know %Q"),
    ("[1, 'a'] | sort", "cannot be ordered"),
    ("item.id | upper", "texts only"),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_refuses(text, words):
    """What is undefined, of the wrong kind or not of the language is an error that says so."""
    with pytest.raises(ExpressionError) as raised:
        evaluate(text, SCOPE)
    assert words in raised.value.message
    assert raised.value.expression == text


@pytest.mark.parametrize("text", ["inputs.limit", "inputs.name", "inputs.tags", "none", "inputs.nothing", "0", "''"])
def test_a_condition_is_true_or_false_and_nothing_else(text):
    """No value counts as a yes or a no in silence."""
    with pytest.raises(ExpressionError, match="true or false"):
        condition(text, SCOPE)


def test_a_condition_may_have_braces():
    assert condition("{{ inputs.limit > 3 }}", SCOPE) is True
    assert condition("inputs.limit > 3", SCOPE) is True


def test_a_misspelt_name_gets_the_nearest_as_hint():
    with pytest.raises(ExpressionError) as raised:
        evaluate("inptus.limit", SCOPE)
    assert raised.value.hint == "did you mean `inputs`?"


def test_one_expression_keeps_its_type_and_a_text_interpolates():
    value = {"a": "{{ inputs.tags }}", "b": ["n={{ inputs.limit }}, {{ inputs.nothing }}{{ true }}"], "c": 4}
    assert render(value, SCOPE) == {"a": ["b", "a"], "b": ["n=5, true"], "c": 4}


def test_braces_inside_quotes_and_groups_do_not_end_an_expression():
    assert render("{{ '}}' }}|{{ {'a': {'b': 1}}.a.b }}", SCOPE) == "}}|1"


def test_data_is_never_a_template():
    """A value that looks like a template is text."""
    assert render("{{ item.note }}", SCOPE) == "say {{ inputs.name }}"
    assert render("note: {{ item.note }}", SCOPE) == "note: say {{ inputs.name }}"


def test_secret_references_pass_untouched_and_data_cannot_become_one():
    reference = {"$secret": ["Bearer ", {"name": "KEY"}, "{{ not.rendered }}"]}
    assert render({"h": reference}, SCOPE) == {"h": reference}
    with pytest.raises(ExpressionError, match="secret"):
        render("{{ item }}", {"item": {"$secret": [{"name": "KEY"}]}})


@pytest.mark.parametrize("text", ["{{ a", "{% if x %}", "{{ 'a }}", "{{- 1 }}", "{{ 1 -}}"])
def test_templates_that_are_not_closed_or_hold_statements_are_refused(text):
    with pytest.raises(ExpressionError):
        render(text, SCOPE)


def test_references_are_the_longest_constant_paths():
    value = {"a": "{{ outputs.orders['rows'][0].x }}", "b": ["{{ item.amount > inputs[item.key] }}"]}
    assert references(value) == {("outputs", "orders", "rows"), ("item", "amount"), ("inputs",), ("item", "key")}


def test_a_subscope_gives_the_same_results_and_holds_nothing_else():
    value = ["{{ outputs.triage.results | length }}", "{{ inputs.missing | default(1) }}", "{{ item.amount }}"]
    small = subscope(value, SCOPE, "vars.items > 2")
    assert render(value, small) == render(value, SCOPE)
    assert condition("vars.items > 2", small)
    assert small["item"] == {"amount": 12.5}
    assert "name" not in small["inputs"]


def test_a_subscope_keeps_what_is_absent_absent():
    with pytest.raises(ExpressionError):
        render("{{ inputs.name.first }}", subscope("{{ inputs.name.first }}", SCOPE))
    assert subscope("{{ inputs.name.first }}", SCOPE)["inputs"] == {"name": "Ana"}
