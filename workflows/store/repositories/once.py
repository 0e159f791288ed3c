"""Things that happen at most once: a reminder, a first look. The first caller is told so; later ones are not."""

from __future__ import annotations

from typing import Any

from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.sql import insert_ignore
from workflows.store.tables import leases


def first_time(tx: Tx, namespace: str, what: str, key: str) -> bool:
    """Note that ``what`` happened to ``key``. Returns whether it was the first time."""
    new: dict[str, Any] = {"id": new_id(tx.now), "namespace": namespace, "kind": what, "key": key}
    new |= {"owner": "once", "created_at": tx.now}
    return insert_ignore(tx, leases, new, ("namespace", "kind", "key", "owner"))
