"""Executions as people look through them: who started what, whom it waits for, and why it stands as it does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from workflows.contracts import TERMINAL, Reason
from workflows.store.db import Tx
from workflows.store.paging import Page
from workflows.store.repositories import execution_rows, principals
from workflows.store.repositories.execution_rows import ExecutionRow, Filter, Waiting
from workflows.store.repositories.executions import Execution
from workflows.store.repositories.inbox import NOT
from workflows.usecases.results import ACCEPTED

RESTARTABLE = frozenset({"failed", "timed_out", "cancelled", "warning", "rejected"})
"""Ended without all that was wanted; what succeeded has nothing left to run."""

MOST_STARTERS = 200
"""So many names are offered to choose from; an address may name anybody."""


@dataclass(frozen=True, slots=True)
class Line:
    """One execution in a list. ``waiting_for`` names the groups and people who are asked, ``by`` who started it."""

    row: ExecutionRow
    by: str | None
    waiting_for: str | None
    open_gates: int

    @property
    def reason(self) -> Reason | None:
        return reason_of(self.row)

    @property
    def ended(self) -> bool:
        return self.row.state in TERMINAL

    @property
    def cancelling(self) -> bool:
        """Somebody asked it to stop, and it has not ended yet."""
        return not self.ended and self.row.cancel_requested_at is not None

    def seconds(self, now: datetime) -> float:
        """How long it has taken, or took; an execution that has not begun takes since its acceptance."""
        return max(0.0, ((self.row.ended_at or now) - self.row.created_at).total_seconds())


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list, and what its filters offer. ``counts`` are of all executions in each state."""

    page: Page[Line]
    counts: dict[str, int]
    flows: list[str]
    starters: list[tuple[str, str]]


def reason_of(row: ExecutionRow | Execution) -> Reason | None:
    """Why it is in its state, in the words of every channel; None when the state says all."""
    given = row.reason or (ACCEPTED if row.state == "created" else None)
    return None if given is None else Reason.model_validate(given)


def listing(tx: Tx, namespace: str, wanted: Filter, *, cursor: str | None, limit: int) -> Listing:
    """One page, newest first. Raises ``InvalidCursor``."""
    found = execution_rows.page(tx, namespace, wanted, cursor=cursor, limit=limit)
    return Listing(
        Page(tuple(_lines(tx, namespace, found.items)), found.next_cursor),
        execution_rows.counts(tx, namespace, wanted.flow_id),
        execution_rows.flows_run(tx, namespace),
        [(one.id, one.name) for one in principals.list_principals(tx, namespace)[:MOST_STARTERS]],
    )


def lines_of(tx: Tx, namespace: str, ids: Sequence[str]) -> list[Line]:
    """The lines of these executions in the order asked for; what is not there is left out."""
    found = execution_rows.some(tx, namespace, ids)
    return _lines(tx, namespace, [found[one] for one in dict.fromkeys(ids) if one in found])


def _lines(tx: Tx, namespace: str, rows: Iterable[ExecutionRow]) -> list[Line]:
    listed = list(rows)
    waiting: dict[str, list[Waiting]] = {}
    for one in execution_rows.waiting(tx, namespace, [row.id for row in listed if row.state not in TERMINAL]):
        waiting.setdefault(one.execution_id, []).append(one)
    names = Names(tx, namespace)
    return [_line(row, names, waiting.get(row.id, [])) for row in listed]


def _line(row: ExecutionRow, names: Names, waiting: list[Waiting]) -> Line:
    whom = dict.fromkeys(name for one in waiting for name in names.audience(one.audience))
    return Line(
        row=row,
        by=names.of(row.requester_id),
        waiting_for=" or ".join(whom) if whom else None,
        open_gates=sum(one.count for one in waiting),
    )


class Names:
    """Names of principals, each looked up once."""

    def __init__(self, tx: Tx, namespace: str) -> None:
        self._tx, self._namespace = tx, namespace
        self._known: dict[str, str | None] = {}

    def of(self, principal_id: str | None) -> str | None:
        """The name, or None for nobody and for somebody who is gone."""
        if principal_id is None:
            return None
        if principal_id not in self._known:
            found = principals.get(self._tx, self._namespace, principal_id)
            self._known[principal_id] = found.name if found else None
        return self._known[principal_id]

    def audience(self, audience: str) -> list[str]:
        """Who is asked, from a gate's ``|g:fraud|p:<id>|``."""
        parts = [part for part in audience.split("|") if part and not part.startswith(NOT)]
        made = [self._asked(part) for part in parts]
        return [name for name in made if name]

    def _asked(self, part: str) -> str | None:
        kind, _, name = part.partition(":")
        if part == "*":
            return "any reviewer"
        return name if kind == "g" else self.of(name)
