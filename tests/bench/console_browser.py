"""What a person waits for: the first paint of every page in a fresh browser, and the next gate of the inbox."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.bench.console_addresses import Address
from tests.bench.console_served import Served
from tests.bench.load import Samples
from tests.browser.conftest import PHONE, WIDE
from tests.browser.house import NS, House
from workflows.arbiter import deciding
from workflows.arbiter.model import Decide
from workflows.gates.model import Action
from workflows.store.repositories import gates

Json = Any
Cookie = dict[str, str]
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
LOADED = "() => performance.getEntriesByType('navigation')[0].loadEventEnd"
WATCH = """([where, what]) => {
  const before = document.querySelector(where)?.dataset.gate;
  window.shownAfter = new Promise((done) => {
    const look = () => {
      const now = document.querySelector(where);
      if (now && now.dataset.gate !== before) done(performance.now() - window.pressedAt);
      else requestAnimationFrame(look);
    };
    addEventListener(what, () => { window.pressedAt = performance.now(); }, { capture: true, once: true });
    requestAnimationFrame(look);
  });
}"""
IN_PANE, IN_PAGE = "[data-pane] article[data-gate]", "#main > [data-own] article[data-gate]"
PREFETCHED_MS = 250
"""A person looks at least so long at a gate; the keys are pressed with this pause."""


def _context(browser: Browser, url: str, cookie: Cookie | None, *, phone: bool = False) -> BrowserContext:
    context = browser.new_context(
        base_url=url,
        viewport=PHONE if phone else WIDE,  # type: ignore[arg-type]
        has_touch=phone,
        is_mobile=phone,
        reduced_motion="reduce",
    )
    context.set_default_timeout(20_000)
    if cookie is not None:
        context.add_cookies([cookie])  # type: ignore[list-item]
    return context


def paints(browser: Browser, url: str, asked: Sequence[Address], cookies: dict[str, Cookie], times: int) -> Json:
    """Milliseconds from the navigation to the first paint and to the end of loading, of every page with a frame."""
    return {address.name: _painted(browser, url, address, cookies, times) for address in asked}


def _painted(browser: Browser, url: str, address: Address, cookies: dict[str, Cookie], times: int) -> Json:
    painted, loaded = [], []
    for _ in range(times):
        context = _context(browser, url, cookies[address.who] if address.who else None)
        page = context.new_page()
        page.goto(address.path, wait_until="load")
        page.wait_for_function(PAINT)
        painted.append(page.evaluate(PAINT))
        loaded.append(page.evaluate(LOADED))
        context.close()
    return {"paint_ms": round(statistics.median(painted), 1), "load_ms": round(statistics.median(loaded), 1)}


def inbox(browser: Browser, served: Served, cookie: Cookie, times: int) -> Json:
    """From a key to the next gate's panel: going on with ``j``, deciding with ``a``; and what others decide."""
    context = _context(browser, served.url, cookie)
    page = context.new_page()
    page.goto("/inbox")
    page.wait_for_selector("[data-pane] article[data-gate]")
    page.wait_for_timeout(1000)
    found = {"next_ms": _pressed(page, "j", times).shown(), "decide_ms": _pressed(page, "a", times // 2).shown()}
    found["elsewhere_ms"] = _elsewhere(page, served, max(1, times // 10)).shown()
    context.close()
    return found


def _pressed(page: Page, key: str, times: int) -> Samples:
    took = Samples()
    for _ in range(times):
        page.evaluate(WATCH, [IN_PANE, "keydown"])
        page.keyboard.press(key)
        took.values.append(float(page.evaluate("() => window.shownAfter")))
        page.wait_for_timeout(PREFETCHED_MS)
    return took


def on_a_phone(browser: Browser, served: Served, cookie: Cookie, times: int) -> Json:
    """From the thumb on *Approve* to the next gate, each on its own page."""
    context = _context(browser, served.url, cookie, phone=True)
    page = context.new_page()
    page.goto("/inbox")
    page.locator("li.line:not([data-end]) a").first.tap()
    took = Samples()
    for _ in range(times):
        page.wait_for_selector("[data-own][data-ahead]")
        page.wait_for_timeout(PREFETCHED_MS)
        page.evaluate(WATCH, [IN_PAGE, "touchstart"])
        page.locator('form[data-act="approve"] button').tap()
        took.values.append(float(page.evaluate("() => window.shownAfter")))
    context.close()
    return took.shown()


def _elsewhere(page: Page, served: Served, times: int) -> Samples:
    """Somebody else decides on a gate of the list by API; until its line is grey."""
    took = Samples()
    for _ in range(times):
        line = page.locator("li.line:not([data-end]):not([data-sending]):not([aria-current])").last
        gate = str(line.get_attribute("data-gate"))
        began = time.perf_counter()
        _decide(served.house, gate)
        page.wait_for_selector(f"li.line[data-gate='{gate}'][data-end]", state="attached")
        took.values.append((time.perf_counter() - began) * 1000)
    return took


def _decide(house: House, gate: str) -> None:
    shown = house.db.read_sync(lambda tx: gates.revision(tx, NS, gate, 1))
    assert shown is not None
    request = Decide(
        namespace=NS,
        gate_id=gate,
        actor=house.actors["Ben"],
        action=Action.APPROVE,
        revision=1,
        action_digest=shown.action_digest,
    )
    house.db.write_sync(lambda tx: deciding.decide(tx, house.journal, request))
