"""What sound records say, gathered while they are read, so that the business rows can be compared with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from workflows.journal.canonical import NotCanonical, content_bytes
from workflows.journal.sealing import Opened

_DECIDED = frozenset({"decision.submitted", "decision.auto", "decision.expired"})
_ANSWERED = frozenset({"llm.response", "tool.response", "retrieval", "embedding", "action.applied"})
_TAKEN_BACK = frozenset({"decision.undone", "decision.superseded"})
_GATE_STATES = {
    **dict.fromkeys(_DECIDED, "decided"),
    **dict.fromkeys(_TAKEN_BACK | {"approval.requested"}, "open"),
    "gate.withdrawn": "withdrawn",
}
_ACTIONS = {
    "approved": frozenset({"approve"}),
    "edited": frozenset({"approve", "edit"}),
    "rejected": frozenset({"reject"}),
    "changes_requested": frozenset({"request_changes"}),
}

Cast = tuple[str, int, str, str]
"""Where a vote stands: gate, revision, person and the instant as ``instant`` writes it."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What the journal says of a decision. ``fields`` is a ``digest``, None when the content could not be read."""

    stream: str
    outcome: str | None
    action_digest: str | None
    actor_id: str | None
    decided_at: str
    reason_code: str | None
    fields: str | None


@dataclass(frozen=True, slots=True)
class Voted:
    """A vote as recorded. One that decided is known by the decision's outcome only, which allows one action or two."""

    stream: str
    actions: frozenset[str]
    exact: bool


@dataclass(frozen=True, slots=True)
class Ended:
    generation: int
    state: str | None


@dataclass(slots=True)
class Witness:
    """The later of two records wins where a row has one value; records come in the order of their stream."""

    decisions: dict[str, Decided] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)
    asked: set[str | None] = field(default_factory=set)
    answers: dict[str, str | None] = field(default_factory=dict)
    destroyed: set[str] = field(default_factory=set)
    votes: dict[Cast, list[Voted]] = field(default_factory=dict)
    gates: dict[str, str] = field(default_factory=dict)
    requesters: dict[str, str | None] = field(default_factory=dict)
    ended: dict[str, Ended] = field(default_factory=dict)

    def note(self, row: Mapping[str, Any], content: Opened | None) -> None:
        """Remember a sound record (a row of ``audit_event``, and its content if it opened)."""
        kind, meta = row["kind"], json.loads(row["meta"])
        if kind in _ANSWERED:
            self.answers[row["event_id"]] = meta.get("request_hash")
        elif kind == "execution.created":
            self.requesters[row["execution_id"]] = row["actor_id"]
        elif kind == "execution.ended" and "generation" in meta:
            self.ended[row["execution_id"]] = Ended(meta["generation"], row["outcome"])
        elif kind == "erasure":
            self.destroyed.update(meta.get("keys", ()))
        else:
            self._gate(kind, row, meta, content)

    def _gate(self, kind: str, row: Mapping[str, Any], meta: Mapping[str, Any], content: Opened | None) -> None:
        decision = meta.get("decision_id")
        if kind in _GATE_STATES and "gate_id" in meta:
            self.gates[meta["gate_id"]] = _GATE_STATES[kind]
        if kind in _DECIDED and decision is not None:
            self.decisions[decision] = _decided(row, meta, content)
            self._vote(row, meta, _ACTIONS.get(row["outcome"], frozenset()), exact=False)
        elif kind == "decision.vote":
            self._vote(row, meta, frozenset({row["outcome"]}), exact=True)
        elif kind in _TAKEN_BACK and decision is not None:
            self.undone.add(decision)
        elif kind == "decision.revoked" and decision is not None:
            self.revoked.add(decision)
        elif kind == "approval.requested":
            self.asked.add(row["action_digest"])

    def _vote(self, row: Mapping[str, Any], meta: Mapping[str, Any], actions: frozenset[str], *, exact: bool) -> None:
        if row["actor_id"] is None or "gate_id" not in meta:
            return
        cast = (meta["gate_id"], meta["revision"], row["actor_id"], row["occurred_at"])
        self.votes.setdefault(cast, []).append(Voted(row["stream"], actions, exact))


def _decided(row: Mapping[str, Any], meta: Mapping[str, Any], content: Opened | None) -> Decided:
    sealed = content.value if content is not None else None
    fields = digest(sealed["fields"]) if isinstance(sealed, dict) and "fields" in sealed else None
    return Decided(
        stream=row["stream"],
        outcome=row["outcome"],
        action_digest=row["action_digest"],
        actor_id=row["actor_id"],
        decided_at=row["occurred_at"],
        reason_code=meta.get("reason_code"),
        fields=fields,
    )


def instant(at: datetime) -> str:
    """A time as records write it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def digest(value: Any) -> str:
    """Equal for equal JSON values; a value that no record could hold equals none."""
    try:
        return hashlib.sha256(content_bytes(value)).hexdigest()
    except NotCanonical:
        return ""
