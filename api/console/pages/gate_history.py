"""What happened to a gate, in sentences: who asked, saw, claimed, voted, changed and decided. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from api.console.formats import clock, title_case
from workflows.journal.read import Entry
from workflows.usecases.gate_reading import Reading

CHANNELS = {"api": "API", "cli": "command line", "console": "console", "slack": "Slack", "email": "e-mail"}
_VOTES = {
    "approve": "approved",
    "edit": "edited and approved",
    "reject": "rejected",
    "request_changes": "asked for changes",
}
_OUTCOMES = {
    "approved": "approved this",
    "edited": "approved this with changes",
    "rejected": "rejected this",
    "changes_requested": "asked for changes",
    "auto": "approved this by policy",
    "expired": "let this expire",
}
_NOBODY = {"system": "Visto", "policy": "The policy", "timeout": "The deadline", "worker": "The flow"}
Says = Callable[[Entry], str]


@dataclass(frozen=True, slots=True)
class Happening:
    """``quiet`` ones (seen, reminded, taken up) are of less interest than what changed the gate."""

    at: str
    who: str
    says: str
    channel: str
    tone: str
    kind: str

    @property
    def quiet(self) -> bool:
        return self.kind in ("approval.viewed", "approval.reminded", "claim.taken", "claim.released")


def history(reading: Reading) -> list[Happening]:
    """Everything, oldest first."""
    entries = sorted(
        (*reading.history, *reading.effects), key=lambda entry: (entry.occurred_at, entry.stream, entry.seq)
    )
    return [happening(entry, reading) for entry in entries]


def happening(entry: Entry, reading: Reading) -> Happening:
    """One record in words; who did it stands beside it."""
    return Happening(
        at=entry.occurred_at,
        who=reading.name(entry.actor_id) if entry.actor_id else _NOBODY.get(entry.actor_kind, "Visto"),
        says=_says(entry, reading),
        channel=channel(entry.via),
        tone=_TONES.get(entry.outcome or "", "") or _TONES.get(entry.kind, ""),
        kind=entry.kind,
    )


def _says(entry: Entry, reading: Reading) -> str:
    if entry.kind == "approval.assigned":
        return _assigned(entry, reading)
    speak = _SENTENCES.get(entry.kind)
    return speak(entry) if speak else _PLAIN.get(entry.kind, entry.says)


def channel(via: str | None) -> str:
    """Where somebody acted, in words; nothing for what happens inside."""
    return CHANNELS.get(via or "", "")


def viewers(reading: Reading) -> list[str]:
    """The names of everybody who has seen the open revision, each once, in order."""
    seen = (entry for entry in reading.history if entry.kind == "approval.viewed" and _of_open(entry, reading))
    return list(dict.fromkeys(reading.name(entry.actor_id) for entry in seen))


def _of_open(entry: Entry, reading: Reading) -> bool:
    return entry.meta.get("revision") == reading.gate.revision


def _requested(entry: Entry) -> str:
    number = entry.meta.get("revision")
    if entry.meta.get("kind") == "edit":
        return f"changed the suggestion: revision {number}"
    if entry.meta.get("kind") == "changes":
        return f"made the suggestion anew as asked: revision {number}"
    return "asked for a decision" if number == 1 else f"asked for a decision on revision {number}"


def _voted(entry: Entry) -> str:
    missing = entry.meta.get("missing")
    more = f"; {missing} more needed" if missing else ""
    return f"{_VOTES.get(entry.outcome or '', 'voted')} revision {entry.meta.get('revision')}{more}"


def _decided(entry: Entry) -> str:
    reason = entry.meta.get("reason_code")
    why = f": {title_case(reason)}" if reason and entry.kind == "decision.submitted" else ""
    return f"{_OUTCOMES.get(entry.outcome or '', 'decided this')}{why}"


def _assigned(entry: Entry, reading: Reading) -> str:
    to = entry.meta.get("to")
    return f"assigned this to {reading.name(to)}" if to else "took the assignment back"


_PLAIN = {
    "approval.reminded": "reminded the reviewers",
    "approval.escalated": "asked further people",
    "claim.released": "gave this back",
    "comment.added": "commented",
    "decision.expired": "passed without a decision",
    "decision.undone": "took the decision back",
    "decision.superseded": "made the decision void: the content changed",
    "decision.revoked": "forbade the effects that had not run",
    "decision.effective": "took up the decision",
    "gate.withdrawn": "withdrew this: the execution ended",
}
_SENTENCES: dict[str, Says] = {
    "approval.requested": _requested,
    "approval.viewed": lambda entry: f"saw revision {entry.meta.get('revision')}",
    "approval.extended": lambda entry: f"moved the deadline to {clock(entry.meta.get('until'))}",
    "claim.taken": lambda entry: f"took this up until {clock(entry.meta.get('until'))}",
    "decision.vote": _voted,
    "decision.submitted": _decided,
    "decision.auto": _decided,
    "decision.denied": lambda entry: f"tried to decide and was refused ({title_case(entry.outcome or '').lower()})",
    "permit.granted": lambda entry: f"gave leave to run {_task(entry)}",
    "permit.refused": lambda entry: f"refused to run {_task(entry)}",
    "action.applied": lambda entry: f"ran {_task(entry)}",
    "action.failed": lambda entry: f"could not run {_task(entry)}",
    "action.unknown_outcome": lambda entry: f"lost the outcome of {_task(entry)}: it may have run",
    "action.blocked": lambda entry: f"stopped {_task(entry)} before it began",
}
_TONES = {
    "approve": "ok", "approved": "ok", "edit": "ok", "edited": "ok", "auto": "ok", "action.applied": "ok",
    "reject": "bad", "rejected": "bad", "decision.denied": "bad", "action.failed": "bad", "permit.refused": "bad",
    "expired": "wait", "changes_requested": "wait", "request_changes": "wait", "action.unknown_outcome": "wait",
    "decision.undone": "wait",
}  # fmt: skip


def _task(entry: Entry) -> str:
    return (entry.path or "").partition("[")[0].rpartition("/")[2] or "the effect"


def decided_in_words(reading: Reading) -> str:
    """``Ana approved this via Slack``; empty while nothing is decided."""
    decision = reading.decision
    if decision is None:
        return "This was withdrawn" if reading.gate.state == "withdrawn" else ""
    by = str(decision.snapshot.get("name") or _NOBODY.get(decision.actor_kind, "Somebody"))
    by = _NOBODY.get(decision.actor_kind, by)
    where = channel(decision.via)
    if decision.outcome == "expired":
        return "Nobody decided in time"
    return f"{by} {_OUTCOMES.get(decision.outcome, 'decided this')}{f' via {where}' if where else ''}"


def joined(names: Iterable[str], *, most: int = 4) -> str:
    """``Ana, Ben and 3 others``."""
    every = list(names)
    if len(every) > most:
        return f"{', '.join(every[: most - 1])} and {len(every) - most + 1} others"
    return " and ".join(part for part in (", ".join(every[:-1]), every[-1] if every else "") if part)
