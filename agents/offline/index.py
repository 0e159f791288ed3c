"""TF-IDF similarity over stems, pairs of stems and character n-grams: small, exact, deterministic."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from agents.offline.text import STOP_WORDS, grams, stem, words

W_WORD, W_STOP, W_PAIR, W_GRAM = 1.0, 0.25, 0.8, 0.35


def features(text: str) -> Iterator[tuple[str, float]]:
    """Features with their weights before IDF; a feature's first letter tells its kind."""
    found = words(text)
    rooted = [stem(word) for word in found]
    for word, root in zip(found, rooted, strict=True):
        stop = word in STOP_WORDS
        yield f"w{root}", W_STOP if stop else W_WORD
        if not stop:
            for gram in grams(root):
                yield f"g{gram}", W_GRAM
    for left, right in pairwise(rooted):
        yield f"p{left} {right}", W_PAIR


class Index:
    """Documents as unit vectors. ``similarity`` is the cosine with a query, 0..1, one number per document."""

    def __init__(self, documents: Sequence[str]) -> None:
        counted = [self._count(document) for document in documents]
        presence: Counter[str] = Counter(feature for document in counted for feature in document)
        self._size = len(documents)
        self._idf = {f: math.log((1 + self._size) / (1 + n)) + 1 for f, n in presence.items()}
        self._unseen = math.log(1 + self._size) + 1
        self._postings: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        for number, document in enumerate(counted):
            vector = {f: w * self._idf[f] for f, w in document.items()}
            norm = math.sqrt(sum(w * w for w in vector.values())) or 1.0
            for feature, weight in vector.items():
                self._postings[feature].append((number, weight / norm))

    def similarity(self, query: str) -> list[float]:
        vector = {f: w * self._idf.get(f, self._unseen) for f, w in self._count(query).items()}
        norm = math.sqrt(sum(w * w for w in vector.values())) or 1.0
        scores = [0.0] * self._size
        for feature, weight in vector.items():
            for number, other in self._postings.get(feature, ()):
                scores[number] += weight / norm * other
        return scores

    @staticmethod
    def _count(text: str) -> dict[str, float]:
        sums: defaultdict[str, float] = defaultdict(float)
        for feature, weight in features(text):
            sums[feature] += weight
        return {f: math.sqrt(w) if f[0] == "w" and w > 1 else w for f, w in sums.items()}
