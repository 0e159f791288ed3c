"""The design system as a page: nothing that pages are made of is missing from it, and each says when it is used."""

from __future__ import annotations

import re

import pytest
from jinja2 import nodes

from api.console.pages.design import COLOURS, CORNERS, ICONS, SECTIONS, SPACES
from api.console.rendering import TEMPLATES, environment
from tests.api.console.desk import Desk, a_desk  # noqa: F401  a fixture

STYLES = TEMPLATES.parent / "static" / "console.css"
UNSEEN = {"hidden"}
"""Macros of which nothing is to be seen: the field with the token of a form."""
COMPONENTS = {
    "Button": 'class="btn primary"', "Copy": "data-copy=", "Drop menu": 'class="drop-box', "State": "data-state=",
    "Tag": 'class="tag"', "Avatar": 'class="avatar"', "Icon": 'class="icon"', "Banner": 'class="banner',
    "Toast": 'class="toast ok"', "Dialog": "<dialog", "Empty": 'class="empty"', "Field": 'class="field wrong"',
    "Filter bar": 'class="filters"', "Chips": 'class="x-chips"', "Table": 'class="table"', "List": 'class="list"',
    "Facts": 'class="facts', "Code": 'class="code"', "Fold": 'class="fold"', "Honest text": "⟨U+202E⟩",
    "Inbox line": 'class="line"', "Bulk bar": 'class="bulk"', "Effect": 'class="effect', "Cited passage": "<mark>",
    "Before and after": 'class="was"', "Difference": 'class="d-table"', "Quote": 'class="quote"',
    "Graph": 'class="graph"', "Strip": 'class="strip"', "Timeline": 'class="gantt"', "Crumbs": 'class="crumbs"',
    "Tabs": 'class="tabs"', "Pager": 'class="pager"', "Key": "<kbd>",
}  # fmt: skip
"""Every component by its name on the page, and what its sample is known by."""
MARKS = ("Priority 5", "1 rule failed", "Revision 2", "For Ana", "Claimed by you", "Ben is looking", "You asked for it.",
         "You approved; others must agree")  # fmt: skip


@pytest.fixture
async def shown(desk: Desk) -> str:
    answer = await desk("viewer", "/design")
    assert answer.status_code == 200, answer.text
    return answer.text


def _samples(text: str) -> dict[str, str]:
    """Each sample's name and its part of the page."""
    pieces = re.split(r'<div class="sample stack-s" data-component="([^"]+)">', text)[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


def _called(template: str) -> set[str]:
    """The macros of ui.html that a template calls by ``ui.``."""
    loader = environment().loader
    assert loader is not None
    tree = environment().parse(loader.get_source(environment(), template)[0])
    return {
        call.node.attr
        for call in tree.find_all(nodes.Call)
        if isinstance(call.node, nodes.Getattr)
        and isinstance(call.node.node, nodes.Name)
        and call.node.node.name == "ui"
    }


def test_no_shared_macro_is_missing_from_the_page() -> None:
    """Whoever adds a component to ui.html shows it here, too."""
    source = (TEMPLATES / "ui.html").read_text()
    macros = {macro.name for macro in environment().parse(source).find_all(nodes.Macro)}
    assert macros - _called("design.html") == UNSEEN


async def test_every_component_is_shown_with_a_sentence_that_says_when_it_is_used(shown: str) -> None:
    samples = _samples(shown)
    assert list(samples) == list(dict.fromkeys(samples))
    assert set(samples) == set(COMPONENTS)
    for name, sign in COMPONENTS.items():
        assert sign in samples[name], name
        used = re.search(r'<p class="dim small">([^<]{30,})</p>', samples[name])
        assert used, name
        assert used[1].rstrip().endswith("."), name


async def test_an_inbox_line_shows_all_marks_that_it_can_have(shown: str) -> None:
    line = " ".join(_samples(shown)["Inbox line"].split())
    assert [mark for mark in MARKS if mark not in line] == []


async def test_the_contents_lead_to_every_part_of_the_page(shown: str) -> None:
    assert re.findall(r'<h2 id="d-(\w+)">', shown)[: len(SECTIONS)]
    for code, name in SECTIONS.items():
        assert f'href="#d-{code}">{name}</a>' in shown
        assert shown.count(f'id="d-{code}"') == 1


async def test_no_id_stands_twice(shown: str) -> None:
    ids = re.findall(r'\sid="([^"]+)"', shown)
    assert sorted(ids) == sorted(set(ids))


def test_what_is_drawn_of_colours_spaces_and_corners_is_what_the_style_sheet_has() -> None:
    tokens = dict(re.findall(r"--([a-z0-9-]+):\s*([^;}]+)", STYLES.read_text().partition("@media")[0]))
    both = re.compile(r"light-dark\(#[0-9a-f]{3,6}, #[0-9a-f]{3,6}\)")
    assert {name for name, value in tokens.items() if both.fullmatch(value)} == set(COLOURS)
    assert not {name for name, value in tokens.items() if value.startswith("#")}, "a colour of one mode only"
    rem = {
        name: round(float(value.removesuffix("rem")) * 16) for name, value in tokens.items() if value.endswith("rem")
    }
    assert {f"s{number}": pixels for number, pixels in SPACES} == {
        name: pixels for name, pixels in rem.items() if re.fullmatch(r"s\d", name)
    }
    assert {f"r{number}": f"{pixels}px" for number, pixels, _ in CORNERS} == {
        name: value for name, value in tokens.items() if re.fullmatch(r"r\d", name)
    }


def test_every_icon_there_is_is_shown() -> None:
    assert set(ICONS) == set(re.findall(r'name == "(\w+)"', (TEMPLATES / "icons.html").read_text()))
