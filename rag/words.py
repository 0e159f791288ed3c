"""Words and sentences of a text, without a downloaded tokenizer, and the quote that answers a query best."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

QUOTE_LIMIT = 400
"""Longest quote in characters; a longer sentence is cut at a word."""

_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]»\u201d\u2019]*\s+(?=[^a-z\s])|(?<=[\u3002\uff01\uff1f])|\n+")
_ABBREVIATION = re.compile(r"\b(?:Mrs?|Ms|Dr|Prof|St|vs|e\.g|E\.g|i\.e|I\.e|cf|art|fig|[A-Z])\.$")
_COMMON = frozenset(
    """
    a an and are as at be been but by can could did do does for from had has have how i if in into is it
    its may more my no not of on or our shall should so such than that the their them then there these
    they this those to was we were what when where which who whom whose why will with would you your
    """.split()  # noqa: SIM905  sixty lines otherwise
)


def words(text: str) -> list[str]:
    """Lower-case words of a text without accents; scripts written without spaces give one word per character."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(char for char in folded if not unicodedata.combining(char)))


def terms(text: str) -> list[str]:
    """Words that carry meaning, plural and singular as one: what lexical search compares."""
    return [_singular(word) for word in words(text) if word not in _COMMON]


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):  # noqa: PLR2004
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):  # noqa: PLR2004
        return word[:-1]
    return word


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence; the spans are adjacent and cover the text."""
    cuts = [0]
    for match in _SENTENCE_END.finditer(text):
        if "\n" not in match.group() and _ABBREVIATION.search(text, max(0, match.start() - 12), match.start()):
            continue
        if cuts[-1] < match.end() < len(text):
            cuts.append(match.end())
    return list(pairwise([*cuts, len(text)])) if text else []


def sentences(text: str) -> list[str]:
    """The sentences of a text, white space kept: joined they are the text."""
    return [text[start:end] for start, end in sentence_spans(text)]


def quote(text: str, query: str, *, limit: int = QUOTE_LIMIT) -> str:
    """The verbatim part of ``text``, one sentence or two adjacent ones, that shares most with ``query``.

    Always a substring of ``text``. With nothing in common it is the first sentence.
    """
    asked = set(terms(query))
    spans = sentence_spans(text)
    best, best_score = spans[0] if spans else (0, 0), -1.0
    for index, (start, end) in enumerate(spans):
        pair_end = spans[index + 1][1] if index + 1 < len(spans) else end
        for stop, price in ((end, 0.0), (pair_end, 0.6)):
            score = _overlap(text[start:stop], asked) - price
            if score > best_score and (stop - start <= limit or stop == end):
                best, best_score = (start, stop), score
    return _shorten(text[best[0] : best[1]].strip(), limit)


def _overlap(part: str, asked: set[str]) -> float:
    found = terms(part)
    # The small second term prefers, of two sentences with equally many of the query's terms, the one that says less.
    return len(asked & set(found)) - min(len(found), 200) / 1000


def _shorten(part: str, limit: int) -> str:
    if len(part) <= limit:
        return part
    head = part[:limit]
    return (head.rsplit(maxsplit=1)[0] if " " in head else head).rstrip()
