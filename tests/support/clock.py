"""A clock that tests set: time passes when they say so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Call it for the present instant; ``advance`` moves it."""

    def __init__(self, now: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta | float) -> datetime:
        """Move on by a duration (a number is seconds) and return the new instant."""
        self.now += by if isinstance(by, timedelta) else timedelta(seconds=by)
        return self.now
