"""A finding: what was looked at, how it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "info", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """``problem`` means that something will not work; ``warning`` that it works worse than it could."""

    what: str
    level: Level
    message: str
    remedy: str = ""
