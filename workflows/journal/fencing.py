"""Fencing: each attempt of a step has a number, and a lower number may not write after a higher one.

So a paused worker that wakes up when another has taken over can neither send a request nor record an answer. The number
is the server's time at which the attempt began. An attempt beside the workflow (a local activity) has no such time and
takes the next free number with its first write. Whoever is overtaken ends without an outcome: if it was the living one
after all, it is tried again and overtakes; a dead one's workflow task is no longer accepted by the server.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.prepared import Prepared
from workflows.store.repositories.leases import lock_key
from workflows.store.tables import operations


class Fenced(Exception):
    """A later attempt of this step has begun; this one must end without doing anything more."""

    code = "fenced"
    transient = True

    def __init__(self, op_id: str, fence: int, current: int) -> None:
        super().__init__(f"A later attempt ({current}) of operation {op_id} has begun; attempt {fence} may not go on.")
        self.op_id = op_id
        self.fence = fence
        self.current = current


_HIGHEST = Prepared(
    sa.select(sa.func.max(operations.c.fence)).where(
        operations.c.namespace == bindparam("ns"), operations.c.op_id == bindparam("op")
    )
)


def pass_fence(tx: Tx, namespace: str, op_id: str, fence: int | None) -> int:
    """Serialise the step's writers and let this one through with its number, or with the next one if it has none.

    Raises ``Fenced``.
    """
    lock_key(tx, namespace, "op", op_id)
    highest: int | None = _HIGHEST.value(tx, {"ns": namespace, "op": op_id})
    if fence is None:
        return (highest or 0) + 1
    if highest is not None and highest > fence:
        raise Fenced(op_id, fence, highest)
    return fence
