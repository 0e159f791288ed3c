"""Reciprocal rank fusion: several rankings become one, without comparing their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

RRF_K = 10
"""How fast a rank's weight falls. 10 retrieves better than the often quoted 60 on our figures (docs/knowledge.md)."""


def fuse(rankings: Mapping[str, Sequence[str]], weights: Mapping[str, float], *, k: int = RRF_K) -> dict[str, float]:
    """Fuse named rankings (best first, ids unique in each) into ``{id: score}``, best first.

    Scores are scaled so that an id that is first in every ranking gets 1. Ties are broken by id, so that equal inputs
    always give equal output.
    """
    scores: dict[str, float] = {}
    for name, ranking in rankings.items():
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + weights[name] / (k + rank)
    best = sum(weights[name] for name in rankings) / (k + 1)
    ordered = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
    return {item: score / best for item, score in ordered}
