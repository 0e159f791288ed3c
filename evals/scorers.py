"""Figures from answers; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from evals.model import Answer, Confusion, LabelScore, Score

WORST = 10
PAIRS = 10


def score(answers: Sequence[Answer]) -> Score:
    """Accuracy over all, over the more confident half (rounded up), by label, and what is taken for what."""
    ranked = sorted(answers, key=lambda answer: -answer.confidence)
    half = ranked[: (len(ranked) + 1) // 2]
    return Score(
        cases=len(answers),
        right=sum(answer.right for answer in answers),
        accuracy=share(answers),
        confident_cases=len(half),
        confident_accuracy=share(half),
        cited=sum(answer.citations > 0 for answer in answers),
        worst=tuple(worst_labels(answers)),
        confused=tuple(confusions(answers)),
    )


def share(answers: Sequence[Answer]) -> float:
    """The share of right answers, 0 where there are none."""
    return round(sum(answer.right for answer in answers) / len(answers), 4) if answers else 0.0


def worst_labels(answers: Sequence[Answer], limit: int = WORST) -> list[LabelScore]:
    """The labels with the lowest accuracy, those without a mistake left out."""
    cases = Counter(answer.expected for answer in answers)
    right = Counter(answer.expected for answer in answers if answer.right)
    scores = [LabelScore(label=label, cases=count, right=right[label]) for label, count in cases.items()]
    missed = [one for one in scores if one.right < one.cases]
    return sorted(missed, key=lambda one: (one.accuracy, -one.cases, one.label))[:limit]


def confusions(answers: Sequence[Answer], limit: int = PAIRS) -> list[Confusion]:
    """The most frequent mistakes. A case without a suggestion counts as ``(none)``."""
    wrong = Counter((a.expected, a.suggested or "(none)") for a in answers if not a.right)
    ordered = sorted(wrong.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
    return [Confusion(expected=said, suggested=got, times=times) for (said, got), times in ordered]
