"""Queries over all tenants, for the process that serves them all. Nothing here is reachable from a caller's request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.sql import many
from workflows.store.tables import executions, notices

_LIVE = ("created", "queued", "running", "waiting")


@dataclass(frozen=True, slots=True)
class Live:
    """An execution that has not ended."""

    namespace: str
    id: str


_AFTER = (
    sa.select(executions.c.namespace, executions.c.id)
    .where(
        executions.c.state.in_(_LIVE),
        executions.c.created_at < bindparam("before"),
        executions.c.id > bindparam("after"),
    )
    .order_by(executions.c.id)
    .limit(bindparam("limit"))
)


def live_executions(tx: Tx, *, before: datetime, after: str = "", limit: int = 50) -> list[Live]:
    """Executions created before an instant that have not ended, by id, beginning behind ``after``."""
    return many(tx, Live, _AFTER, {"before": before, "after": after, "limit": limit})


@dataclass(frozen=True, slots=True)
class Shown:
    """Which gate a message in another channel shows."""

    namespace: str
    gate_id: str
    address: str


_SHOWN = (
    sa.select(notices.c.namespace, notices.c.gate_id, notices.c.address)
    .where(notices.c.channel == bindparam("kind"), notices.c.reference == bindparam("reference"))
    .limit(1)
)


def gate_shown_by(tx: Tx, channel: str, reference: str) -> Shown | None:
    """The gate that a channel's message shows. The channel has authenticated itself: its messages are not a tenant's."""
    found = many(tx, Shown, _SHOWN, {"kind": channel, "reference": reference})
    return found[0] if found else None
