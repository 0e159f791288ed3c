"""Pages of a listing. A cursor is the sort key of the last row, so pages stay right while rows come and go."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from workflows.store.refusals import InvalidCursor

T = TypeVar("T")

MAX_PAGE = 500


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """``next_cursor`` is None on the last page."""

    items: tuple[T, ...]
    next_cursor: str | None


def page_of(rows: Sequence[T], limit: int, key: Callable[[T], Sequence[str | datetime]]) -> Page[T]:
    """Make a page of ``rows``, which were read with ``limit + 1``."""
    items = tuple(rows[:limit])
    more = len(rows) > limit
    return Page(items, encode(*key(items[-1])) if more else None)


def bounded(limit: int) -> int:
    """Keep a page's size between 1 and ``MAX_PAGE``."""
    return max(1, min(limit, MAX_PAGE))


def encode(*parts: str | datetime) -> str:
    plain = [part.astimezone(UTC).isoformat() if isinstance(part, datetime) else part for part in parts]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def decode(cursor: str, parts: int) -> list[str]:
    """Return the cursor's parts as text. Raises ``InvalidCursor``."""
    try:
        plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error) as error:
        raise InvalidCursor from error
    if not isinstance(plain, list) or len(plain) != parts or not all(isinstance(part, str) for part in plain):
        raise InvalidCursor
    return plain


def decode_time_and_id(cursor: str) -> tuple[datetime, str]:
    """Return the parts of a cursor over ``(instant, id)``. Raises ``InvalidCursor``."""
    stamp, key = decode(cursor, 2)
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError as error:
        raise InvalidCursor from error
    if at.tzinfo is None:
        raise InvalidCursor
    return at, key
