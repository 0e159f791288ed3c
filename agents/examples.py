"""Which approved cases a language model is shown: the nearest to the case at hand, nearest last."""

from __future__ import annotations

from collections.abc import Sequence

from agents.contracts import Example
from agents.offline.index import Index


def nearest(prompt: str, examples: Sequence[Example], limit: int) -> list[Example]:
    """At most ``limit`` examples, most similar last, where models attend most. Deterministic."""
    if len(examples) <= limit:
        return list(examples)
    scores = Index([example.prompt for example in examples]).similarity(prompt)
    ranked = sorted(range(len(examples)), key=lambda i: (-scores[i], i))[:limit]
    return [examples[i] for i in reversed(ranked)]
