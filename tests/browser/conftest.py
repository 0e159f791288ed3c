"""A real Chromium over a real console. A page that logs an error, opens a dialog or leaves the origin fails its test."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.house import House

CHROMIUM = os.environ.get("VISTO_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""
SCREENS = os.environ.get("VISTO_SCREENS")
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 375, "height": 740}
SERIOUS = ("serious", "critical")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: once Playwright runs in a process, no other event loop can."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests of a process; each test gets contexts of its own."""
    assert CHROMIUM, "No Chromium was found: install Debian's package chromium, or name one in VISTO_CHROMIUM."
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.fixture
def house(_sqlite_template: Path, tmp_path: Path) -> Iterator[House]:
    """A console on a store of its own, with people and a flow, and nothing that waits yet."""
    path = tmp_path / "house.db"
    shutil.copy(_sqlite_template, path)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{held.getsockname()[1]}"
        with House(f"sqlite:///{path}", tmp_path / "home", nobody) as made:
            yield made


class Visitors:
    """Opens the console as somebody and watches what their browser does."""

    def __init__(self, browser: Browser, house: House) -> None:
        self._browser, self._house = browser, house
        self._contexts: list[BrowserContext] = []
        self.wrong: list[str] = []

    def __call__(
        self,
        who: str | None = "Ana",
        path: str | None = None,
        *,
        phone: bool = False,
        dark: bool = False,
        js: bool = True,
        still: bool = True,
    ) -> Page:
        """A page of a fresh browser in which ``who`` is signed in, at ``path`` if given."""
        context = self._browser.new_context(
            base_url=self._house.url,
            viewport=PHONE if phone else WIDE,  # type: ignore[arg-type]
            has_touch=phone,
            is_mobile=phone,
            color_scheme="dark" if dark else "light",
            java_script_enabled=js,
            reduced_motion="reduce" if still else "no-preference",
            locale="en-GB",
            timezone_id="UTC",
        )
        context.set_default_timeout(10_000)
        self._contexts.append(context)
        if who is not None:
            context.add_cookies([self._house.cookie(who)])  # type: ignore[list-item]
        page = context.new_page()
        self._watch(page)
        if path is not None:
            page.goto(path)
        return page

    def _watch(self, page: Page) -> None:
        origin = urlsplit(self._house.url).netloc
        page.on("pageerror", lambda error: self.wrong.append(f"script error: {error}"))
        page.on("dialog", lambda dialog: (self.wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("console", lambda said: self.wrong.append(f"console: {said.text}") if _is_wrong(said) else None)
        page.on(
            "request",
            lambda asked: (
                self.wrong.append(f"left the origin: {asked.url}")
                if urlsplit(asked.url).netloc not in (origin, "") and not asked.url.startswith(("data:", "blob:"))
                else None
            ),
        )

    def close(self) -> None:
        for context in self._contexts:
            context.close()


def _is_wrong(said: Any) -> bool:
    # a refused action is answered with 4xx, which Chromium logs by itself
    return said.type == "error" and not said.text.startswith("Failed to load resource")


@pytest.fixture
def visit(browser: Browser, house: House) -> Iterator[Visitors]:
    """``page = visit("Ana", "/inbox", phone=True)``."""
    visitors = Visitors(browser, house)
    yield visitors
    visitors.close()
    assert not visitors.wrong, visitors.wrong


@pytest.fixture
def accessible() -> Callable[[Page], None]:
    """Fails for a serious or critical violation that axe finds on the page."""

    def check(page: Page) -> None:
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        bad = [
            f"{one['id']} ({one['impact']}): {one['help']}: "
            + "; ".join(node["html"][:160] for node in one["nodes"][:3])
            for one in found
            if one["impact"] in SERIOUS
        ]
        assert not bad, bad

    return check


@pytest.fixture
def shot(tmp_path: Path) -> Callable[..., Path]:
    """``shot(page, "inbox-full")`` keeps a picture; the folder is VISTO_SCREENS, else the test's own."""

    def take(page: Page, name: str, *, full: bool = False) -> Path:
        folder = Path(SCREENS) if SCREENS else tmp_path
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{name}.png"
        page.screenshot(path=target, full_page=full)
        return target

    return take


def fits(page: Page) -> bool:
    """Whether the page needs no sideways scrolling."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth + 1"))
