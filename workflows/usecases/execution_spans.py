"""When what happened in an execution: spans of work and of waiting, read from the journal's records. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from workflows.store.repositories.execution_traces import BEGINS, FAILS, LOSES, SUCCEEDS, Bucket
from workflows.usecases.execution_parts import split

Sort = Literal["run", "model", "tool", "search", "effect", "people"]
_SORTS: dict[str, Sort] = {
    "llm": "model",
    "tool": "tool",
    "retrieval": "search",
    "embedding": "search",
    "action": "effect",
}
_ASKED = "approval.requested"
_DECIDED = ("decision.submitted", "decision.auto", "decision.expired", "gate.withdrawn")
_REOPENED = ("decision.undone", "decision.superseded")
_RUNS = ("execution.created", "execution.restarted")


class Recorded(Protocol):
    """What is read of a record."""

    @property
    def event_id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def occurred_at(self) -> str: ...
    @property
    def path(self) -> str | None: ...
    @property
    def outcome(self) -> str | None: ...
    @property
    def meta(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Span:
    """From ``start`` to ``end`` (None: it lasts). ``people`` is waiting, everything else is working.

    ``path`` is the task's, empty for the execution itself; ``state`` is succeeded, failed, unknown, waiting or running,
    for ``people`` also what was decided. ``event_id`` is the record with which it began.
    """

    path: str
    key: str
    sort: Sort
    start: datetime
    end: datetime | None
    state: str
    event_id: str


def spans_of(records: Iterable[Recorded]) -> list[Span]:
    """The spans in the order in which they began. Calls are paired by operation, questions by gate."""
    open_: dict[str, Span] = {}
    done: list[Span] = []
    for record in records:
        name, begins, state = _read(record)
        if name is None:
            continue
        if begins:
            if name not in open_:
                open_[name] = _span(record, state)
            continue
        began = open_.pop(name, None) or _point(record)
        done.append(replace(began, end=_at(record), state=state))
    return sorted([*done, *open_.values()], key=lambda span: (span.start, span.path, span.key))


def _read(record: Recorded) -> tuple[str | None, bool, str]:
    """What a record begins or ends: a name that both share, whether it begins, and the state it leaves."""
    kind, meta = record.kind, record.meta
    if kind in _RUNS or kind == "execution.ended":
        return "run", kind in _RUNS, "running" if kind in _RUNS else record.outcome or "succeeded"
    if kind == _ASKED or kind in _DECIDED or kind in _REOPENED:
        begins = kind == _ASKED or kind in _REOPENED
        decided = {"gate.withdrawn": "withdrawn", "decision.auto": "auto", "decision.expired": "expired"}
        return (
            f"gate:{meta.get('gate_id')}",
            begins,
            "waiting" if begins else decided.get(kind, record.outcome or "decided"),
        )
    if kind.partition(".")[0] in _SORTS:
        name = f"{kind.partition('.')[0]}:{meta.get('key') or meta.get('op_id')}"
        for kinds, state in ((BEGINS, "running"), (SUCCEEDS, "succeeded"), (FAILS, "failed"), (LOSES, "unknown")):
            if kind in kinds:
                return name, state == "running", state
    return None, False, ""


def _span(record: Recorded, state: str) -> Span:
    path, key = split(record.path or "")
    family = record.kind.partition(".")[0]
    sort: Sort = "run" if family == "execution" else _SORTS.get(family, "people")
    return Span(path, key or str(record.meta.get("item_key") or ""), sort, _at(record), None, state, record.event_id)


def _point(record: Recorded) -> Span:
    """An answer whose question was not recorded: a look-up, which takes no time worth showing."""
    return _span(record, "succeeded")


def _at(record: Recorded) -> datetime:
    return datetime.fromisoformat(record.occurred_at)


# Many elements ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Level:
    """How many elements of a task were at work, or waited for people, from ``at`` on, and how many began then."""

    at: datetime
    count: int
    began: int


WIDTHS = {
    19: timedelta(seconds=1), 18: timedelta(seconds=10), 16: timedelta(minutes=1), 15: timedelta(minutes=10),
    13: timedelta(hours=1), 10: timedelta(days=1),
}  # fmt: skip
"""How long a time lasts of which only so many characters are given (16: ``2026-11-22T14:05``)."""
_FULL = "0000-01-01T00:00:00"


def width_for(duration: timedelta, most: int) -> int:
    """How many characters of a time tell ``most`` parts of the duration apart."""
    return next((width for width, step in WIDTHS.items() if duration / step <= most), 10)


def levels_of(buckets: Iterable[Bucket]) -> dict[tuple[str, Sort], list[Level]]:
    """For each task and sort of span, how many were under way over time.

    What began and ended within one bucket counts as under way in it; look-ups, which only end, too.
    """
    changes: dict[tuple[str, Sort], dict[str, list[int]]] = {}
    for bucket in buckets:
        found = _direction(bucket.kind)
        if found is not None:
            sort, begins = found
            change = changes.setdefault((bucket.path, sort), {}).setdefault(bucket.at, [0, 0])
            change[0 if begins else 1] += bucket.count
    return {name: _levels(change) for name, change in changes.items()}


def _direction(kind: str) -> tuple[Sort, bool] | None:
    if kind == _ASKED or kind in _DECIDED or kind in _REOPENED:
        return "people", kind == _ASKED or kind in _REOPENED
    sort = _SORTS.get(kind.partition(".")[0])
    if sort is None or kind not in (*BEGINS, *SUCCEEDS, *FAILS, *LOSES):
        return None
    return sort, kind in BEGINS


def _levels(changes: Mapping[str, list[int]]) -> list[Level]:
    made: list[Level] = []
    under_way = 0
    for at, (began, ended) in sorted(changes.items()):
        alone = max(0, ended - under_way - began)
        start = datetime.fromisoformat(at + _FULL[len(at) :]).replace(tzinfo=UTC)
        if made and made[-1].at == start:  # the rest of the bucket before
            made.pop()
        made.append(Level(start, under_way + began + alone, began + alone))
        under_way = max(0, under_way + began - ended)
        made.append(Level(start + WIDTHS[len(at)], under_way, 0))
    return made
