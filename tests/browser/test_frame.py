"""The frame of every page, seen in a browser: navigation, themes, errors, and the design system itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import WIDE, Visitors, fits
from tests.browser.house import NS, House
from workflows.usecases import brakes


@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_component_is_accessible_in_both_themes_and_widths(
    visit: Visitors, accessible: Callable[[Page], None], shot: Callable[..., Path], phone: bool, dark: bool
) -> None:
    page = visit("Root", "/design", phone=phone, dark=dark)
    expect(page.get_by_role("heading", name="Design system")).to_be_visible()
    expect(page.get_by_text("pay ⟨U+202E⟩001⟨U+202C⟩ EUR")).to_be_visible()
    assert fits(page)
    accessible(page)
    shot(page, f"design-{'phone' if phone else 'wide'}-{'dark' if dark else 'light'}", full=True)


def test_an_address_that_is_none_is_a_page_with_a_way_back(visit: Visitors) -> None:
    page = visit("Ana", "/no/such/page")
    expect(page.get_by_text("404")).to_be_visible()
    page.get_by_role("link", name="Home", exact=True).click()
    assert page.url.endswith("/inbox")


def test_without_a_session_one_is_asked_to_sign_in_and_comes_back(visit: Visitors, house: House) -> None:
    page = visit(None, "/design?x=1")
    assert page.url == f"{house.url}/sign-in?next=/design%3Fx%3D1"


def test_a_theme_can_be_chosen_and_stays(visit: Visitors) -> None:
    page = visit("Ana", "/design")
    page.locator("details.whoami summary").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_choosing_a_theme_leads_back_to_the_very_address(visit: Visitors, house: House) -> None:
    page = visit("Ana", "/inbox?all=1&q=A%2610")
    page.locator("details.whoami summary").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.url == f"{house.url}/inbox?all=1&q=A%2610"


def test_a_time_is_told_as_it_is_where_its_reader_is(visit: Visitors, house: House) -> None:
    """As everywhere in universal time on the page; when the pointer comes to it, in the browser's own."""
    house.batch(1)
    page = visit("Ana", "/executions")
    time = page.locator("time").first
    expect(time).to_have_attribute("title", re.compile("UTC$"))
    time.hover()
    expect(time).to_have_attribute("title", re.compile(r"^\d\d/\d\d/\d{4}, \d\d:\d\d:\d\d$"))


@pytest.mark.parametrize("path", ["/inbox", "/flows", "/account"])
def test_a_brake_is_told_on_every_open_page(
    visit: Visitors, house: House, accessible: Callable[[Page], None], shot: Callable[..., Path], path: str
) -> None:
    """It comes and goes without the page being loaded again, and what the reason holds is text."""
    house.batch(14)
    page = visit("Ana", path, dark=path == "/flows", phone=path == "/account")
    told = page.locator("main [data-pauses] .banner")
    expect(told).to_have_count(0)
    root = house.actors["Root"]
    house.run(brakes.stop(house.services, NS, root, extent="namespace", flow_id=None, reason="<b>Wrong</b> prices"))
    expect(told).to_contain_text("Effects in default are paused by Root", timeout=10_000)
    expect(told).to_contain_text("<b>Wrong</b> prices")
    assert fits(page)
    accessible(page)
    shot(page, f"brake-on-{path.strip('/')}")
    if path == "/inbox":
        bar = page.locator("[data-pane] .gate-bar").bounding_box()
        assert bar is not None
        assert bar["y"] + bar["height"] <= WIDE["height"], "the buttons stay in the window"
    house.run(brakes.release(house.services, NS, root, extent="namespace"))
    expect(told).to_have_count(0, timeout=10_000)


def test_a_brake_is_asked_for_again_when_the_server_does_not_answer(visit: Visitors, house: House) -> None:
    page = visit("Ana", "/flows")
    failed: list[str] = []

    def fail_once(route: Route) -> None:
        if failed:
            route.continue_()
        else:
            failed.append(route.request.url)
            route.fulfill(status=503, body="")

    page.route("**/brakes/now**", fail_once)
    house.run(brakes.stop(house.services, NS, house.actors["Root"], extent="namespace", flow_id=None, reason="Prices"))
    expect(page.locator("[data-pauses] .banner")).to_contain_text("Prices", timeout=15_000)
    assert len(failed) == 1


def test_what_only_scripts_can_do_is_offered_only_with_scripts(visit: Visitors) -> None:
    for js in (True, False):
        page = visit("Ana", "/design", js=js)
        expect(page.locator("[data-copy]").first).to_be_visible(visible=js)
        expect(page.locator(".btn kbd").first).to_be_visible(visible=js)


def test_the_navigation_offers_what_one_may_open(visit: Visitors) -> None:
    names = visit("Vic", "/design").get_by_role("navigation", name="Sections").get_by_role("link")
    expect(names.filter(has_text="Inbox")).to_have_count(1)
    expect(names.filter(has_text="Keys")).to_have_count(0)
