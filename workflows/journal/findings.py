"""The verdict of a verification and the findings behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

LIMIT = 100


class Verdict(StrEnum):
    """``TAMPERED`` names the first bad record. ``INCOMPLETE``: nothing is wrong, and not all could be checked."""

    VERIFIED = "VERIFIED"
    TAMPERED = "TAMPERED"
    INCOMPLETE = "INCOMPLETE"
    CANNOT_CHECK = "CANNOT_CHECK"

    @property
    def exit_code(self) -> int:
        return list(Verdict).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong and where. ``event_id`` is None when the record itself is missing."""

    stream: str
    seq: int | None
    event_id: str | None
    what: str

    def __str__(self) -> str:
        place = f"stream {self.stream}" + (f" seq {self.seq}" if self.seq is not None else "")
        return f"{place}{f' event {self.event_id}' if self.event_id else ''}: {self.what}"


@dataclass(slots=True)
class Report:
    """``findings`` are in the order of streams and records, so the first is the first bad record; at most 100 are kept."""

    streams: int = 0
    events: int = 0
    contents: int = 0
    erased: int = 0
    unreadable: int = 0
    findings: list[Finding] = field(default_factory=list)
    unchecked: str | None = None

    def found(self, finding: Finding) -> None:
        if len(self.findings) < LIMIT:
            self.findings.append(finding)

    @property
    def verdict(self) -> Verdict:
        if self.findings:
            return Verdict.TAMPERED
        if self.unchecked is not None:
            return Verdict.CANNOT_CHECK
        return Verdict.INCOMPLETE if self.unreadable else Verdict.VERIFIED

    def lines(self) -> list[str]:
        """The report as people read it; the last line is the verdict."""
        chain = "OK" if not self.findings else "BROKEN"
        lines = [
            f"streams {self.streams:,}  events {self.events:,}  chain {chain}",
            f"contents {self.contents:,} checked  erased {self.erased:,}  unreadable {self.unreadable:,}",
        ]
        lines += [str(finding) for finding in self.findings]
        if self.unchecked is not None:
            lines.append(self.unchecked)
        return [*lines, f"RESULT: {self.verdict}"]
