"""Whatever is killed, whenever: nothing acknowledged is lost, nothing finished is repeated, nobody decides twice.

Set ``VISTO_CHAOS_KILLS`` for more kills and ``VISTO_CHAOS_SEED`` to repeat a run. A failure keeps its evidence in the
folder it names; ``python -m tests.chaos.check FOLDER`` judges that again.
"""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import suppress
from pathlib import Path

import pytest

from tests.chaos.check import replayed, violations
from tests.chaos.evidence import load
from tests.chaos.lab import Lab
from tests.chaos.workload import Workload

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

KILLS = int(os.environ.get("VISTO_CHAOS_KILLS", "8"))
SEED = int(os.environ.get("VISTO_CHAOS_SEED", "2"))
VICTIMS = ("worker", "worker", "api", "temporal", "chroma")
AT_ONCE = 3


async def killing(lab: Lab, chance: random.Random) -> None:
    """Kill one part after another, each at a random moment, sometimes two at once; leave everything running."""
    left = KILLS
    while left:
        names = set(chance.choices(VICTIMS, k=min(left, chance.choice((1, 1, 1, 2)))))
        await asyncio.sleep(chance.uniform(0.2, 2.5))
        await asyncio.gather(*(lab.kill(name) for name in names))
        await asyncio.sleep(chance.uniform(0, 0.5))
        await asyncio.gather(*(lab.start(name) for name in names))
        left -= len(names)


async def starting(work: Workload) -> None:
    """Keep executions going until the kills are over; then see the last one to its end."""
    while not work.calm.is_set():
        await work.run_one()


async def test_nothing_is_lost_or_repeated_when_parts_are_killed(tmp_path: Path) -> None:
    """Random SIGKILLs of worker, API, Temporal and Chroma while orders are rated and decided."""
    async with Lab(tmp_path / "lab") as lab:
        lab.ops.add("seed", seed=SEED, kills=KILLS)
        work = Workload(lab, SEED)
        await work.save()
        work.calm.clear()
        reviewing = asyncio.create_task(work.reviewing())
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(starting(work))
            await killing(lab, random.Random(SEED))
            work.calm.set()
        reviewing.cancel()
        with suppress(asyncio.CancelledError):
            await reviewing
        await work.close()
        await lab.delivered()
        await lab.keep_histories()
    evidence = load(lab.folder)
    assert len(evidence.done("fault")) == KILLS
    assert len(evidence.executions) >= AT_ONCE
    assert len(evidence.sheet) >= 1
    assert len(evidence.asked) >= 2 * len(evidence.gates)
    found = violations(evidence) + await replayed(lab.folder, evidence)
    assert not found, "\n".join(map(str, [f"seed {SEED}, evidence in {lab.folder}", *found]))
