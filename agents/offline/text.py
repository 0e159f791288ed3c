"""Words, stems, character n-grams and sentences, in plain Python."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SENTENCE = re.compile(r"(?:[^.!?\n]|[.!?](?=\S))+[.!?]*")
_SUFFIXES = ("ations", "ation", "ingly", "ments", "ment", "ings", "ing", "edly", "ied", "ies", "ed", "ly", "es", "s")
MIN_STEM = 3

STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "for",
        "from",
        "get",
        "had",
        "has",
        "have",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "me",
        "my",
        "of",
        "on",
        "or",
        "our",
        "please",
        "so",
        "than",
        "that",
        "the",
        "their",
        "them",
        "there",
        "they",
        "this",
        "to",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "why",
        "will",
        "with",
        "would",
        "you",
        "your",
        "am",
        "about",
        "just",
        "any",
        "some",
        "im",
        "ive",
        "i'm",
        "i've",
        "it's",
    ]
)


def words(text: str) -> list[str]:
    """Lower-case words; ``card_not_working`` and ``cardNotWorking`` are three words each."""
    return [found.lower() for found in _WORD.findall(_CAMEL.sub(" ", text))]


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The word without its commonest English endings: enough to bring ``charged`` and ``charges`` together."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= MIN_STEM:
            root = word[: -len(suffix)]
            if suffix in {"ied", "ies"}:
                return root + "y"
            if len(root) > MIN_STEM and root[-1] == root[-2] and root[-1] not in "lsz":
                return root[:-1]
            return root.removesuffix("e") if len(root) > MIN_STEM else root
    return word.removesuffix("e") if len(word) > MIN_STEM + 1 else word


def stems(text: str) -> list[str]:
    """Stems of all words that are not stop words."""
    return [stem(word) for word in words(text) if word not in STOP_WORDS]


@lru_cache(maxsize=50_000)
def grams(word: str) -> tuple[str, ...]:
    """Character 3- and 4-grams of a word with its edges marked."""
    marked = f"<{word}>"
    return tuple(marked[i : i + n] for n in (3, 4) for i in range(max(1, len(marked) - n + 1)))


def sentences(text: str) -> list[str]:
    """Sentences and lines, verbatim and stripped. A full stop inside a number or a domain ends nothing."""
    return [found.strip() for found in _SENTENCE.findall(text) if found.strip()]
