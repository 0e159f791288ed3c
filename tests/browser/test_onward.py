"""Going through a list gate by gate, each on its own page: the next one is there at once, and nothing is decided unseen."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visitors
from tests.browser.house import House
from tests.browser.test_gate import ELSEWHERE_MS, kinds
from tests.browser.test_inbox import line, shown
from tests.browser.test_inbox_deciding import outcomes

NEXT = re.compile("part=gate")


def begin(visit: Visitors, gate: str, *, phone: bool = True, blind: bool = False) -> Page:
    """The page of a gate out of the inbox, with the next one fetched. ``window.same`` is gone when the page is left."""
    page = visit("Ana", phone=phone)
    if blind:
        page.route(re.compile(r"/live\?"), lambda route: route.abort())
    page.goto(f"/gates/{gate}?queue=")
    ahead(page)
    page.evaluate("window.same = true")
    return page


def ahead(page: Page) -> None:
    """Wait until the next gate is here too."""
    expect(page.locator("[data-own][data-ahead]")).to_have_count(1)


def here(page: Page, gate: str) -> None:
    """The gate is shown, and the page was never left."""
    expect(page.locator(f'article[data-gate="{gate}"]')).to_be_visible()
    expect(page).to_have_url(re.compile(f"/gates/{gate}[?]queue=$"))
    assert page.evaluate("window.same") is True


def approve(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Approve")).tap()


def hold_decisions(page: Page) -> list[Route]:
    """Decisions that are sent from now on, which go on when they are told to."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/decide", hold)
    return held


def test_a_thumb_goes_from_gate_to_gate_without_a_page_in_between(house: House, visit: Visitors) -> None:
    """Approve, reject and ask for changes; what is left at the end is the list."""
    gates = house.batch(4)
    page = begin(visit, gates[0].gate_id)
    approve(page)
    here(page, gates[1].gate_id)
    expect(page).to_have_title(re.compile("A-1002"))
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page.locator("#toasts")).to_contain_text("Approved.")
    ahead(page)
    page.locator("summary", has_text="Reject").tap()
    page.get_by_role("button", name="Wrong data").tap()
    here(page, gates[2].gate_id)
    ahead(page)
    page.locator("summary", has_text="Changes").tap()
    page.get_by_label("What should be different?").fill("Look at the address.")
    page.get_by_role("button", name="Request changes").last.tap()
    here(page, gates[3].gate_id)
    approve(page)
    page.wait_for_url(re.compile("/inbox$"))
    expect(page.get_by_text("Approved.")).to_be_visible()
    assert outcomes(house, gates) == ["approved", "rejected", "changes_requested", "approved"]


def test_the_next_gate_is_there_while_the_decision_is_on_its_way(house: House, visit: Visitors) -> None:
    gates = house.batch(3)
    page = begin(visit, gates[0].gate_id)
    held = hold_decisions(page)
    approve(page)
    here(page, gates[1].gate_id)
    assert outcomes(house, gates) == []
    held[0].continue_()
    ahead(page)
    assert outcomes(house, gates) == ["approved"]


def test_what_is_told_never_lies_on_the_buttons(house: House, visit: Visitors, shot: Callable[..., Path]) -> None:
    """Nor on the reasons that one of them opens: a thumb need not wait until a message goes."""
    gates = house.batch(4)
    for phone in (True, False):
        page = begin(visit, gates[0 if phone else 1].gate_id, phone=phone)
        page.keyboard.press("a")
        expect(page.locator("#toasts .toast")).to_be_visible()
        expect(page.locator("article[data-settling]")).to_have_count(0)
        shot(page, f"onward-toast-{'phone' if phone else 'wide'}")
        buttons = page.locator(".gate-bar").locator("form[data-act=approve] button, a, summary").all()
        page.locator("summary", has_text="Reject").click()
        shot(page, f"onward-reasons-{'phone' if phone else 'wide'}")
        opened = page.locator('details[data-drop="reject"]').get_by_role("button").all()
        assert len(buttons) == 4
        assert opened
        for one in (*buttons, *opened):
            one.click(trial=True, timeout=1000)


