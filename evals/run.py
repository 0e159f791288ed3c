"""A whole flow over data, through the public API of a running installation: every row is counted where it ends up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from evals.model import Answer, Case, EvalError, Rows

Json = Any
POLL_S = 2.0
STATES = ("open", "decided", "withdrawn")
ENDED = frozenset({"succeeded", "warning", "failed", "rejected", "cancelled", "timed_out"})
BULK = 100


class Api(Protocol):
    """The public API: every method returns parsed JSON, ``pages`` the items of a listing."""

    def get(self, path: str, timeout: float | None = None, **query: Any) -> Any: ...

    def post(self, path: str, body: Any = None) -> Any: ...

    def pages(self, path: str, limit: int | None = None, **query: Any) -> Iterator[dict[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate with its first suggestion, as read through the API."""

    id: str
    item: str
    state: str
    outcome: str | None
    answer: dict[str, Json]
    confidence: float
    citations: int
    generator: str
    decide_with: dict[str, Json]


@dataclass(slots=True)
class Run:
    """One execution over ``cases``. ``stalled_s`` without any progress ends the wait; ``tell`` prints a line."""

    api: Api
    execution: str
    cases: Sequence[Case]
    stalled_s: float = 120.0
    tell: Callable[[str], None] = lambda _: None
    sleep: Callable[[float], None] = time.sleep
    state: str = "created"
    seconds: float = 0.0
    _said: str = field(default="")

    def follow(self) -> list[dict[str, Json]]:
        """Wait until every row has its gate, the execution has ended, or nothing moves; return the gates' lines."""
        began = moved = time.monotonic()
        seen: tuple[int, str] = (-1, "")
        while True:
            self.state = str(self.api.get(f"/executions/{self.execution}/result")["state"])
            lines = self._lines()
            now = time.monotonic()
            if (len(lines), self.state) != seen:
                seen, moved = (len(lines), self.state), now
                self.seconds = now - began
                self.tell(f"{self.state}: {len(lines)} of {len(self.cases)} rows have their gate ({now - began:.0f} s)")
            if len(lines) >= len(self.cases) or self.state in ENDED or now - moved > self.stalled_s:
                return lines
            self.sleep(POLL_S)

    def settled(self, field_name: str) -> list[Gate]:
        """Wait until the execution has ended, or nothing moves any more; return the gates as they are then."""
        seen, moved = (-1, ""), time.monotonic()
        while True:
            self.state = str(self.api.get(f"/executions/{self.execution}/result")["state"])
            waiting = sum(line["state"] == "open" for line in self._lines())
            now = time.monotonic()
            if (waiting, self.state) != seen:
                seen, moved = (waiting, self.state), now
            if self.state in ENDED or now - moved > self.stalled_s:
                return self.read(self._lines(), field_name)
            self.sleep(POLL_S)

    def _lines(self) -> list[dict[str, Json]]:
        found = [one for state in STATES for one in self.api.pages("/gates", execution=self.execution, state=state)]
        return list({one["id"]: one for one in found}.values())

    def read(self, lines: Sequence[dict[str, Json]], field_name: str) -> list[Gate]:
        """Read every gate. Gates without the evaluated field are other gates of the flow and are left out."""
        gates = [_gate(self.api.get(f"/gates/{line['id']}")) for line in lines]
        return [gate for gate in gates if field_name in gate.answer]

    def failed(self) -> int:
        """Rows that the execution itself says have failed, once it has ended; 0 while it waits."""
        outputs = self.api.get(f"/executions/{self.execution}/result").get("outputs") or {}
        failed = outputs.get("failed")
        return failed if isinstance(failed, int) else 0

    def rows(self, gates: Sequence[Gate], failed: int = 0) -> Rows:
        """Count where rows are. Raises ``EvalError`` when a row has two gates: the count would prove nothing."""
        if len({gate.item for gate in gates}) < len(gates):
            raise EvalError("A row has more than one gate.", "Evaluate a flow that asks once for each row.")
        there = {gate.item for gate in gates}
        absent = [case.id for place, case in enumerate(self.cases) if str(place) not in there]
        auto = sum(gate.outcome == "auto" for gate in gates)
        waiting = sum(gate.state == "open" for gate in gates)
        return Rows(
            total=len(self.cases),
            auto=auto,
            waiting=waiting,
            decided=sum(gate.state == "decided" for gate in gates) - auto,
            failed=min(failed, len(absent)),
            lost=tuple(absent[failed:])
            + tuple(self.cases[int(gate.item)].id for gate in gates if gate.state == "withdrawn"),
        )

    def answers(self, gates: Sequence[Gate], field_name: str) -> list[Answer]:
        """One answer a case, in the order of the data; a row without a gate has none."""
        by_item = {gate.item: gate for gate in gates}
        return [_answer(case, by_item.get(str(place)), field_name) for place, case in enumerate(self.cases)]

    def decide(self, reviewer: Api, gates: Sequence[Gate], field_name: str) -> int:
        """Decide open gates as the data say: approve what is right, edit the rest. Returns how many were decided."""
        decided = 0
        items = [self._decision(reviewer, gate, field_name) for gate in gates if gate.state == "open"]
        for start in range(0, len(items), BULK):
            done = reviewer.post("/gates/decisions", {"items": items[start : start + BULK]})
            if done["conflicts"]:
                first = done["conflicts"][0]
                raise EvalError(f"A gate could not be decided: {first['message']}", first["remedy"], first["code"])
            decided += int(done["decided"])
        return decided

    def _decision(self, reviewer: Api, gate: Gate, field_name: str) -> dict[str, Json]:
        expected = self.cases[int(gate.item)].expected
        body: dict[str, Json] = {"gate_id": gate.id, **gate.decide_with}
        if gate.answer[field_name] == expected:
            return body | {"action": "approve"}
        fields, why = {field_name: expected}, "Corrected to the label of the data."
        shown = reviewer.post(
            f"/gates/{gate.id}/preview",
            {"fields": fields, "comment": why, "revision": gate.decide_with["revision"], "override": True},
        )
        digest = shown["action_digest"]
        return body | {
            "action": "edit", "fields": fields, "new_action_digest": digest, "comment": why, "override": True
        }  # fmt: skip


def _gate(detail: dict[str, Json]) -> Gate:
    decided = next((one for one in detail["decisions"] if one["undone_at"] is None), None)
    view = detail["view"]
    meta, generator = view["meta"], view["meta"].get("generator") or {}
    return Gate(
        id=detail["id"],
        item=detail["item_key"],
        state=detail["state"],
        outcome=decided["outcome"] if decided else None,
        answer=view["suggestion"],
        confidence=float(meta.get("confidence") or 0.0),
        citations=len(meta.get("citations") or ()),
        generator=f"{generator.get('provider', '?')}/{generator.get('model', '?')}",
        decide_with={"revision": detail["revision"], "action_digest": detail["action_digest"]},
    )


def _answer(case: Case, gate: Gate | None, field_name: str) -> Answer:
    if gate is None:
        return Answer(id=case.id, expected=case.expected, suggested=None)
    suggested = str(gate.answer[field_name])
    return Answer(
        id=case.id,
        expected=case.expected,
        suggested=suggested,
        confidence=gate.confidence,
        citations=gate.citations,
    )
