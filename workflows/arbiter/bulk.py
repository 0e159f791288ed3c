"""Many decisions at once, each in its own transaction: one stale gate spoils nothing for the others."""

from __future__ import annotations

from collections.abc import Sequence

from workflows.arbiter.deciding import decide
from workflows.arbiter.model import BulkItem, BulkResult, Decide, Refused
from workflows.journal.records import Journal
from workflows.store.db import Database


async def bulk_decide(database: Database, journal: Journal, requests: Sequence[Decide]) -> BulkResult:
    """Decide every gate by its own revision and digest. Answers come in the order of the requests.

    Stopped halfway, what was answered is committed and the rest is untouched; repeating with the same idempotency keys
    completes it. Raises ``StoreUnavailable``.
    """
    items = []
    for request in requests:
        answer = await database.write(lambda tx, request=request: decide(tx, journal, request))  # type: ignore[misc]
        refused = isinstance(answer, Refused)
        items.append(
            BulkItem(
                gate_id=request.gate_id,
                decided=None if refused else answer,
                refused=answer if refused else None,
            )
        )
    return BulkResult(items=tuple(items))
