"""What a call cost: tokens as the provider counted them, dollars from the price tables. Unknown is not zero."""

from __future__ import annotations

from collections.abc import Iterable

from agents.contracts import Usage
from agents.settings import ModelAlias

MILLION = 1_000_000
# Providers whose calls cost nothing because they run where Visto runs.
LOCAL_PROVIDERS = frozenset({"offline", "ollama"})


def priced(alias: ModelAlias, *, input_tokens: int | None, output_tokens: int | None) -> Usage:
    """The usage of one call. ``usd`` is ``None`` if the price or the token counts are unknown."""
    known = input_tokens is not None and output_tokens is not None
    usage = Usage(calls=1, input_tokens=input_tokens or 0, output_tokens=output_tokens or 0, usd=None)
    if alias.provider in LOCAL_PROVIDERS and alias.price is None:
        return usage.model_copy(update={"usd": 0.0})
    if not known:
        return usage
    return usage.model_copy(update={"usd": _usd(alias, usage)})


def total(usages: Iterable[Usage]) -> Usage:
    """The sum. One unknown price makes the sum unknown."""
    listed = list(usages)
    prices = [usage.usd for usage in listed]
    return Usage(
        calls=sum(usage.calls for usage in listed),
        input_tokens=sum(usage.input_tokens for usage in listed),
        output_tokens=sum(usage.output_tokens for usage in listed),
        usd=None if any(p is None for p in prices) else sum(p for p in prices if p is not None),
    )


def _usd(alias: ModelAlias, usage: Usage) -> float | None:
    if alias.price is not None:
        return (usage.input_tokens * alias.price.input + usage.output_tokens * alias.price.output) / MILLION
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price

    try:
        found = calc_price(
            Tokens(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens),
            alias.model,
            provider_id=alias.provider,
        )
    except (LookupError, ValueError):
        return None
    return float(found.total_price)
