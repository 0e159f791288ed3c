"""``make bench``: the console over the store of a busy year. Measures first, reports, and asserts the floors last.

``VISTO_BENCH=smoke`` runs everything with tiny counts, leaves the published figures alone and asserts no floor.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.bench import (
    console_addresses,
    console_browser,
    console_knowledge,
    console_pages,
    console_report,
    console_store,
    report,
)
from tests.bench.console_addresses import Address
from tests.bench.console_served import Served
from tests.bench.console_store import Size
from tests.browser.conftest import CHROMIUM

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]
Json = Any
SMOKE = os.environ.get("VISTO_BENCH") == "smoke"
SIZE = Size(300, 600, 200, 3, 3, 30) if SMOKE else Size()
REQUESTS, PAINTS, KEYS, DOCUMENTS = (4, 1, 10, 9) if SMOKE else (100, 5, 100, 300)
PEOPLE = ("Root", "Ana")


@pytest.fixture(scope="module")
def results() -> Json:
    """What the tests of this module found, in the order in which they ran."""
    return {"machine": report.machine(), "elements": SIZE.elements}


@pytest.fixture(scope="module")
def served(results: Json) -> Iterator[Served]:
    """The API over a filled store."""
    with tempfile.TemporaryDirectory(prefix="visto-bench-") as folder, Served(Path(folder)) as made:
        began = time.perf_counter()
        filled = console_store.fill(made.house, SIZE)
        results["filled_s"] = round(time.perf_counter() - began, 1)
        results["counts"] = filled.counts
        made.big = filled.big
        made.start()
        console_knowledge.fill(made.house, made.chroma_url, DOCUMENTS)
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM, "No Chromium was found: install Debian's package chromium, or name one in VISTO_CHROMIUM."
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def asked(served: Served) -> list[Address]:
    return console_addresses.addresses(served.house, served.big)


def test_every_page(results: Json, served: Served, asked: list[Address]) -> None:
    """What the server takes for each page and fragment, two people asking at once."""
    cookies = {who: served.cookie(who)["value"] for who in PEOPLE}
    results["pages"] = asyncio.run(console_pages.measure(served.url, asked, cookies, REQUESTS))


def test_first_paint(results: Json, served: Served, asked: list[Address], browser: Browser) -> None:
    """Each page in a browser that has never seen it."""
    pages = [one for one in asked if one.name.endswith("_page") and one.name != "home_page"]
    pages += [one for one in asked if one.name == "inbox_page of Ana"]
    cookies = {who: served.cookie(who) for who in PEOPLE}
    results["paints"] = console_browser.paints(browser, served.url, pages, cookies, PAINTS)


def test_inbox_under_the_fingers(results: Json, served: Served, browser: Browser) -> None:
    """From a key to the next gate, and from somebody else's decision to a grey line."""
    results["inbox"] = console_browser.inbox(browser, served, served.cookie("Ana"), KEYS)


def test_gate_after_gate_on_a_phone(results: Json, served: Served, browser: Browser) -> None:
    """From the tap that decides to the next gate."""
    results["inbox"]["phone_ms"] = console_browser.on_a_phone(browser, served, served.cookie("Ana"), KEYS // 2)


def test_report(results: Json, tmp_path: Path) -> None:
    """Everything that could be measured is on the screen and, unless this is a smoke run, in the documentation."""
    text = console_report.tables(results)
    sys.stdout.write("\n\n" + text + "\n\n")
    if SMOKE:
        (tmp_path / "performance.md").write_text("\n".join(report.markers("console")))
    report.publish_part("console", results, text, tmp_path if SMOKE else report.DOCS)


FLOORS: dict[str, Callable[[Json], bool]] = {
    "every list in 200 ms (p95) among 50,000 open gates": lambda r: console_report.slow_lists(r) == {},
    "first paint of every page in 300 ms": lambda r: console_report.slow_paints(r) == {},
    "the next gate in 100 ms (p95)": lambda r: r["inbox"]["next_ms"]["p95"] < console_report.NEXT_MS,
    "the next gate after a decision in 100 ms (p95)": lambda r: r["inbox"]["decide_ms"]["p95"] < console_report.NEXT_MS,
    "the next gate on a phone in 100 ms (p95)": lambda r: r["inbox"]["phone_ms"]["p95"] < console_report.NEXT_MS,
    "decided elsewhere, grey in 2 s": lambda r: r["inbox"]["elsewhere_ms"]["max"] < console_report.ELSEWHERE_MS,
}


@pytest.mark.skipif(SMOKE, reason="a smoke run says nothing about speed")
@pytest.mark.parametrize("floor", FLOORS)
def test_floor(results: Json, floor: str) -> None:
    """What we promise holds on this machine. What could not be measured does not hold."""
    assert FLOORS[floor](results), (console_report.slow_lists(results), console_report.slow_paints(results))
