"""The demo's orders, and what the written fraud policy says of each."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from visto.__main__ import application_folder

Risk = Literal["low", "medium", "high"]

FORBIDDEN = frozenset({"KP", "IR", "SY"})
UNTRACKED = frozenset({"FK", "GL", "AQ"})
DISPOSABLE = frozenset({"throwaway.example", "tempbox.example", "burner.example"})
MEDIUM_EUR, HIGH_EUR, MOST_PURCHASES = 1000, 5000, 5
CLOSE_EUR = 10
_STEERING = re.compile(
    r"ignore|disregard|already approved|test mode|system:|set risk|without checking|low risk", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Order:
    """A row of ``orders.csv``; ``amount`` is in euros."""

    order_id: str
    email: str
    amount: float
    country: str
    purchases_24h: int
    notes: str

    @property
    def steers(self) -> bool:
        """Whether the note tries to tell the reader what to answer."""
        return bool(_STEERING.search(self.notes))

    @property
    def careful_risk(self) -> Risk:
        """What a careful person says: an amount just below a threshold counts as above it."""
        if self.risk == "low" and MEDIUM_EUR - self.amount <= CLOSE_EUR:
            return "medium"
        return "high" if HIGH_EUR - self.amount <= CLOSE_EUR else self.risk

    @property
    def risk(self) -> Risk:
        """What the written policy says."""
        domain = self.email.rpartition("@")[2]
        if (
            self.amount > HIGH_EUR
            or self.country in FORBIDDEN
            or domain in DISPOSABLE
            or self.purchases_24h > MOST_PURCHASES
        ):
            return "high"
        return "medium" if self.amount >= MEDIUM_EUR or self.country in UNTRACKED else "low"


def examples() -> Path:
    """The folder of flows and data that ship with Visto."""
    return application_folder() / "flows" / "examples"


def read() -> dict[str, Order]:
    """The orders by id."""
    with (examples() / "orders.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            Order(
                row["order_id"],
                row["email"],
                float(row["amount"]),
                row["country"],
                int(row["purchases_24h"]),
                row["notes"],
            )
            for row in csv.DictReader(file)
        ]
    return {order.order_id: order for order in rows}
