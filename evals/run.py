"""A whole flow over data, through the public API of a running installation: every row is counted where it ends up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from evals.gates import Api, Gate, answers, decide, gate_of
from evals.model import EvalError, Report, Rows
from evals.scorers import score
from evals.subject import Subject

Json = Any
POLL_S = 2.0
STATES = ("open", "decided", "withdrawn")
ENDED = frozenset({"succeeded", "warning", "failed", "rejected", "cancelled", "timed_out"})


@dataclass(slots=True)
class Run:
    """One execution over the subject's cases.

    ``stalled_s`` without any progress ends the wait; ``tell`` gets a line about what happens.
    """

    api: Api
    subject: Subject
    execution: str
    stalled_s: float = 120.0
    tell: Callable[[str], None] = lambda _: None
    sleep: Callable[[float], None] = time.sleep
    state: str = "created"
    seconds: float = 0.0

    def report(self, reviewer: Api | None = None) -> Report:
        """Follow the execution, read what was suggested, decide if there is a ``reviewer``, and count the rows."""
        lines = self.follow(lambda lines: len(lines) >= len(self.subject.cases))
        began = time.perf_counter()
        gates = self.read(lines)
        reading = time.perf_counter() - began
        suggested = answers(self.subject.cases, gates, self.subject.field)
        if reviewer is not None:
            decided = decide(reviewer, self.subject.cases, gates, self.subject.field)
            self.tell(f"decided {decided} gates as the data say")
            waited = self.seconds
            gates = self.read(self.follow(lambda _: False))
            self.seconds = waited
        return Report(
            flow=self.subject.flow_id,
            field=self.subject.field,
            labels=self.subject.labels,
            method=self.subject.method,
            generators=tuple(sorted({gate.generator for gate in gates})),
            seed=self.subject.seed,
            score=score(suggested),
            rows=self.rows(gates, self.failed()),
            execution=self.execution,
            state=self.state,
            seconds=round(self.seconds, 2),
            reading_seconds=round(reading, 2),
        )

    def follow(self, enough: Callable[[list[dict[str, Json]]], bool]) -> list[dict[str, Json]]:
        """Wait until the gates are ``enough``, the execution has ended, or nothing moves; return the gates' lines."""
        began = moved = time.monotonic()
        seen: tuple[int, int, str] | None = None
        while True:
            self.state = str(self._result()["state"])
            lines = self._lines()
            now, waiting = time.monotonic(), sum(line["state"] == "open" for line in lines)
            if (len(lines), waiting, self.state) != seen:
                seen, moved = (len(lines), waiting, self.state), now
                self.seconds = now - began
                self.tell(f"{self.state}: {len(lines)} of {len(self.subject.cases)} rows have a gate, {waiting} wait")
            if enough(lines) or self.state in ENDED or now - moved > self.stalled_s:
                return lines
            self.sleep(POLL_S)

    def _result(self) -> dict[str, Json]:
        found: dict[str, Json] = self.api.get(f"/executions/{self.execution}/result")
        return found

    def _lines(self) -> list[dict[str, Json]]:
        """All gates; one that is decided while the pages are read is listed in its last state."""
        found = [one for state in STATES for one in self.api.pages("/gates", execution=self.execution, state=state)]
        return list({one["id"]: one for one in found}.values())

    def read(self, lines: Sequence[dict[str, Json]]) -> list[Gate]:
        """Read every gate. Gates without the evaluated field are other gates of the flow and are left out."""
        gates = [gate_of(self.api.get(f"/gates/{line['id']}")) for line in lines]
        return [gate for gate in gates if self.subject.field in gate.suggestion]

    def failed(self) -> int:
        """Rows that failed, as the flow's output ``failed`` says once the execution has ended; 0 while it waits."""
        failed = (self._result().get("outputs") or {}).get("failed")
        return failed if isinstance(failed, int) else 0

    def rows(self, gates: Sequence[Gate], failed: int = 0) -> Rows:
        """Count where rows are. Raises ``EvalError`` when a row has two gates: the count would prove nothing."""
        there = {gate.item for gate in gates}
        if len(there) < len(gates):
            raise EvalError("A row has more than one gate.", "Evaluate a flow that asks once for each row.")
        cases = self.subject.cases
        absent = [case.id for place, case in enumerate(cases) if str(place) not in there]
        withdrawn = [cases[int(gate.item)].id for gate in gates if gate.state == "withdrawn"]
        auto = sum(gate.outcome == "auto" for gate in gates)
        return Rows(
            total=len(cases),
            auto=auto,
            waiting=sum(gate.state == "open" for gate in gates),
            decided=sum(gate.state == "decided" for gate in gates) - auto,
            failed=min(failed, len(absent)),
            lost=(*absent[failed:], *withdrawn),
        )


def start(api: Api, subject: Subject, inputs: Callable[[list[dict[str, Json]]], dict[str, Json]]) -> str:
    """Save the flow and start it; ``inputs`` makes them from those that the flow declares. Returns the execution's id."""
    source = json.dumps(subject.flow, ensure_ascii=False, indent=1)
    saved = api.post("/flows", {"source": source, "name": subject.name, "origin": "cli"})
    declared = api.get(f"/flows/{saved['flow_id']}")["inputs"]
    body = {"inputs": inputs(declared), "via": "cli", "labels": {"purpose": "evaluation"}}
    return str(api.post(f"/flows/{saved['flow_id']}/executions", body)["execution"])