def test_fetching_ahead_is_not_seeing(house: House, visit: Visitors) -> None:
    gates = house.batch(3)
    page = begin(visit, gates[0].gate_id)
    with page.expect_response(re.compile(f"{gates[1].gate_id}/seen$")):
        approve(page)
    ahead(page)
    assert ["approval.viewed" in kinds(house, gate) for gate in gates] == [True, True, False]


def test_a_double_tap_decides_one(house: House, visit: Visitors) -> None:
    """The second half falls on the gate that has just come, whose button stands at the same place."""
    gates = house.batch(3)
    page = begin(visit, gates[0].gate_id)
    box = page.get_by_role("button", name=re.compile("^Approve")).bounding_box()
    assert box is not None
    at = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.touchscreen.tap(*at)
    page.touchscreen.tap(*at)
    here(page, gates[1].gate_id)
    ahead(page)
    expect(page.locator("article[data-settling]")).to_have_count(0)
    assert outcomes(house, gates) == ["approved"]


def test_a_double_click_beside_the_list_decides_one(house: House, visit: Visitors) -> None:
    gates = house.batch(3)
    page = visit("Ana")
    with page.expect_response(re.compile(f"/gates/{gates[2].gate_id}.part=panel")):
        page.goto("/inbox")
    shown(page, gates[0].gate_id)
    page.locator('[data-pane] form[data-act="approve"] button').dblclick()
    shown(page, gates[1].gate_id)
    expect(line(page, gates[0].gate_id)).to_contain_text("Approved by you")
    expect(page.locator("article[data-settling]")).to_have_count(0)
    assert outcomes(house, gates) == ["approved"]


def test_what_is_refused_comes_back(house: House, visit: Visitors) -> None:
    """Its content changed a moment ago: nothing is decided, the gate is there again and says so."""
    execution = house.execute(state="waiting")
    gates = house.batch(3, execution=execution)
    page = begin(visit, gates[0].gate_id, blind=True)
    house.gate(execution, key="0", risk="high", reason="Another look was taken.")
    approve(page)
    expect(page.locator("#toasts .bad")).to_be_visible()
    here(page, gates[0].gate_id)
    expect(page.get_by_role("button", name=re.compile("^Approve"))).to_be_disabled()
    assert outcomes(house, gates) == []
    page.get_by_role("button", name="Show it").tap()
    approve(page)
    expect(page.locator(f'article[data-gate="{gates[1].gate_id}"]')).to_be_visible()
    ahead(page)
    assert outcomes(house, gates) == ["approved"]


def test_a_decision_is_taken_back_by_toast_and_by_key(house: House, visit: Visitors) -> None:
    """The gate opens again on its page, within the same list."""
    gates = house.batch(3)
    page = begin(visit, gates[0].gate_id, phone=False)
    for way in ("toast", "key"):
        ahead(page)
        page.keyboard.press("a")
        expect(page.locator(f'article[data-gate="{gates[1].gate_id}"]')).to_be_visible()
        if way == "toast":
            page.locator("#toasts").get_by_role("button", name="Undo").click()
        else:
            page.keyboard.press("z")
        expect(page.get_by_text("Undone; it is open again.")).to_be_visible()
        expect(page).to_have_url(re.compile(f"/gates/{gates[0].gate_id}[?]queue=$"))
    assert outcomes(house, gates) == []


def test_z_waits_for_a_decision_that_is_on_its_way(house: House, visit: Visitors) -> None:
    gates = house.batch(3)
    page = begin(visit, gates[0].gate_id, phone=False)
    held = hold_decisions(page)
    page.keyboard.press("a")
    here(page, gates[1].gate_id)
    page.keyboard.press("z")
    held[0].continue_()
    expect(page.get_by_text("Undone; it is open again.")).to_be_visible()
    assert outcomes(house, gates) == []


