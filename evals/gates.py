"""Gates as an evaluation sees them: the first suggestion, and the decision that the data ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from evals.model import Answer, Case, EvalError

Json = Any
BULK = 100
WHY = "Corrected to the label of the data."


class Api(Protocol):
    """The public API: every method returns parsed JSON, ``pages`` the items of a listing."""

    def get(self, path: str, timeout: float | None = None, **query: Any) -> Any: ...

    def post(self, path: str, body: Any = None) -> Any: ...

    def pages(self, path: str, limit: int | None = None, **query: Any) -> Iterator[dict[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate with its suggestion. ``item`` is the row's place in the data, ``seen`` what a decision must name."""

    id: str
    item: str
    state: str
    outcome: str | None
    suggestion: dict[str, Json]
    confidence: float
    citations: int
    generator: str
    seen: dict[str, Json]


def gate_of(detail: dict[str, Json]) -> Gate:
    """A gate from the API's answer."""
    decided = next((one for one in detail["decisions"] if one["undone_at"] is None), None)
    view, meta = detail["view"], detail["view"]["meta"]
    generator = meta.get("generator") or {}
    return Gate(
        id=detail["id"],
        item=detail["item_key"],
        state=detail["state"],
        outcome=decided["outcome"] if decided else None,
        suggestion=view["suggestion"],
        confidence=float(meta.get("confidence") or 0.0),
        citations=len(meta.get("citations") or ()),
        generator=f"{generator.get('provider', '?')}/{generator.get('model', '?')}",
        seen={"revision": detail["revision"], "action_digest": detail["action_digest"]},
    )


def answers(cases: Sequence[Case], gates: Sequence[Gate], field: str) -> list[Answer]:
    """One answer a case, in the order of the data; a row without a gate has none."""
    by_item = {gate.item: gate for gate in gates}
    return [_answer(case, by_item.get(str(place)), field) for place, case in enumerate(cases)]


def _answer(case: Case, gate: Gate | None, field: str) -> Answer:
    if gate is None:
        return Answer(id=case.id, expected=case.expected, suggested=None)
    suggested = str(gate.suggestion[field])
    return Answer(
        id=case.id, expected=case.expected, suggested=suggested, confidence=gate.confidence, citations=gate.citations
    )


def decide(reviewer: Api, cases: Sequence[Case], gates: Sequence[Gate], field: str) -> int:
    """Decide the open gates as the data say: approve what is right, edit the rest. Returns how many were decided.

    Raises ``EvalError`` for the first that could not be decided.
    """
    decided = 0
    items = [_decision(reviewer, cases[int(gate.item)], gate, field) for gate in gates if gate.state == "open"]
    for start in range(0, len(items), BULK):
        done = reviewer.post("/gates/decisions", {"items": items[start : start + BULK]})
        if done["conflicts"]:
            first = done["conflicts"][0]
            raise EvalError(f"A gate could not be decided: {first['message']}", first["remedy"], first["code"])
        decided += int(done["decided"])
    return decided


def _decision(reviewer: Api, case: Case, gate: Gate, field: str) -> dict[str, Json]:
    body: dict[str, Json] = {"gate_id": gate.id, **gate.seen}
    if gate.suggestion[field] == case.expected:
        return body | {"action": "approve"}
    # A suggestion that failed a rule fails it after the edit too, and the data say nothing about the other fields.
    edit = {"fields": {field: case.expected}, "comment": WHY, "override": True}
    shown = reviewer.post(f"/gates/{gate.id}/preview", {"revision": gate.seen["revision"], **edit})
    return body | edit | {"action": "edit", "new_action_digest": shown["action_digest"]}
