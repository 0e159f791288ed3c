"""The design system in a browser: what can be tried out there works by keyboard, and nothing needs a script."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitors, fits

BOX = "e => { const b = e.getBoundingClientRect(); return b.left >= 0 && b.right <= innerWidth && b.top >= 0 }"


def test_a_dialog_opens_over_the_page_and_gives_the_focus_back(visit: Visitors) -> None:
    page = visit("Vic", "/design")
    dialog, button = page.get_by_role("dialog"), page.get_by_role("button", name="Open it over the page")
    assert not dialog.evaluate("e => e.matches(':modal')")
    button.focus()
    page.keyboard.press("Enter")
    assert dialog.evaluate("e => e.matches(':modal')")
    middle = dialog.evaluate(
        "e => { const b = e.getBoundingClientRect(); return (b.top + b.bottom) / 2 / innerHeight }"
    )
    assert middle == pytest.approx(0.5, abs=0.05)
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    expect(dialog).to_be_visible()
    page.wait_for_function("!document.querySelector('dialog').matches(':modal')")


def test_a_toast_says_what_was_done_and_takes_it_back(visit: Visitors) -> None:
    page = visit("Vic", "/design")
    page.get_by_role("button", name="Show one in its corner").click()
    corner = page.locator("#toasts")
    corner.get_by_role("button", name="Undo").click()
    expect(corner).to_have_text("Taken back.")


@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
def test_what_opens_does_so_by_keyboard_within_the_window(visit: Visitors, phone: bool) -> None:
    page = visit("Vic", "/design", phone=phone)
    summary = page.locator("details.drop > summary")
    summary.focus()
    page.keyboard.press("Enter")
    box = page.locator(".drop-box")
    expect(box).to_be_visible()
    box.scroll_into_view_if_needed()
    assert box.evaluate(BOX)
    fold = page.locator("[data-component=Fold] details.fold > summary")
    fold.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Letter, whole")).to_be_visible()
    assert fits(page)


def test_without_scripts_all_samples_are_there_and_nothing_is_offered_that_would_need_one(visit: Visitors) -> None:
    page = visit("Vic", "/design", js=False)
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_text("Ben decided on this gate before you.")).to_be_visible()
    expect(page.locator("[data-try]:visible")).to_have_count(0)
    page.get_by_label("On this page").get_by_role("link", name="Motion").click()
    assert page.url.endswith("/design#d-motion")


def test_the_page_says_whether_less_motion_is_asked_for(visit: Visitors) -> None:
    page = visit("Vic", "/design")
    said = "getComputedStyle(document.querySelector('.motion-now'), '::after').content"
    running = "getComputedStyle(document.querySelector('[data-state=running]'), '::before').animationName"
    page.emulate_media(reduced_motion="no-preference")
    assert (page.evaluate(running), "does not" in page.evaluate(said)) == ("pulse", True)
    page.emulate_media(reduced_motion="reduce")
    assert (page.evaluate(running), "now" in page.evaluate(said)) == ("none", True)
