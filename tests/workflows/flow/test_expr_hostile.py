"""Strings that attack template engines, and strings that cost: each is refused, and quickly."""

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.flow.expr import TEST_NAMES, ExpressionError, condition, evaluate, render
from workflows.flow.expressions.evaluate import FILTER_NAMES

ESCAPES = [
    "''.__class__.__mro__[1].__subclasses__()",
    "''['__class__']",
    "[].__class__.__base__",
    "{}.__init__.__globals__",
    "inputs.__class__",
    "inputs['__class__']",
    "inputs|attr('__class__')",
    "inputs.items()",
    "inputs.get('a')",
    "inputs.name.upper()",
    "inputs.name.format(inputs)",
    "'{0.__class__}'.format(inputs)",
    "'%(a)s' % inputs",
    "self",
    "self.__init__",
    "self._TemplateReference__context",
    "lipsum.__globals__",
    "lipsum.__globals__['os'].popen('id').read()",
    "cycler.__init__.__globals__.os",
    "joiner",
    "namespace(a=1)",
    "config",
    "request.application",
    "url_for.__globals__",
    "get_flashed_messages",
    "range(10)",
    "dict(a=1)",
    "caller()",
    "loop.index",
    "super()",
    "varargs",
    "environment",
    "_('x')",
    "gettext('x')",
    "inputs.name|map('attr', '__class__')",
    "['x']|map('__class__')|list",
    "['x']|map(attribute='__class__')|list",
    "['x']|map(attribute='__class__.__mro__')|list",
    "['x']|selectattr('__class__')|list",
    "inputs|selectattr('__class__', 'defined')",
    "inputs|xmlattr",
    "inputs|pprint",
    "inputs|safe",
    "inputs|e",
    "inputs|groupby('x')",
    "inputs|tojson|eval",
    "inputs|format(1)",
    "inputs|string|format",
    "(lambda: 1)()",
    "[x for x in inputs]",
    "inputs.name; 1",
    "import os",
    "__import__('os')",
    "().__class__.__bases__[0]",
    "0xdead.__class__",
    "true.__class__",
    "none.__class__",
    "inputs if true",
    "inputs[inputs]",
    "inputs[:'a']",
    "inputs.name|replace(**inputs)",
    "inputs.name|upper(*[1])",
    "'\\ud800'",
]
COSTS = [
    "'a' * 10 ** 9",
    "'a'|center(10**9)",
    "'a'|indent(10**9)",
    "'a'|ljust(10**9)",
    "range(10 ** 9)|list",
    "[0] * 10 ** 9",
    "10 ** 10 ** 10",
    "9 ** 9 ** 9 ** 9",
    "2 ** 100000",
    "2 ** 1024.0",
    "1e308 * 10",
    "long|replace('a', long)",
    "long|replace('', 'x')",
    "long ~ long",
    "long + long",
    "[long, long]|join(long)",
    "rows|join(long)",
    "[rows, rows, rows, rows]",
    "[rows, rows]|tojson",
    "rows|map('string')|join(long)",
    "rows|map('tojson')|map('tojson')|map('tojson')|map('tojson')|map('tojson')|map('tojson')|map('tojson')|join",
    "long|split('a')|sort|unique|sort|unique|sort|unique|sort|unique|join(long)",
    "long|truncate(10 ** 12, long ~ long)",
    "long|urlencode|urlencode|urlencode",
    "'%' * 9999999",
    "9" * 5_000,
    "1" + "0" * 400,
    "(" * 3_000,
    "[" * 500 + "]" * 500,
    "not " * 2_000 + "true",
    "-" * 3_000 + "1",
    "1" + "+1" * 2_000,
    "'a'" + "~'a'" * 5_000,
    "inputs" + ".a" * 1_500,
    "x|default(" * 300 + "1" + ")" * 300,
    "1 if 1 else " * 300 + "1",
    "{'a':" * 200 + "1" + "}" * 200,
    "deep",
    "deep|tojson",
    "huge",
]


def _deep() -> list:
    made: list = []
    for _ in range(5_000):
        made = [made]
    return made


SCOPE = {
    "inputs": {"name": "Ana"},
    "long": "a" * 200_000,
    "rows": [{"n": number, "t": "x" * 20} for number in range(4_000)],
    "deep": _deep(),
    "huge": 10**4_000,
}


@pytest.mark.parametrize("text", ESCAPES)
def test_nothing_but_data_can_be_reached(text):
    with pytest.raises(ExpressionError):
        evaluate(text, SCOPE)


@pytest.mark.parametrize("text", COSTS, ids=lambda text: text[:40])
def test_no_expression_costs_much(text):
    """A bomb is refused within a second, long before a worker would be missed."""
    started = time.perf_counter()
    with pytest.raises(ExpressionError):
        evaluate(text, SCOPE)
    assert time.perf_counter() - started < 1.0


def test_many_large_values_in_one_text_are_refused():
    with pytest.raises(ExpressionError, match="256 KB"):
        render("{{ long }}{{ long }}", SCOPE)


def test_ordinary_use_of_thousands_of_rows_fits_the_limits():
    assert evaluate("rows|selectattr('n', '<', 10)|sum(attribute='n')", SCOPE) == 45
    assert evaluate("rows|sort(attribute='n', reverse=true)|map(attribute='n')|first", SCOPE) == 3_999


def test_a_field_named_like_a_method_is_the_field():
    assert evaluate("item.items ~ item.keys ~ item.get", {"item": {"items": 1, "keys": 2, "get": 3}}) == "123"


def gives_json_or_words(work: Callable[[], object]) -> bool:
    try:
        return bool(json.dumps(work(), allow_nan=False))
    except ExpressionError as error:
        return bool(error.message)


TOKENS = st.sampled_from(
    [
        *"()[]{},:.|~+-*/%<>='\"",
        *[" and", "or", "not", "if", "else", "in", "is", "== != ** // "],
        *sorted(FILTER_NAMES),
        *TEST_NAMES,
        *[
            "rows",
            "long",
            "inputs",
            "inputs.name",
            "'n'",
            "'a'",
            "0",
            "1",
            "99999999",
            "1.5",
            "true",
            "none",
            "attribute=",
        ],
    ]
)


@settings(max_examples=600, deadline=None)
@given(st.lists(TOKENS, max_size=14).map(" ".join))
def test_no_combination_of_tokens_escapes_or_stalls(text):
    """Any text gives JSON within a second, or an ``ExpressionError``."""
    started = time.perf_counter()
    assert gives_json_or_words(lambda: evaluate(text, SCOPE))
    assert time.perf_counter() - started < 1.0


VALUES = st.sampled_from(
    [
        "rows",
        "long",
        "inputs",
        "inputs.name",
        "1",
        "-1.5",
        "'2026-01-01'",
        "[1, 2]",
        "true",
        "none",
        "missing",
        "huge",
        "deep",
    ]
)


@settings(max_examples=600, deadline=None)
@given(
    VALUES, st.sampled_from(sorted(FILTER_NAMES)), st.lists(VALUES, max_size=2), st.sampled_from(sorted(FILTER_NAMES))
)
def test_every_filter_takes_any_value_and_any_argument(value, name, arguments, second):
    text = f"{value} | {name}({', '.join(arguments)}) | {second}"
    assert gives_json_or_words(lambda: evaluate(text, SCOPE))


@given(VALUES, st.sampled_from(TEST_NAMES), st.lists(VALUES, max_size=2))
def test_every_test_takes_any_value_and_any_argument(value, name, arguments):
    text = f"{value} is {name}({', '.join(arguments)})"
    assert gives_json_or_words(lambda: condition(text, SCOPE))