def test_what_others_decide_meanwhile_is_passed_over(house: House, visit: Visitors) -> None:
    """The gate that was fetched is decided by somebody else: the one behind it is fetched, and shown."""
    gates = house.batch(3)
    page = begin(visit, gates[0].gate_id)
    with page.expect_response(NEXT, timeout=ELSEWHERE_MS):
        house.decide(gates[1], "Ben")
    ahead(page)
    approve(page)
    here(page, gates[2].gate_id)


def test_an_edit_goes_on_when_it_was_taken(house: House, visit: Visitors) -> None:
    gates = house.batch(3)
    page = begin(visit, gates[0].gate_id)
    page.get_by_role("link", name="Edit").tap()
    page.get_by_label("risk").select_option("high")
    page.get_by_role("button", name="Look at what it will do").tap()
    page.get_by_role("button", name="Confirm and approve").tap()
    here(page, gates[1].gate_id)
    expect(page.locator("#toasts")).to_contain_text("Approved with your changes.")
    assert outcomes(house, gates) == ["edited"]


def test_a_next_gate_that_does_not_come_in_time_is_a_page_as_without_scripts(house: House, visit: Visitors) -> None:
    gates = house.batch(2)
    page = visit("Ana", phone=True)
    page.route(NEXT, lambda route: route.abort())
    page.goto(f"/gates/{gates[0].gate_id}?queue=")
    approve(page)
    page.wait_for_url(re.compile(f"/gates/{gates[1].gate_id}[?]queue=$"))
    expect(page.get_by_text("Approved.")).to_be_visible()


def test_two_presses_of_one_key_decide_one(house: House, visit: Visitors) -> None:
    """The second comes before anybody can have read what the first brought."""
    gates = house.batch(3)
    page = begin(visit, gates[0].gate_id, phone=False)
    page.keyboard.press("a")
    page.keyboard.press("a")
    here(page, gates[1].gate_id)
    ahead(page)
    expect(page.locator("article[data-settling]")).to_have_count(0)
    assert outcomes(house, gates) == ["approved"]


def test_a_decision_made_while_another_is_on_its_way_comes_after_it(house: House, visit: Visitors) -> None:
    """It waits, says so, is sent once however often it is pressed, and goes on without leaving the page."""
    gates = house.batch(4)
    page = begin(visit, gates[0].gate_id)
    held = hold_decisions(page)
    approve(page)
    here(page, gates[1].gate_id)
    approve(page)
    button = page.get_by_role("button", name=re.compile("^Approve"))
    expect(button).to_have_attribute("aria-busy", "true")
    button.tap()
    assert len(held) == 1
    with page.expect_request("**/decide"):
        held[0].continue_()
    here(page, gates[2].gate_id)
    assert len(held) == 2
    held[1].continue_()
    ahead(page)
    assert outcomes(house, gates) == ["approved", "approved"]


def test_a_refusal_takes_what_waits_behind_it_along(house: House, visit: Visitors) -> None:
    """Whoever decided on the next gate meanwhile meets the first one again, and nothing was decided."""
    execution = house.execute(state="waiting")
    gates = house.batch(3, execution=execution)
    page = begin(visit, gates[0].gate_id, blind=True)
    held = hold_decisions(page)
    house.gate(execution, key="0", risk="high", reason="Another look was taken.")
    approve(page)
    here(page, gates[1].gate_id)
    approve(page)
    held[0].continue_()
    here(page, gates[0].gate_id)
    ahead(page)
    assert outcomes(house, gates) == []


def test_a_refusal_does_not_take_away_what_is_being_written(
    house: House, visit: Visitors, shot: Callable[..., Path]
) -> None:
    """It is told on the gate that one writes on, with a way back to the other; what was pressed there waits no longer."""
    execution = house.execute(state="waiting")
    gates = house.batch(3, execution=execution)
    page = begin(visit, gates[0].gate_id, blind=True)
    held = hold_decisions(page)
    house.gate(execution, key="0", risk="high", reason="Another look was taken.")
    approve(page)
    here(page, gates[1].gate_id)
    page.get_by_label("Your comment").fill("half a thought")
    approve(page)
    held[0].continue_()
    news = page.locator("[data-news]")
    expect(news).to_contain_text("A-1001")
    expect(page.get_by_label("Your comment")).to_have_value("half a thought")
    shot(page, "onward-refused-while-writing")
    expect(page.locator("#toasts .bad")).to_be_visible()
    here(page, gates[1].gate_id)
    assert len(held) == 1
    news.get_by_role("link", name="Go back to it").tap()
    page.wait_for_url(re.compile(f"/gates/{gates[0].gate_id}[?]queue=$"))
    assert outcomes(house, gates) == []


