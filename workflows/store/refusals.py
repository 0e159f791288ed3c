"""Refusals of the store: the write was understood and not done. Nothing was written.

Refusal
├── NotFound                no such row in this namespace
├── IdempotencyConflict     the key was used before with another body
├── AlreadyExists           the name or identity is taken
├── AlreadyDecided          the gate has an effective decision; ``existing`` is its id
├── InvalidCursor           the page's cursor was not made by this listing
└── BudgetExceeded          the reservation would pass the limit; ``what`` is ``usd`` or ``tokens``
"""

from __future__ import annotations


class Refusal(Exception):
    """See the tree in the module's docstring."""


class NotFound(Refusal):
    """``what`` names the kind of row, ``key`` what was looked for."""

    def __init__(self, what: str, key: str) -> None:
        super().__init__(f"There is no {what} {key!r} in this namespace.")
        self.what = what
        self.key = key


class IdempotencyConflict(Refusal):
    """The same key came with another body. ``existing`` is what the first body made."""

    def __init__(self, key: str, existing: str) -> None:
        super().__init__(f"The idempotency key {key!r} was used before with another body.")
        self.key = key
        self.existing = existing


class AlreadyExists(Refusal):
    def __init__(self, what: str, key: str) -> None:
        super().__init__(f"The {what} {key!r} exists already.")
        self.what = what
        self.key = key


class AlreadyDecided(Refusal):
    def __init__(self, gate_id: str, existing: str) -> None:
        super().__init__(f"The gate {gate_id!r} is decided already.")
        self.gate_id = gate_id
        self.existing = existing


class InvalidCursor(Refusal):
    def __init__(self) -> None:
        super().__init__("The cursor is not one that this listing gave out. Start again without a cursor.")


class BudgetExceeded(Refusal):
    """``spent`` includes what other calls have reserved."""

    def __init__(self, what: str, *, limit: float, spent: float, wanted: float) -> None:
        super().__init__(f"The budget of {limit:g} {what} would be passed: {spent:g} used, {wanted:g} more wanted.")
        self.what = what
        self.limit = limit
        self.spent = spent
        self.wanted = wanted
