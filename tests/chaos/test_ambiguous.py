"""The request was carried out and its answer never came: nothing is lost, and nothing is done twice.

A proxy between our processes and PostgreSQL, or Temporal, drops the connection in the moment between the two.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.chaos.check import replayed, violations
from tests.chaos.evidence import Evidence, load
from tests.chaos.lab import Lab
from tests.chaos.proxies import Fate, Losses, Proxy, is_call, is_commit, messages, to_socket, to_tcp
from tests.chaos.workload import PLAIN, Workload
from tests.support.postgres import Postgres
from visto.supervisor.stack import Stack

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

EXECUTIONS = 4
MOST_LOST = 12
DOORBELLS = 3
PATIENCE_S = 240
OURS = ("api", "worker")


async def run(lab: Lab, seed: int) -> None:
    """A few executions to their end, and the evidence of it."""
    work = Workload(lab, seed)
    await work.save()
    work.calm.clear()
    reviewing = asyncio.create_task(work.reviewing())
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(work.run_one() for _ in range(EXECUTIONS)))
    reviewing.cancel()
    with suppress(asyncio.CancelledError):
        await reviewing
    await work.close()
    await lab.delivered()
    await lab.keep_histories()


async def judged(lab: Lab) -> Evidence:
    evidence = load(lab.folder, lab.database_url)
    assert len(evidence.executions) == EXECUTIONS
    found = violations(evidence) + await replayed(lab.folder, evidence)
    assert not found, "\n".join(map(str, [f"evidence in {lab.folder}", *found]))
    return evidence


def cut(lab: Lab, name: str) -> None:
    lab.ops.add("fault", what="cut", of=name)


def socket_of(url: str) -> Path:
    """The socket of the test session's PostgreSQL, from its URL."""
    folder = Path(parse_qs(urlsplit(url).query)["host"][0])
    return next(path for path in folder.glob(".s.PGSQL.*") if path.suffix != ".lock")


async def test_a_commit_whose_answer_is_lost_is_neither_lost_nor_repeated(tmp_path: Path, postgres: Postgres) -> None:
    """COMMIT reaches PostgreSQL, the connection breaks before the answer: callers and activities try again."""
    url = postgres.empty()
    lab = Lab(tmp_path / "lab", database_url=url)
    rules = {name: Losses(seed, 0.08, MOST_LOST, is_commit, partial(cut, lab, name)) for seed, name in enumerate(OURS)}
    async with AsyncExitStack() as stack:
        proxies = {
            name: await stack.enter_async_context(Proxy(rules[name], to_socket(socket_of(url)))) for name in OURS
        }

        def between(_: Stack) -> dict[str, dict[str, str]]:
            path = f"{urlsplit(url).path}?sslmode=disable&gssencmode=disable"
            return {
                name: {"VISTO_DATABASE_URL": f"postgresql://postgres@127.0.0.1:{proxy.port}{path}"}
                for name, proxy in proxies.items()
            }

        lab.overrides = between
        await stack.enter_async_context(lab)
        await run(lab, 11)
    evidence = await judged(lab)
    assert min(rule.count for rule in rules.values()) >= MOST_LOST // 2
    assert len(evidence.done("fault")) == sum(rule.count for rule in rules.values())
    postgres.drop(url)


async def test_a_call_of_temporal_whose_answer_is_lost_is_harmless(tmp_path: Path) -> None:
    """Starts, doorbells, completions and polls reach Temporal; the answer is lost and the caller asks again."""
    lab = Lab(tmp_path / "lab")
    rules = {
        name: Losses(seed, share, MOST_LOST, is_call, partial(cut, lab, name))
        for seed, (name, share) in enumerate((("api", 0.5), ("worker", 0.06)))
    }
    async with AsyncExitStack() as stack:
        proxies = {name: await stack.enter_async_context(Proxy(rules[name])) for name in OURS}
        lab.overrides = partial(_towards_temporal, proxies)
        await stack.enter_async_context(lab)
        await run(lab, 12)
    evidence = await judged(lab)
    assert min(rule.count for rule in rules.values()) >= MOST_LOST // 2
    assert len(evidence.done("fault")) == sum(rule.count for rule in rules.values())


async def test_killed_between_commit_and_doorbell_the_flow_goes_on_after_the_restart(tmp_path: Path) -> None:
    """The decision is committed, its doorbell never leaves: within five seconds of the restart the flow has gone on."""
    lab = Lab(tmp_path / "lab", knowledge=False)
    armed: set[str] = set()

    def rule(data: bytes) -> Fate:
        """Kill the API in the moment in which it rings for an armed execution."""
        rings = [sent for sent in messages(data) if b"\x04ring" in sent]
        rung = {execution for execution in armed if any(execution.encode() in ring for ring in rings)}
        if not rung:
            return Fate.PASS
        armed.difference_update(rung)
        lab.ops.add("fault", what="kill", of="api")
        handle = lab.processes["api"].handle
        assert handle is not None
        handle.kill()
        return Fate.CUT

    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(Proxy(rule))
        lab.overrides = partial(_towards_temporal, {"api": proxy})
        await stack.enter_async_context(lab)
        work = Workload(lab, 13, rows=1, flow=PLAIN)
        await work.save()
        for _ in range(DOORBELLS):
            assert await _rung_after_restart(lab, work, armed) < 5
        await work.close()
        await lab.delivered()
        await lab.keep_histories()
    evidence = load(lab.folder)
    assert len(evidence.done("fault")) == len(evidence.sheet) == DOORBELLS
    assert not violations(evidence)


async def _rung_after_restart(lab: Lab, work: Workload, armed: set[str]) -> float:
    """Decide, so that the API is killed; return the seconds from its restart to the end of the execution."""
    execution = await work.start()
    [gate] = await work.open_gates(execution, 1)
    armed.add(execution)
    deciding = asyncio.create_task(work.act(work.reviewers[0], gate["id"], "approve"))
    handle = lab.processes["api"].handle
    assert handle is not None
    assert await asyncio.wait_for(handle.wait(), 30) == -9
    await lab.start("api")
    since = time.monotonic()
    await work.ended(execution)
    took = time.monotonic() - since
    assert (await deciding).status_code == 200
    return took


def _towards_temporal(proxies: dict[str, Proxy], stack: Stack) -> dict[str, dict[str, str]]:
    for proxy in proxies.values():
        proxy.connect = to_tcp(stack.urls["temporal"])
    return {name: {"VISTO_TEMPORAL_ADDRESS": f"127.0.0.1:{proxy.port}"} for name, proxy in proxies.items()}
