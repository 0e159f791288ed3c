"""Decisions as every channel makes them: the arbiter decides, then the workflow is rung at once if that is in effect."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from workflows.arbiter.bulk import bulk_decide
from workflows.arbiter.deciding import decide as arbiter_decide
from workflows.arbiter.model import BulkResult, Decide, Decided, accepted
from workflows.arbiter.outgoing import doorbell_row
from workflows.usecases import delivery
from workflows.usecases.services import Services

RINGS_AT_ONCE = 16


async def decide(services: Services, request: Decide) -> Decided:
    """Count the action and ring. Raises the ``GateError`` of a refusal, after its trace is committed."""
    answer = await services.db.write(lambda tx: arbiter_decide(tx, services.journal, request))
    services.wake()
    decided = accepted(answer)
    await ring(services, request.namespace, decided)
    return decided


async def decide_many(services: Services, requests: Sequence[Decide]) -> BulkResult:
    """Decide every gate on its own; refusals are part of the answer."""
    answer = await bulk_decide(services.db, services.journal, requests)
    services.wake()
    room = asyncio.Semaphore(RINGS_AT_ONCE)

    async def one(namespace: str, decided: Decided) -> None:
        async with room:
            await ring(services, namespace, decided)

    pairs = zip(requests, answer.items, strict=True)
    await asyncio.gather(*(one(request.namespace, item.decided) for request, item in pairs if item.decided))
    return answer


async def ring(services: Services, namespace: str, decided: Decided) -> None:
    """Ring the workflow if the decision is in effect. Otherwise, or without Temporal, the relay does it."""
    if decided.decision_id is None or decided.effective_at is None or decided.effective_at > services.db.clock():
        return
    call = delivery.deliver_doorbell(services, decided.workflow_id, decided.gate_id)
    await delivery.in_line(services, namespace, doorbell_row(decided.decision_id), call)
