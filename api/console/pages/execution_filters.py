"""The filters of the list of executions: read from the address, and written back into it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args
from urllib.parse import urlencode

from fastapi import Request

from workflows.contracts import State
from workflows.store.repositories.execution_rows import Filter

PATH = "/executions"
STATES: tuple[str, ...] = get_args(State)
CHANNELS = ("console", "api", "cli", "webhook", "slack")
WITHIN = {"1h": "the last hour", "24h": "the last 24 hours", "7d": "the last 7 days", "30d": "the last 30 days"}
_SPANS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
_MOST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Filters:
    """As given. What cannot be understood is named in ``ignored`` and filters nothing."""

    states: tuple[str, ...] = ()
    flow: str = ""
    via: str = ""
    by: str = ""
    within: str = ""
    since: str = ""
    until: str = ""
    text: str = ""
    ignored: tuple[str, ...] = ()

    @classmethod
    def of(cls, request: Request) -> Filters:
        given = request.query_params
        states = [state for state in given.getlist("state") if state]
        known = tuple(state for state in dict.fromkeys(states) if state in STATES)
        within, since, until = (given.get(name, "") for name in ("within", "since", "until"))
        wrong = [f"state {state}" for state in states if state not in STATES]
        wrong += [f"within {within}"] if within and within not in WITHIN else []
        wrong += [f"date {day}" for day in (since, until) if day and _day(day) is None]
        return cls(
            states=known,
            flow=given.get("flow", ""),
            via=given.get("via", ""),
            by=given.get("by", ""),
            within=within if within in WITHIN else "",
            since=since if _day(since) else "",
            until=until if _day(until) else "",
            text=given.get("q", "").replace("\0", "").strip()[:_MOST_TEXT],
            ignored=tuple(wrong),
        )

    def filter(self, now: datetime) -> Filter:
        """What the store is asked for. Days are days in UTC; ``until`` includes its day."""
        since, until = _day(self.since), _day(self.until)
        if self.within:
            since = max(filter(None, (since, now - _SPANS[self.within])))
        return Filter(
            states=self.states,
            flow_id=self.flow or None,
            via=self.via or None,
            requester_id=self.by or None,
            since=since,
            until=until + timedelta(days=1) if until else None,
            text=self.text or None,
        )

    @property
    def any(self) -> bool:
        return bool(self.states or self.more or self.text or self.flow)

    @property
    def more(self) -> bool:
        """Whether one of the filters is set that are folded away."""
        return bool(self.via or self.by or self.within or self.since or self.until)

    def link(self, **changes: Any) -> str:
        """The list's address with these filters and ``changes``; a cursor is kept only when given."""
        named = {"state": self.states, "flow": self.flow, "via": self.via, "by": self.by, "within": self.within}
        named |= {"since": self.since, "until": self.until, "q": self.text, **changes}
        query = urlencode({name: value for name, value in named.items() if value}, doseq=True)
        return f"{PATH}?{query}" if query else PATH


def _day(text: str) -> datetime | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime(found.year, found.month, found.day, tzinfo=UTC) if found.year < date.max.year else None
