"""Sentences in data that try to give orders to a model. They are no evidence for anything and are left out."""

from __future__ import annotations

import re

from agents.offline.text import sentences

_OVERRIDE = (
    r"\b(?:ignore|disregard|forget|override|bypass|skip)\b[^.]{0,60}"
    r"\b(?:instruction|previous|prior|above|earlier|rule|polic|prompt|system|guideline|everything|check)"
)
_ROLE = (
    r"(?:^|[\s\[<#*])(?:system|assistant|developer|admin(?:istrator)?)(?:\s+(?:message|prompt|note|override))?\s*[:\]>]"
)
_PERSONA = r"\b(?:you are now|from now on|act as|pretend|new instructions?|as an ai|language model|jailbreak|prompt)\b"
_ORDER = (
    r"(?:^\W*|[,;:]\s*|\b(?:please|must|should|shall|to|and|then|just|always|now|will|can you|could you)\s+)"
    r"(?:mark|classify|label|rate|flag|treat|score|set|consider|categori[sz]e|report|answer|respond|reply|return|output|say)\b"
    r"[^.]{0,60}\b(?:as|to|with|is|=|:)\s+\W*\w+"
)
_VERDICT = r"\b(?:must|should|shall|has to|needs? to|please|just|always|already|been|pre-?)\b[^.]{0,40}\b(?:approv|accept|allow|whitelist|trusted|low[- ]risk|safe)"
_CLAIM = r"\b(?:approve|accept|allow)\s+(?:this|it|the|me|now|immediately|without)\b|\brisk\s*(?:is|=|:|level)\s*\W*\w+|\b(?:is|are)\s+(?:low|no|zero)[- ]risk\b"

_IN_PASSAGES = re.compile(f"{_OVERRIDE}|{_ROLE}|{_PERSONA}", re.IGNORECASE)
_IN_DATA = re.compile(f"{_OVERRIDE}|{_ROLE}|{_PERSONA}|{_ORDER}|{_VERDICT}|{_CLAIM}", re.IGNORECASE)


def without_orders(text: str, *, trusted: bool = False) -> tuple[str, int]:
    """The text without such sentences, and how many there were.

    ``trusted`` text comes from a knowledge base, where "treat orders over 5,000 as high risk" is a policy and
    only attempts to replace the instructions are left out.
    """
    pattern = _IN_PASSAGES if trusted else _IN_DATA
    listed = sentences(text)
    kept = [sentence for sentence in listed if not pattern.search(sentence)]
    return (text, 0) if len(kept) == len(listed) else ("\n".join(kept), len(listed) - len(kept))
