"""Costs: tokens times price, local models cost nothing, and what is not known is never called free."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.budget import priced, total
from agents.contracts import Usage
from agents.settings import OFFLINE_ALIAS, ModelAlias, Price

KNOWN = ModelAlias(provider="openai", model="gpt-4.1-mini")
USAGES = st.builds(
    Usage,
    calls=st.integers(0, 50),
    input_tokens=st.integers(0, 10**6),
    output_tokens=st.integers(0, 10**6),
    usd=st.none() | st.integers(0, 10**6).map(float),
)


def test_a_public_model_is_priced_from_the_tables():
    small = priced(KNOWN, input_tokens=1000, output_tokens=100)
    large = priced(KNOWN, input_tokens=2000, output_tokens=200)
    assert small.usd is not None
    assert 0 < small.usd < 0.01
    assert large.usd == pytest.approx(2 * small.usd)
    assert (small.calls, small.input_tokens, small.output_tokens) == (1, 1000, 100)


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_negotiated_price_is_per_million_tokens(given_tokens, produced_tokens):
    alias = ModelAlias(provider="in-house", model="x", price=Price(input=2.0, output=8.0))
    usage = priced(alias, input_tokens=given_tokens, output_tokens=produced_tokens)
    assert usage.usd == pytest.approx((2 * given_tokens + 8 * produced_tokens) / 1e6)


@pytest.mark.parametrize(("given_tokens", "produced_tokens"), [(None, 10), (10, None), (None, None)])
def test_tokens_that_nobody_counted_have_no_price(given_tokens, produced_tokens):
    assert priced(KNOWN, input_tokens=given_tokens, output_tokens=produced_tokens).usd is None


def test_a_model_that_no_table_knows_has_no_price():
    assert priced(ModelAlias(provider="openai", model="x-9"), input_tokens=1, output_tokens=1).usd is None
    assert priced(ModelAlias(provider="nobody", model="x"), input_tokens=1, output_tokens=1).usd is None


def test_local_models_are_free_unless_somebody_priced_them():
    ollama = ModelAlias(provider="ollama", model="llama3.1")
    assert priced(OFFLINE_ALIAS, input_tokens=0, output_tokens=0).usd == 0
    assert priced(ollama, input_tokens=None, output_tokens=None).usd == 0
    own = ollama.model_copy(update={"price": Price(input=1, output=1)})
    assert priced(own, input_tokens=500_000, output_tokens=500_000).usd == 1
    assert priced(own, input_tokens=None, output_tokens=1).usd is None


@given(st.lists(USAGES, max_size=6))
def test_the_sum_adds_up_in_any_order_and_one_unknown_price_makes_it_unknown(usages):
    whole = total(usages)
    assert whole.calls == sum(u.calls for u in usages)
    assert whole.input_tokens == sum(u.input_tokens for u in usages)
    assert (whole.usd is None) is any(u.usd is None for u in usages)
    assert total(reversed(usages)) == whole


def test_nothing_costs_nothing():
    assert total([]) == Usage(calls=0, usd=0.0)
