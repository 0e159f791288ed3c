"""What an evaluation works on and what it finds, as plain JSON.

Errors
------
EvalError   the evaluation cannot be done, or did not end in time; ``remedy`` says what to do
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

Json = Any


class EvalError(Exception):
    """See the module's docstring."""

    def __init__(self, message: str, remedy: str, code: str = "evaluation") -> None:
        super().__init__(message)
        self.remedy = remedy
        self.code = code


class Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Case(Model):
    """One row. ``row`` is what the flow may see; ``expected`` is the right answer, which it may not."""

    id: str
    row: dict[str, str]
    expected: str


class Answer(Model):
    """What was suggested for a case. ``confidence`` is 0..1 as measured by us, never as stated by a model."""

    id: str
    expected: str
    suggested: str | None
    confidence: float = 0.0
    citations: int = 0

    @property
    def right(self) -> bool:
        return self.suggested == self.expected


class LabelScore(Model):
    """How often the cases of one label were recognised."""

    label: str
    cases: int
    right: int

    @property
    def accuracy(self) -> float:
        return self.right / self.cases


class Confusion(Model):
    """``times`` a case of ``expected`` was suggested to be ``suggested``."""

    expected: str
    suggested: str
    times: int


class Score(Model):
    """Shares are 0..1. The confident half are the cases with the highest confidence; ties go by the order of the data."""

    cases: int
    right: int
    accuracy: float
    confident_cases: int
    confident_accuracy: float
    cited: int = Field(description="Cases whose suggestion rests on at least one passage.")
    worst: tuple[LabelScore, ...]
    confused: tuple[Confusion, ...]


class Rows(Model):
    """Where the rows of a run ended up; every row is in one place, and ``lost`` names those that are in none."""

    total: int
    auto: int = 0
    decided: int = Field(default=0, description="Decided by people.")
    waiting: int = 0
    failed: int = 0
    lost: tuple[str, ...] = ()


class Report(Model):
    """An evaluation. ``method`` says what was done with the labels, so that a figure is never read as another one."""

    flow: str
    field: str
    labels: int
    method: str
    generators: tuple[str, ...] = ()
    examples: int = Field(default=0, description="Approved cases per label that were shown beforehand.")
    seed: int = 0
    score: Score
    rows: Rows | None = None
    execution: str | None = None
    state: str | None = None
    seconds: float
    reading_seconds: float | None = Field(default=None, description="Time to read every gate through the API.")
