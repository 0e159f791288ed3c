"""Throughput and latency of contenders, taken in turns so that no one has the quiet minute."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from tests.bench.contenders import WAIT_S, Contender
from tests.bench.stack import Stack

Json = Any


@dataclass
class Samples:
    """Numbers of one kind; ``spread`` is from the smallest to the largest."""

    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def shown(self) -> Json:
        ordered = sorted(self.values)
        return {
            "p50": round(self.median, 2),
            "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 2),
            "min": round(ordered[0], 2),
            "max": round(ordered[-1], 2),
            "n": len(ordered),
        }


@dataclass
class Measured:
    """One contender's results. Rates are flows per second, times milliseconds, ``cpu`` milliseconds a flow."""

    rate: Samples = field(default_factory=Samples)
    to_waiting: Samples = field(default_factory=Samples)
    to_done: Samples = field(default_factory=Samples)
    cpu: dict[str, Samples] = field(default_factory=dict)
    history: Json = None

    def shown(self) -> Json:
        return {
            "flows_per_s": self.rate.shown(),
            "start_to_waiting_ms": self.to_waiting.shown(),
            "approve_to_done_ms": self.to_done.shown(),
            "cpu_ms_per_flow": {name: round(one.median, 2) for name, one in self.cpu.items()},
            "history": self.history,
        }


async def compare(
    stack: Stack, contenders: Sequence[Contender], *, rounds: int, flows: int, window: int, singles: int
) -> dict[str, Measured]:
    """Warm all up, then measure each in every round: first ``flows`` with ``window`` in flight, then ``singles`` alone."""
    found = {one.name: Measured() for one in contenders}
    for one in contenders:
        await one.open()
        await _flood(one, "warm", max(flows // 2, 10), window)
    for number in range(rounds):
        for one in contenders:
            await _round(stack, one, found[one.name], f"round-{number}", flows, window)
    for number in range(singles):
        for one in contenders:
            await _single(one, found[one.name], f"single-{number // 50}")
    for one in contenders:
        await one.close()
    return found


async def _round(stack: Stack, one: Contender, found: Measured, sheet: str, flows: int, window: int) -> None:
    before = stack.cpu_s()
    began = time.perf_counter()
    await _flood(one, sheet, flows, window)
    found.rate.values.append(flows / (time.perf_counter() - began))
    after = stack.cpu_s()
    for name in (*one.processes, "temporal", "load"):
        found.cpu.setdefault(name, Samples()).values.append((after[name] - before[name]) * 1000 / flows)


async def _flood(one: Contender, sheet: str, flows: int, window: int) -> None:
    room = asyncio.Semaphore(window)

    async def whole() -> None:
        async with room:
            workflow_id = await one.start(sheet)
            await one.waiting(workflow_id)
            await one.approve(workflow_id, await one.look(workflow_id))
            await ended(one.client, workflow_id)

    await asyncio.gather(*(whole() for _ in range(flows)))


async def _single(one: Contender, found: Measured, sheet: str) -> None:
    started = time.time()
    workflow_id = await one.start(sheet)
    await one.waiting(workflow_id)
    seen = await one.look(workflow_id)
    approved = time.time()
    await one.approve(workflow_id, seen)
    await ended(one.client, workflow_id)
    parked, done, shape = await _history(one.client, workflow_id)
    found.to_waiting.values.append((parked - started) * 1000)
    found.to_done.values.append((done - approved) * 1000)
    found.history = shape


async def ended(client: Client, workflow_id: str) -> None:
    """Wait for the end of a workflow; it must have succeeded."""
    await asyncio.wait_for(client.get_workflow_handle(workflow_id).result(), WAIT_S)


async def _history(client: Client, workflow_id: str) -> tuple[float, float, Json]:
    """When the workflow had nothing left to do but wait, when it was done, and the size of its history."""
    handle = client.get_workflow_handle(workflow_id)
    events = (await handle.fetch_history()).events
    signal = next(e for e in events if e.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
    before = [e for e in events if e.event_id < signal.event_id]
    parked = [e for e in before if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED][-1]
    return at(parked), at(events[-1]), {"events": len(events), "bytes": sum(e.ByteSize() for e in events)}


async def completed_at(client: Client, workflow_id: str) -> float:
    """When a workflow was done, in seconds since the epoch, by the server's clock."""
    closed = (await client.get_workflow_handle(workflow_id).describe()).close_time
    assert closed is not None
    return closed.timestamp()


def at(event: Any) -> float:
    """When an event was recorded, in seconds since the epoch."""
    return float(event.event_time.ToNanoseconds()) / 1e9
