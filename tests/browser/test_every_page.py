"""What holds for every page there is: it can be read by everybody, fits a phone, is light, and needs no script.

The pages are taken from the application's own routes, so a page that is added is covered, or this fails.
"""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from posixpath import dirname, join, normpath

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from api.console import assets
from api.console.mount import ROUTERS
from api.policies import POLICIES
from tests.browser.conftest import Visitors, fits
from tests.browser.house import House
from tests.browser.village import settle
from tests.support.scripts import imports

BUDGET = 60_000
"""Bytes of all scripts and styles of a page, with what it may load only later."""
NOT_PAGES = {
    "static_file": "a file",
    "as_seen_file": "a file",
    "live_events": "a stream",
    "home_page": "leads to the inbox",
    "start_oidc": "leads to the provider",
    "finish_oidc": "comes from the provider",
    "new_key_page": "is shown once, to whoever has just made a key",
    "collection_page": "needs a knowledge base: see test_operator_pages",
    "document_page": "needs a knowledge base: see test_operator_pages",
}
"""GET routes that are no page of their own. What a script fetches into a page is recognised by having no heading."""


def _paths() -> dict[str, str]:
    return {
        route.name: route.path  # type: ignore[attr-defined]
        for router in ROUTERS
        for route in router.routes
        if "GET" in route.methods and route.name not in NOT_PAGES  # type: ignore[attr-defined]
    }


@pytest.fixture(scope="module")
def village(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("village")
    path = folder / "village.db"
    shutil.copy(_sqlite_template, path)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with House(f"sqlite:///{path}", folder / "home", f"127.0.0.1:{held.getsockname()[1]}") as house:
            yield house, settle(house)


@pytest.fixture
def stroll(browser: Browser, village: tuple[House, dict[str, str]]) -> Iterator[Visitors]:
    visitors = Visitors(browser, village[0])
    yield visitors
    visitors.close()
    assert not visitors.wrong, visitors.wrong


def address(name: str, template: str, names: dict[str, str]) -> str:
    """The route's address with this house's ids (``route.id`` before ``id``). Fails for one that the village lacks."""

    def given(match: re.Match[str]) -> str:
        return names.get(f"{name}.{match.group(1)}") or names[match.group(1)]

    return re.sub(r"\{(\w+)(?::path)?\}", given, template)


def visitor(name: str) -> str | None:
    """Pages for everybody are looked at without a session."""
    return None if POLICIES[name].public else "Root"


def _reached(names: Iterable[str]) -> dict[str, int]:
    """The bytes of these modules and of all that they import, at once or later, by name."""
    sizes: dict[str, int] = {}
    ahead = list(names)
    while ahead:
        name = ahead.pop()
        if name not in sizes:
            sizes[name], further = _module(name)
            ahead += further
    return sizes


@cache
def _module(name: str) -> tuple[int, list[str]]:
    """A module's bytes as it is served, and the names of those that it imports."""
    served = assets._files()[name]
    return len(served), [normpath(join(dirname(name), found)) for found in imports(served)]


def _is_page(page: Page) -> bool:
    return page.locator("main#main").count() > 0


@pytest.mark.parametrize("look", ["wide-light", "phone-dark"])
@pytest.mark.parametrize(("name", "template"), _paths().items())
def test_a_page_is_accessible_fits_and_is_light(
    stroll: Visitors,
    village: tuple[House, dict[str, str]],
    accessible: Callable[[Page], None],
    shot: Callable[..., Path],
    name: str,
    template: str,
    look: str,
) -> None:
    page = stroll(visitor(name), phone="phone" in look, dark="dark" in look)
    weights: dict[str, int] = {}

    def weigh(response: Response) -> None:
        if response.request.resource_type in ("script", "stylesheet"):
            weights[response.url.split("/", 5)[5]] = len(response.body())  # http://house/static/digest/name

    page.on("response", weigh)
    answer = page.goto(address(name, template, village[1]))
    assert answer is not None
    assert answer.status == 200, answer.text()[:500]
    if not _is_page(page):
        assert not name.endswith("_page"), "a page has the frame around it"
        return
    expect(page.locator("h1")).to_have_count(1)
    page.wait_for_load_state("load")
    accessible(page)
    assert fits(page)
    weights |= _reached(name for name in weights if name.endswith(".js"))
    assert sum(weights.values()) < BUDGET, weights
    shot(page, f"{name}-{look}")


@pytest.mark.parametrize(("name", "template"), [pair for pair in _paths().items() if pair[0].endswith("_page")])
def test_a_page_says_the_same_without_scripts(
    stroll: Visitors, village: tuple[House, dict[str, str]], name: str, template: str
) -> None:
    page = stroll(visitor(name), address(name, template, village[1]), js=False)
    expect(page.locator("main#main h1")).to_have_count(1)
    text = page.locator("main#main").inner_text()
    assert len(text) > 40, f"{name} is empty without scripts"