def test_whoever_is_signed_out_meanwhile_comes_back_to_what_they_had_not_decided(house: House, visit: Visitors) -> None:
    gates = house.batch(3)
    page = begin(visit, gates[0].gate_id)
    page.context.clear_cookies()
    approve(page)
    page.wait_for_url(re.compile(f"/sign-in[?]next=.*{gates[0].gate_id}"))
    assert outcomes(house, gates) == []


def test_a_no_without_a_reason_stays_where_it_is(house: House, visit: Visitors) -> None:
    gates = house.batch(2)
    page = begin(visit, gates[0].gate_id)
    page.locator("summary", has_text="Reject").tap()
    page.get_by_role("button", name="Reject with these words").tap()
    expect(page.locator("#toasts")).to_contain_text("Choose a reason, or say in your words why not.")
    here(page, gates[0].gate_id)
    expect(page.get_by_label("In your words")).to_be_focused()
    assert outcomes(house, gates) == []


def test_an_edit_that_is_refused_for_its_fields_says_which(house: House, visit: Visitors) -> None:
    """As without scripts: the form comes back with the word at the field."""
    gates = house.batch(3)
    page = begin(visit, gates[0].gate_id)
    page.get_by_role("link", name="Edit").tap()
    page.get_by_label("risk").select_option("high")
    page.get_by_role("button", name="Look at what it will do").tap()
    page.locator("[data-look] textarea[name=field-risk]").evaluate("(field) => { field.value = 'purple'; }")
    page.get_by_role("button", name="Confirm and approve").tap()
    expect(page.locator(".field.wrong")).to_contain_text("risk")
    expect(page).to_have_url(re.compile(f"/gates/{gates[0].gate_id}"))
    assert outcomes(house, gates) == []


def test_one_can_skip_by_thumb_by_key_and_without_scripts(house: House, visit: Visitors) -> None:
    """On to the next gate with nothing decided; what is typed is not thrown away."""
    gates = house.batch(4)
    page = begin(visit, gates[0].gate_id)
    page.get_by_role("link", name="Skip", exact=True).tap()
    here(page, gates[1].gate_id)
    ahead(page)
    page.keyboard.press("j")
    here(page, gates[2].gate_id)
    page.get_by_label("Your comment").fill("half a thought")
    page.get_by_role("link", name="Skip", exact=True).tap()
    expect(page.locator("#toasts")).to_contain_text("Something is typed here and not sent")
    here(page, gates[2].gate_id)
    bare = visit("Ana", f"/gates/{gates[0].gate_id}?queue=", js=False)
    bare.get_by_role("link", name="Skip", exact=True).click()
    bare.wait_for_url(re.compile(f"/gates/{gates[1].gate_id}[?]queue=$"))
    assert outcomes(house, gates) == []


def test_failed_rules_are_seen_where_a_yes_is_given(house: House, visit: Visitors, shot: Callable[..., Path]) -> None:
    """Beside the title and on the button itself, on a phone and beside the list as in a wide window."""
    execution = house.execute(state="waiting")
    gate = house.gate(execution, key="0", citations=())
    for where, phone in ((f"/gates/{gate.gate_id}", False), (f"/gates/{gate.gate_id}", True), ("/inbox", False)):
        page = visit("Ana", where, phone=phone)
        expect(page.locator(".gate-facts")).to_contain_text("1 failed rule")
        expect(page.get_by_role("button", name=re.compile("Approve.*(1 failed|despite 1 failed rule)"))).to_be_visible()
        shot(page, f"onward-failed-{'phone' if phone else where.split('/')[1]}")
