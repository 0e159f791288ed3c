"""Secrets are references made from the author's text, and from nothing else."""

import pytest

from workflows.flow.expr import ExpressionError, render
from workflows.flow.secrets import SecretMisused, names_secret, secret_reference


def test_literal_text_and_names_become_a_typed_reference():
    made = secret_reference("Basic {{ secrets.USER }}:{{ secrets.PASS_2 }}!")
    assert made == {"$secret": ["Basic ", {"name": "USER"}, ":", {"name": "PASS_2"}, "!"]}
    assert render({"h": made}, {}) == {"h": made}


@pytest.mark.parametrize(
    "text",
    [
        "{{ secrets.A | upper }}",
        "{{ secrets.A ~ 'x' }}",
        "{{ secrets['A'] }}",
        "{{ secrets.A }}{{ item.x }}",
        "{{ secrets }}",
        "{{ secrets.lower }}",
    ],
)
def test_anything_more_than_a_name_is_refused(text):
    assert names_secret(text)
    with pytest.raises(SecretMisused):
        secret_reference(text)


def test_text_that_arrives_at_run_time_never_names_a_secret():
    scope = {"item": {"a": "{{ secrets.KEY }}", "b": {"$secret": [{"name": "KEY"}]}}}
    assert render("{{ item.a }}", scope) == "{{ secrets.KEY }}"
    for text in ("{{ item.b }}", "{{ item }}", "{{ [item.b] }}"):
        with pytest.raises(ExpressionError):
            render(text, scope)
    with pytest.raises(ExpressionError):
        render("{{ secrets.KEY }}", scope)
