"""Text from outside stays text: no dialog, no script, no request to anywhere else, nothing that cannot be seen."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.bad_village import settle_badly
from tests.browser.conftest import Visitors, fits
from tests.browser.house import House
from tests.browser.test_every_page import _paths, address, visitor

UNSEEN = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u2060\ufeff\u2028"
FOREIGN = """() => {
  const main = document.querySelector("main") ?? document.body;
  const bad = [...main.querySelectorAll("script, iframe, object, embed, base, meta, link, style, template, marquee, math, video, audio, frame")];
  for (const node of main.querySelectorAll("*")) {
    if ([...node.attributes].some((a) => a.name.startsWith("on") || /^\\s*javascript:/i.test(a.value) && ["href", "src", "action", "formaction"].includes(a.name))) bad.push(node);
    if (node.matches("img") && !node.src.startsWith(location.origin + "/static/")) bad.push(node);
    const to = node.matches("a[href]") ? node.href.baseVal ?? node.href : "";
    if (new URL(to, location).origin !== location.origin) bad.push(node);
  }
  return bad.map((node) => node.outerHTML.slice(0, 200));
}"""


@pytest.fixture(scope="module")
def bad(
    _sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[House, dict[str, str], list[str]]]:
    folder = tmp_path_factory.mktemp("bad")
    path = folder / "bad.db"
    shutil.copy(_sqlite_template, path)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with House(f"sqlite:///{path}", folder / "home", f"127.0.0.1:{held.getsockname()[1]}") as house:
            yield (house, *settle_badly(house))


@pytest.fixture
def stroll(browser: Browser, bad: tuple[House, dict[str, str], list[str]]) -> Iterator[Visitors]:
    visitors = Visitors(browser, bad[0])
    yield visitors
    visitors.close()
    assert not visitors.wrong, visitors.wrong


def check(page: Page) -> None:
    """Nothing on the page came to life, and nothing on it is hidden."""
    page.wait_for_load_state("load")
    assert page.evaluate(FOREIGN) == []
    text = page.evaluate("document.documentElement.textContent")
    assert not set(UNSEEN) & set(text)
    assert page.title() != "owned"


@pytest.mark.parametrize(("name", "template"), _paths().items())
def test_no_text_comes_to_life_on_any_page(
    stroll: Visitors, bad: tuple[House, dict[str, str], list[str]], name: str, template: str
) -> None:
    page = stroll(visitor(name), phone=True)
    answer = page.goto(address(name, template, bad[1]))
    assert answer is not None
    assert answer.status == 200, answer.text()[:300]
    check(page)
    if page.locator("main#main").count():
        assert fits(page), "long words and odd scripts still fit a phone"


def test_every_string_is_shown_on_a_gate_and_none_comes_to_life(
    stroll: Visitors, bad: tuple[House, dict[str, str], list[str]]
) -> None:
    page = stroll("Ana")
    for gate in bad[2]:
        page.goto(f"/gates/{gate}")
        check(page)
        assert page.locator("text=/\\S/").first.is_visible()


def test_long_lists_of_hostile_titles_are_read_to_the_end(
    stroll: Visitors, bad: tuple[House, dict[str, str], list[str]]
) -> None:
    page = stroll("Root")
    for start in ("/inbox", "/executions", "/journal", "/people"):
        page.goto(start)
        for _ in range(30):
            check(page)
            following = page.locator("a[rel=next]")
            if not following.count():
                break
            following.first.click()
