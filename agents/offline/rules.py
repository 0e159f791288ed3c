"""What the retrieved policy says about a case: sentences that name a label and a condition that holds."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from agents.offline.case import Case
from agents.offline.conditions import conditions
from agents.offline.text import sentences, words

# Where several rules hold, the more cautious label wins: a small order to a forbidden country is high risk.
_SCALE = (
    ("none", "no", "info", "informational", "negligible", "approve", "approved", "allow", "accept", "pass", "safe"),
    ("low", "minor", "lowest"),
    ("normal", "standard", "routine", "default"),
    ("medium", "moderate", "review", "hold", "escalate", "manual", "elevated"),
    ("high", "major", "important", "reject", "rejected", "deny", "block", "fail", "unsafe"),
    ("urgent", "severe", "very_high", "highest"),
    ("critical", "blocker", "emergency"),
)
_RANK = {word: rank for rank, group in enumerate(_SCALE) for word in group}
_DEFAULT = re.compile(
    r"\b(?:otherwise|all other|any other|every other|everything else|by default|the rest|remaining)\b", re.IGNORECASE
)
_EXCEPT = re.compile(r"\b(?:unless|except(?:\s+(?:when|if|for|where))?)\b", re.IGNORECASE)
_DENIAL = re.compile(r"\b(?:never|not|cannot|can't|isn't|aren't|no longer)\W+(?:\w+\W+){0,3}$", re.IGNORECASE)
_OR = re.compile(r"\bor\b", re.IGNORECASE)


@dataclass(slots=True)
class Evidence:
    """What speaks for and against labels, and the sentences that say so with the passage they come from."""

    weight: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    against: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    default: str | None = None
    default_quote: tuple[str, str] = ("", "")
    quotes: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    mentions: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True, slots=True)
class _Clause:
    text: str
    label: str
    denied: bool


def severity(labels: Sequence[str]) -> dict[str, int] | None:
    """The rank of each label on a scale everybody knows, or ``None`` if they are not such a scale."""
    ranks = {label: _RANK.get(label.lower().replace(" ", "_")) for label in labels}
    return None if any(rank is None for rank in ranks.values()) else {k: v for k, v in ranks.items() if v is not None}


def weigh(case: Case, field_name: str, labels: Sequence[str]) -> Evidence:
    """The evidence of all passages and objections for the labels of one field."""
    evidence = Evidence()
    for passage in case.passages:
        inherited = _only_label(passage.heading, field_name, labels)
        for sentence in sentences(passage.text):
            own = _mentioned(sentence, field_name, labels)
            if own and sentence.rstrip().endswith(":"):
                inherited = own[0][0] if len({label for label, _, _ in own}) == 1 else inherited
            _hear(evidence, case, sentence, list(_clauses(sentence, field_name, labels, inherited)), passage.id)
    for objection in case.objections:
        _hear(evidence, case, objection, list(_clauses(objection, field_name, labels, None)), "")
        _object(evidence, case, objection, field_name, labels)
    return evidence


def _hear(evidence: Evidence, case: Case, sentence: str, clauses: list[_Clause], source: str) -> None:
    for clause in clauses:
        verdict = _applies(clause.text, case)
        if _DEFAULT.search(sentence) and not clause.denied and verdict is None:
            if evidence.default is None:
                evidence.default = clause.label
                evidence.default_quote = (sentence, source)
        elif verdict is None and not clause.denied:
            evidence.mentions[clause.label].append(clause.text)
        elif verdict:
            (evidence.against if clause.denied else evidence.weight)[clause.label] += 1.0
            evidence.quotes.setdefault(clause.label, []).append((sentence, source))


def _object(evidence: Evidence, case: Case, objection: str, field_name: str, labels: Sequence[str]) -> None:
    """A reviewer's word: a label they name is what they want, and naming none but the field rejects the last one."""
    previous = case.previous.get(field_name)
    wanted = [
        label for label, start, _ in _mentioned(objection, field_name, labels) if not _DENIAL.search(objection[:start])
    ]
    for label in wanted:
        if label != previous and _applies(objection, case) is not False:
            evidence.weight[label] += 2.0
    if previous in labels and any(label == previous for label, _, _ in _mentioned(objection, field_name, labels)):
        evidence.against[str(previous)] += 2.0


def _applies(text: str, case: Case) -> bool | None:
    """Whether the conditions of a clause hold; ``None`` if it has none that this case can be compared with."""
    main, *exceptions = _EXCEPT.split(text, maxsplit=1)
    found = conditions(main, case.facts)
    if not found:
        return None
    verdict = found[0].holds
    for left, right in pairwise(found):
        joined = _OR.search(main[left.end : max(left.end, right.start)])
        verdict = (verdict or right.holds) if joined else (verdict and right.holds)
    excused = any(c.holds for part in exceptions for c in conditions(part, case.facts))
    return verdict and not excused


def _clauses(sentence: str, field_name: str, labels: Sequence[str], inherited: str | None) -> Iterator[_Clause]:
    """The sentence cut into pieces with one label each: "under 1,000 low, above 5,000 high" is two."""
    for part in re.split(r";", sentence):
        found = _mentioned(part, field_name, labels)
        if not found:
            if inherited is not None and not part.rstrip().endswith(":"):
                yield _Clause(part, inherited, denied=False)
            continue
        cuts = [0, *(end for _, _, end in found[:-1]), len(part)]
        first_comes_label = not re.search(r"\w", part[: found[0][1]])
        if len(found) == 1 or first_comes_label:
            yield _Clause(part, found[0][0], denied=bool(_DENIAL.search(part[: found[0][1]])))
            continue
        for number, (label, start, _) in enumerate(found):
            piece = part[cuts[number] : cuts[number + 1]]
            yield _Clause(piece, label, denied=bool(_DENIAL.search(part[cuts[number] : start])))


def _only_label(heading: str, field_name: str, labels: Sequence[str]) -> str | None:
    # A path of headings ends with the nearest one.
    last = re.split(r"[>/\u203a]", heading)[-1]
    named = {label for label, _, _ in _mentioned(last, field_name, labels)}
    return next(iter(named)) if len(named) == 1 else None


def _mentioned(text: str, field_name: str, labels: Sequence[str]) -> list[tuple[str, int, int]]:
    """Labels named in a text with their places. ``high risk`` names ``high``; ``high-value`` does not."""
    noun = r"[\s-]+".join(map(re.escape, words(field_name)))
    sure: list[tuple[str, int, int]] = []
    bare: list[tuple[str, int, int]] = []
    for label in labels:
        name = r"[\s_-]+".join(map(re.escape, words(label))) or re.escape(label)
        for found in re.finditer(rf"(?<![\w-]){name}(?![\w]|-(?!\s|{noun}\b))", text, re.IGNORECASE):
            hit = (label, found.start(), found.end())
            named = re.match(rf"[\s*_`'\"-]*{noun}\b", text[found.end() :], re.IGNORECASE)
            led = re.search(
                rf"(?:\b{noun}|\b(?:as|rated?|is|are|be|->|=>))[\s:*_`'\"=]*$|[→=|]\s*$",
                text[: found.start()],
                re.IGNORECASE,
            )
            (sure if named or led else bare).append(hit)
    return sorted(sure or bare, key=lambda hit: hit[1])
