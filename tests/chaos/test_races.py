"""Sixteen people, an expiry and a cancellation ask for different ends of the same gate: there is one, and all hear of it."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chaos.check import replayed, violations
from tests.chaos.evidence import load
from tests.chaos.lab import Lab
from tests.chaos.workload import BODIES, PLAIN, Workload

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

Json = Any
CLIENTS = 16
GATES = 24
EXPIRING = 8
CANCELLED = 8
LONG, SHORT = "1h", "4s"


async def race(work: Workload, gate: Json, start: asyncio.Event) -> list[httpx.Response]:
    """Everybody sends at once when ``start`` is set, in seeded disagreement."""
    body = {"revision": gate["revision"], "action_digest": gate["action_digest"]}
    actions = [work.random.choice(("approve", "reject")) for _ in work.reviewers]

    async def one(place: int) -> httpx.Response:
        await start.wait()
        return await work.send(work.reviewers[place], gate["id"], {**BODIES[actions[place]], **body})

    return await asyncio.gather(*(one(place) for place in range(CLIENTS)))


async def among_people(work: Workload) -> None:
    """Every gate has one winner; every other is told by whom and how it was decided."""
    execution = await work.start()
    gates = await work.open_gates(execution, GATES)
    for gate in gates:
        start = asyncio.Event()
        racing = asyncio.create_task(race(work, gate, start))
        await asyncio.sleep(0)
        start.set()
        answers = await racing
        won = [answer.json() for answer in answers if answer.status_code == 200]
        lost = [answer.json() for answer in answers if answer.status_code == 409]
        assert (len(won), len(lost)) == (1, CLIENTS - 1), Counter(answer.status_code for answer in answers)
        for problem in lost:
            assert problem["code"] == "already_decided"
            assert problem["context"]["outcome"] == won[0]["outcome"]
            assert problem["context"]["by"] in problem["detail"]
    await work.ended(execution)


async def against_the_clock(work: Workload) -> Counter[str]:
    """Everybody decides around the very moment in which the gates expire. Returns how they were decided."""
    execution = await work.start()
    gates = await work.open_gates(execution, EXPIRING)
    chance = random.Random(work.seed)

    async def at(gate: Json) -> list[httpx.Response]:
        start = asyncio.Event()
        racing = asyncio.create_task(race(work, gate, start))
        due = datetime.fromisoformat(gate["expires_at"]).timestamp() + chance.uniform(-0.8, 0.05)
        await asyncio.sleep(max(0.0, due - time.time()))
        start.set()
        return await racing

    outcomes: Counter[str] = Counter()
    for answers in await asyncio.gather(*(at(gate) for gate in gates)):
        won = [answer.json()["outcome"] for answer in answers if answer.status_code == 200]
        assert len(won) <= 1
        outcomes.update(won or ["expired"])
    await work.ended(execution)
    return outcomes


async def against_a_cancellation(work: Workload) -> None:
    """The execution is cancelled while everybody decides: a gate is decided or withdrawn, never both."""
    execution = await work.start()
    gates = await work.open_gates(execution, CANCELLED)
    start = asyncio.Event()
    racing = asyncio.gather(*(race(work, gate, start) for gate in gates[: CANCELLED // 2]))
    await asyncio.sleep(0)
    start.set()
    await work.starter.post(f"/executions/{execution}/cancel", {"reason": "enough"}, f"cancel-{execution}")
    await racing
    result = await work.ended(execution)
    assert result["state"] == "cancelled"
    # a new request: repeating the one that won would rightly be answered with its first answer
    late = await asyncio.gather(*(work.act(work.reviewers[0], gate["id"], "approve", anew=":late") for gate in gates))
    assert all(answer.status_code == 409 for answer in late)
    assert {answer.json()["code"] for answer in late} <= {"already_decided", "withdrawn"}


async def test_a_gate_has_one_outcome_whoever_asks_and_every_loser_hears_it(tmp_path: Path) -> None:
    """People against each other, against the expiry and against a cancellation, over HTTP; then the evidence."""
    async with Lab(tmp_path / "lab", reviewers=CLIENTS, knowledge=False) as lab:
        numbers = itertools.count()

        async def play(after: str, rows: int) -> Workload:
            work = Workload(lab, 20 + next(numbers), rows=rows, flow=PLAIN.replace("1h", after))
            await work.save()
            return work

        people = await play(LONG, GATES)
        await among_people(people)
        clock = await play(SHORT, EXPIRING)
        outcomes = await against_the_clock(clock)
        cancelled = await play(LONG, CANCELLED)
        await against_a_cancellation(cancelled)
        for work in (people, clock, cancelled):
            await work.close()
        await lab.delivered()
        await lab.keep_histories()
    evidence = load(lab.folder)
    assert len(evidence.gates) == GATES + EXPIRING + CANCELLED
    assert sum(outcomes.values()) == EXPIRING
    assert len(evidence.done("decided")) >= CLIENTS * (GATES + EXPIRING + CANCELLED // 2)
    found = violations(evidence) + await replayed(lab.folder, evidence)
    assert not found, "\n".join(map(str, [f"evidence in {lab.folder}", outcomes, *found]))
