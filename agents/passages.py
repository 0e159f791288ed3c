"""Retrieved passages: how they are shown to a model, and which of them an answer cites."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from agents.contracts import Citation, Hit

Json = Any
MAX_QUOTE = 400
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?!\s|$)[^.!?\n]*)*[.!?]?")
_WORD = re.compile(r"\w{3,}")


def passage_id(hit: Hit) -> str:
    """A short id that depends on the passage alone, not on which search found it first."""
    return "p" + hashlib.sha256(f"{hit.collection}\x00{hit.document}\x00{hit.chunk}".encode()).hexdigest()[:8]


def shown(hits: Sequence[Hit]) -> str:
    """The result of a search as JSON text for the model; an empty search says so."""
    if not hits:
        return json.dumps({"passages": [], "note": "Nothing was found."})
    return json.dumps(
        {
            "passages": [
                {"id": passage_id(hit), "document": hit.document, "heading": hit.heading, "text": hit.text}
                for hit in hits
            ]
        },
        ensure_ascii=False,
    )


def citations(hits: Iterable[Hit], cited: Json, value: Json) -> tuple[Citation, ...]:
    """The passages that the answer names and that were really retrieved, each once, in the order named."""
    by_id = {passage_id(hit): hit for hit in hits}
    named = [item.strip() for item in cited if isinstance(item, str)] if isinstance(cited, list) else []
    chosen = [by_id[item] for item in dict.fromkeys(named) if item in by_id]
    words = set(_WORD.findall(json.dumps(value, ensure_ascii=False).lower()))
    return tuple(
        Citation(
            collection=hit.collection,
            document=hit.document,
            chunk=hit.chunk,
            score=hit.score,
            quote=_quote(hit.text, words),
        )
        for hit in chosen
    )


def _quote(text: str, words: set[str]) -> str:
    """The sentence of the passage that shares most words with the answer, verbatim."""
    spans = [found for found in _SENTENCE.finditer(text) if found[0].strip()]
    if not spans:
        return text[:MAX_QUOTE]
    best = max(spans, key=lambda found: (len(words & set(_WORD.findall(found[0].lower()))), -found.start()))
    return best[0].strip()[:MAX_QUOTE]
