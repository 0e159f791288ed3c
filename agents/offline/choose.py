"""Choose one of a closed set of labels: what the policy says first, what similar cases were, then what sounds alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents.offline.case import Case, Passage
from agents.offline.rules import Evidence, severity, weigh
from agents.offline.similarity import label_scores
from agents.offline.text import sentences, stems, words

Json = Any
RULE_MARGIN = 0.95
CONTESTED_MARGIN = 0.8
DEFAULT_MARGIN = 0.6
LABEL_TEXTS = 40
SCORE_SPAN = 3.0


@dataclass(frozen=True, slots=True)
class Choice:
    """A label, its lead over the next (0..1), and the sentences that decided it with their passage ids."""

    label: Json
    margin: float
    quotes: tuple[tuple[str, str], ...] = ()


def choose(case: Case, name: str, schema: dict[str, Json]) -> Choice:
    """The label for an enum field. Labels that are not texts are compared by how they are written."""
    labels = [str(label) for label in schema["enum"]]
    evidence = weigh(case, name, labels)
    chosen, margin = _decide(case, name, schema, labels, evidence)
    original = next(item for item in schema["enum"] if str(item) == chosen)
    quotes = evidence.quotes.get(chosen) or _default_quotes(case, evidence, chosen)
    return Choice(original, round(margin, 4), tuple(quotes))


def _decide(
    case: Case, name: str, schema: dict[str, Json], labels: Sequence[str], evidence: Evidence
) -> tuple[str, float]:
    ranks = severity(labels)
    excluded = {label for label in labels if evidence.against[label] > evidence.weight[label]}
    open_labels = [label for label in labels if label not in excluded] or list(labels)
    supported = [label for label in open_labels if evidence.weight[label] > 0]
    if supported:
        best = max(
            supported, key=lambda label: (ranks[label] if ranks else evidence.weight[label], evidence.weight[label])
        )
        return best, RULE_MARGIN if len(supported) == 1 else CONTESTED_MARGIN
    if evidence.default in open_labels:
        return str(evidence.default), DEFAULT_MARGIN
    text = _without_labels(case, labels) if ranks else case.text
    scores = dict(zip(labels, label_scores(text, _documents(case, name, schema, labels, evidence)), strict=True))
    ordered = sorted(open_labels, key=lambda label: (-scores[label], -(ranks or {}).get(label, 0)))
    if len(ordered) == 1 or not text.strip():
        # Nothing to go by: the more cautious label where there is a scale, and no confidence.
        return (max(open_labels, key=lambda label: ranks[label]) if ranks else ordered[0]), 0.0
    return ordered[0], _margin([scores[label] for label in ordered])


def _without_labels(case: Case, labels: Sequence[str]) -> str:
    """The text without the words of a scale: a note that says "low, low, low" describes no case."""
    said = "|".join(re.escape(label) for label in labels)
    return re.sub(rf"\s*\b(?:{said})\b", "", case.text, flags=re.IGNORECASE) if case.facts else case.text


def _margin(ordered: Sequence[float]) -> float:
    """The lead of the first over the second, as a share of a lead that hardly ever misses."""
    return min(max((ordered[0] - ordered[1]) / SCORE_SPAN, 0.0), 0.99)


def _documents(
    case: Case, name: str, schema: dict[str, Json], labels: Sequence[str], evidence: Evidence
) -> tuple[tuple[str, ...], ...]:
    described = _described(str(schema.get("description", "")), labels)
    approved: dict[str, list[str]] = {label: [] for label in labels}
    for text, fields in case.examples:
        if str(fields.get(name)) in approved:
            approved[str(fields[name])].append(text)
    return tuple(
        tuple(
            dict.fromkeys(
                [" ".join(words(label)) or label, *described[label], *evidence.mentions[label], *approved[label]]
            )
        )[:LABEL_TEXTS]
        for label in labels
    )


def _described(description: str, labels: Sequence[str]) -> dict[str, list[str]]:
    """Texts of labels from a description like "low: nothing unusual; high: a listed country"."""
    found: dict[str, list[str]] = {label: [] for label in labels}
    for part in re.split(r"[;\n]|(?<=[.])\s", description):
        head, colon, tail = part.partition(":")
        label = head.strip().strip("'\"`*- ").lower()
        for known in labels:
            if colon and known.lower() == label and tail.strip():
                found[known].append(tail.strip())
    return found


def _default_quotes(case: Case, evidence: Evidence, label: str) -> list[tuple[str, str]]:
    if label == evidence.default:
        return [evidence.default_quote]
    mentioned = set(evidence.mentions[label])
    found = [(s, p.id) for p in case.passages for s in sentences(p.text) if s in mentioned]
    return found[:1] or nearest_sentence(case.text, case.passages)


def nearest_sentence(text: str, passages: Sequence[Passage]) -> list[tuple[str, str]]:
    """The sentence of the passages that shares most words with the text, longer words counting more; at most one."""
    wanted = set(stems(text))
    ranked = [
        (sum(len(root) for root in wanted & set(stems(sentence))), -place, sentence, passage.id)
        for passage in passages
        for place, sentence in enumerate(sentences(passage.text))
        if len(words(sentence)) > 3  # noqa: PLR2004
    ]
    return [(best[2], best[3])] if ranked and (best := max(ranked, key=lambda r: (r[0], r[1])))[0] else []
