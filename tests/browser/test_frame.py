"""The frame of every page, seen in a browser: navigation, themes, errors, and the design system itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitors, fits
from tests.browser.house import House


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


def test_the_navigation_offers_what_one_may_open(visit: Visitors) -> None:
    names = visit("Vic", "/design").get_by_role("navigation", name="Sections").get_by_role("link")
    expect(names.filter(has_text="Inbox")).to_have_count(1)
    expect(names.filter(has_text="Keys")).to_have_count(0)
