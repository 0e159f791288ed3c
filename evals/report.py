"""A report for people, and its comparison with a baseline kept beside the code."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evals.model import EvalError, Report

TOLERANCE = 0.03


class Baseline(BaseModel):
    """What was reached before. ``figures`` are accuracies by configuration, as ``key`` names it.

    An accuracy below its figure by more than ``tolerance`` is a regression.
    """

    model_config = ConfigDict(extra="forbid")

    flow: str
    field: str
    tolerance: float = Field(default=TOLERANCE, ge=0, le=1)
    figures: dict[str, float] = Field(default_factory=dict)


def read_baseline(path: Path) -> Baseline:
    """Read a baseline. Raises ``EvalError``."""
    try:
        return Baseline.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise EvalError(f"{path} is no baseline: {error}", "Write one with --save-baseline.") from error


def regression(report: Report, baseline: Baseline, key: str) -> str | None:
    """What got worse, in words; ``None`` when nothing did. Raises ``EvalError`` when the two cannot be compared."""
    if (report.flow, report.field) != (baseline.flow, baseline.field):
        raise EvalError(
            f"The baseline is about {baseline.field} of {baseline.flow}, not {report.field} of {report.flow}.",
            "Name the baseline of this flow and field.",
        )
    known = baseline.figures.get(key)
    if known is None:
        raise EvalError(f"The baseline has no figure for {key!r}.", "Add one with --save-baseline.")
    if report.score.accuracy >= known - baseline.tolerance:
        return None
    return f"Accuracy {percent(report.score.accuracy)} is below {percent(known)} (tolerance {percent(baseline.tolerance)})."


def saved(report: Report, path: Path, key: str) -> Baseline:
    """Write the report's accuracy into a baseline, which is made if need be; other figures stay."""
    known = read_baseline(path) if path.exists() else Baseline(flow=report.flow, field=report.field)
    changed = known.model_copy(update={"figures": {**known.figures, key: report.score.accuracy}})
    path.write_text(changed.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return changed


def percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def text(report: Report) -> str:
    """The report, a line a figure."""
    score = report.score
    lines = [f"{report.flow}: {report.field}, {report.labels} labels, {', '.join(report.generators) or 'no answers'}"]
    lines += [report.method, ""]
    lines += _rows(report)
    lines += [
        f"accuracy               {percent(score.accuracy)}  ({score.right} of {score.cases})",
        f"  more confident half  {percent(score.confident_accuracy)}  ({score.confident_cases} rows)",
        f"with citations         {score.cited} of {score.cases}",
        f"time                   {report.seconds:.1f} s, {report.seconds / max(score.cases, 1) * 1000:.0f} ms a row",
    ]
    if report.reading_seconds is not None:
        lines.append(f"reading the gates      {report.reading_seconds:.1f} s")
    if score.worst:
        lines += ["", "Least recognised"]
        lines += [f"  {one.right:>3} of {one.cases:<4} {one.label}" for one in score.worst]
    if score.confused:
        lines += ["", "Taken for another"]
        lines += [f"  {one.times:>3} x  {one.expected} -> {one.suggested}" for one in score.confused]
    return "\n".join(lines)


def _rows(report: Report) -> list[str]:
    if report.rows is None:
        return []
    rows = report.rows
    counts = {
        "waiting": rows.waiting,
        "decided by policy": rows.auto,
        "decided by people": rows.decided,
        "failed": rows.failed,
        "lost": len(rows.lost),
    }
    told = [f"rows                   {rows.total}", *(f"  {name:<21}{count}" for name, count in counts.items())]
    if rows.lost:
        told.append(f"  lost: {', '.join(rows.lost[:20])}" + (" ..." if len(rows.lost) > 20 else ""))  # noqa: PLR2004
    return [*told, f"execution              {report.execution} ({report.state})", ""]
