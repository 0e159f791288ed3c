"""Fencing: each attempt of a step takes a number with its first write, and a lower number may not write after that.

So a paused worker that wakes up when another has taken over can neither send a request nor record an answer.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.repositories.leases import lock_key
from workflows.store.tables import operations


class Fenced(Exception):
    """A later attempt of this step has begun; this one must end without doing anything more."""

    permanent = True

    def __init__(self, op_id: str, fence: int, current: int) -> None:
        super().__init__(f"A later attempt ({current}) of operation {op_id} has begun; attempt {fence} may not go on.")
        self.op_id = op_id
        self.fence = fence
        self.current = current


_HIGHEST = sa.select(sa.func.max(operations.c.fence)).where(
    operations.c.namespace == bindparam("ns"), operations.c.op_id == bindparam("op")
)


def pass_fence(tx: Tx, namespace: str, op_id: str, fence: int) -> bool:
    """Serialise the step's writers and let this one through. Returns whether the step wrote anything before.

    Raises ``Fenced``.
    """
    lock_key(tx, namespace, "op", op_id)
    highest: int | None = tx.conn.execute(_HIGHEST, {"ns": namespace, "op": op_id}).scalar_one()
    if highest is not None and highest > fence:
        raise Fenced(op_id, fence, highest)
    return highest is not None
