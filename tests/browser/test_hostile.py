"""Text from outside stays text: no dialog, no script, no request to anywhere else, nothing that cannot be seen."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.bad_village import LINE, PACKED, VALUE, Bad, packs, settle_badly
from tests.browser.conftest import Visitors, fits
from tests.browser.house import House
from tests.browser.test_every_page import _paths, address, visitor
from workflows.gates.visible import hides, visible

ATTRIBUTES = ("title", "aria-label", "alt", "placeholder")
SHOWN = """(attributes) => {
  const texts = [document.title];
  const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest("textarea")) texts.push(walker.currentNode.data);
  for (const node of document.querySelectorAll("*"))
    for (const name of attributes) if (node.hasAttribute(name)) texts.push(node.getAttribute(name));
  return texts;
}"""
"""Everything that a page shows or has read out; in a textarea a person edits the very characters."""
QUERIES = (
    "/inbox?{all}",
    "/executions?{all}",
    "/flows?{all}",
    "/people?{all}",
    "/keys?{all}",
    "/journal?{all}",
    "/journal/erase?subject={q}",
    "/knowledge/notes?{all}",
    "/executions/{execution_id}/elements?{all}",
    "/executions/{execution_id}/timeline?{all}",
    "/executions/{execution_id}/journal?{all}",
    "/sign-in?{all}",
)
ASKED = ("q", "find", "who", "flow", "execution", "reference", "label", "key", "element", "part", "about", "next")
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
def bad(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bad]:
    folder = tmp_path_factory.mktemp("bad")
    path = folder / "bad.db"
    shutil.copy(_sqlite_template, path)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with House(f"sqlite:///{path}", folder / "home", f"127.0.0.1:{held.getsockname()[1]}") as house:
            yield settle_badly(house, folder / "chroma")
            house.run(house.app.state.knowledge.close())


@pytest.fixture
def stroll(browser: Browser, bad: Bad) -> Iterator[Visitors]:
    visitors = Visitors(browser, bad.house)
    yield visitors
    visitors.close()
    assert not visitors.wrong, visitors.wrong


def check(page: Page) -> str:
    """Nothing on the page came to life, and nothing on it is hidden. Returns its texts."""
    page.wait_for_load_state("load")
    assert page.evaluate(FOREIGN) == []
    texts = page.evaluate(SHOWN, ATTRIBUTES)
    assert [text[:200] for text in texts if hides(text)] == []
    assert page.title() != "owned"
    return " ".join(" ".join(texts).split())


def lacking(shown: str, texts: Iterable[str]) -> list[str]:
    """Which of these texts stand nowhere in what was shown."""
    return [text for text in texts if " ".join(visible(text).split()) not in shown]


@pytest.mark.parametrize(("name", "template"), _paths().items())
def test_no_text_comes_to_life_on_any_page(stroll: Visitors, bad: Bad, name: str, template: str) -> None:
    page = stroll(visitor(name), phone=True)
    answer = page.goto(address(name, template, bad.names))
    assert answer is not None
    assert answer.status == 200, answer.text()[:300]
    check(page)
    if page.locator("main#main").count():
        assert fits(page), "long words and odd scripts still fit a phone"


def test_every_string_is_shown_on_a_gate_and_none_comes_to_life(stroll: Visitors, bad: Bad) -> None:
    page = stroll("Ana")
    shown = ""
    for gate in bad.gates:
        page.goto(f"/gates/{gate}")
        shown += check(page)
    assert lacking(shown, packs(PACKED)) == []


@pytest.mark.parametrize("part", ["as-shown", "passages/0", "passages/1"])
def test_no_text_comes_to_life_beside_a_gate(stroll: Visitors, bad: Bad, part: str) -> None:
    """The document that is hashed, a cited passage in its context, and one that no knowledge base has."""
    page = stroll("Ana")
    for gate in bad.gates[::4]:
        page.goto(f"/gates/{gate}/{part}")
        check(page)


def test_every_string_is_shown_behind_a_link_from_a_letter(stroll: Visitors, bad: Bad) -> None:
    """To somebody who is not signed in."""
    page = stroll(None)
    shown = ""
    for token in bad.letters:
        page.goto(f"/mail/{token}")
        shown += check(page)
    assert lacking(shown, packs(PACKED)) == []


def test_every_string_is_shown_with_the_person_who_is_recognised_by_it(stroll: Visitors, bad: Bad) -> None:
    page = stroll("Root", f"/people/{bad.names['principal_id']}")
    assert lacking(check(page), packs(VALUE)) == []


def test_every_string_is_shown_among_what_an_execution_made(stroll: Visitors, bad: Bad) -> None:
    page = stroll("Root", f"/executions/{bad.names['execution_id']}")
    assert lacking(check(page), packs(VALUE)) == []


def test_every_string_is_shown_in_a_record(stroll: Visitors, bad: Bad) -> None:
    """As the words of a prompt; in the journal itself as the JSON that was recorded."""
    page = stroll("Root", address("", "/executions/{execution_id}/records/{event_id}", bad.names))
    assert lacking(check(page), packs(PACKED)) == []
    page.goto(f"/journal/records/{bad.names['event_id']}")
    assert lacking(check(page), [json.dumps(text, ensure_ascii=False) for text in packs(PACKED)]) == []


def test_every_string_is_shown_in_a_document_and_none_comes_to_life(stroll: Visitors, bad: Bad) -> None:
    page = stroll("Root", "/knowledge/notes")
    check(page)
    page.locator("main table a").first.click()
    shown = "".join(_to_the_end(page))
    assert lacking(shown, packs(VALUE)) == []


def test_hostile_questions_find_hostile_passages(stroll: Visitors, bad: Bad) -> None:
    page = stroll("Root", phone=True)
    for text in packs(VALUE)[::8]:
        page.goto(f"/knowledge/notes?q={quote(text)}")
        check(page)
        assert page.locator("ol.hits li").count(), "what was asked stands in a document"
        assert fits(page)


@pytest.mark.parametrize("template", QUERIES)
def test_what_an_address_asks_for_does_not_come_to_life(stroll: Visitors, bad: Bad, template: str) -> None:
    """Whether the page takes it as a filter, ignores it or refuses it."""
    page = stroll(None if "sign-in" in template else "Root")
    for text in packs(LINE)[::100]:
        everything = "&".join(f"{name}={quote(text, safe='')}" for name in ASKED)
        page.goto(template.format(all=everything, q=quote(text, safe=""), **bad.names))
        check(page)


@pytest.mark.parametrize("start", ["/inbox", "/executions", "/journal", "/people", "/keys"])
def test_long_lists_of_hostile_titles_are_read_to_the_end(stroll: Visitors, bad: Bad, start: str) -> None:
    page = stroll("Root", start)
    assert list(_to_the_end(page))


def _to_the_end(page: Page) -> Iterator[str]:
    """What this page and all pages after it show."""
    for _ in range(30):
        yield check(page)
        following = page.locator("a[rel=next]")
        if not following.count():
            return
        following.first.click()
