"""Cases, answers and a small flow for the tests of evaluations."""

from __future__ import annotations

from pathlib import Path

from evals.model import Answer, Case
from evals.subject import Subject

ROOT = Path(__file__).resolve().parents[2]
FLOW = ROOT / "flows" / "examples" / "support-triage.yaml"
POLICY = ROOT / "flows" / "examples" / "support-policy"
CASES = ROOT / "evals" / "cases" / "support-triage.csv"
BASELINE = ROOT / "evals" / "baselines" / "support-triage.json"


def cases(*labels: str) -> list[Case]:
    return [Case(id=f"r{n}", row={"id": f"r{n}", "text": f"text {n}"}, expected=lab) for n, lab in enumerate(labels)]


def answer(expected: str, suggested: str | None, confidence: float = 0.5, citations: int = 0) -> Answer:
    return Answer(id="x", expected=expected, suggested=suggested, confidence=confidence, citations=citations)


def subject(given: list[Case], flow: dict | None = None) -> Subject:
    return Subject(flow or {"id": "triage"}, "triage.yaml", "category", given, len({c.expected for c in given}), "own")
