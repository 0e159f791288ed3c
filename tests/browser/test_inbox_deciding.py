"""Deciding from the inbox by keyboard: one after the other, many at once, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visitors
from tests.browser.house import NS, House
from tests.browser.test_inbox import line, shown
from workflows.arbiter.model import Opened
from workflows.store.repositories import decisions

KEYS = 130


def outcomes(house: House, gates: list[Opened]) -> list[str]:
    """The decisions that stand."""

    def of(gate: Opened) -> list[str]:
        made = house.db.read_sync(lambda tx: decisions.of_gate(tx, NS, gate.gate_id))
        return [one.outcome for one in made if one.undone_at is None]

    return [outcome for gate in gates for outcome in of(gate)]


def test_120_gates_are_cleared_with_at_most_130_keys(visit: Visitors, house: House, shot: Callable[..., Path]) -> None:
    gates = house.batch(120)
    page = visit("Ana", "/inbox")
    pressed = 0
    for n, gate in enumerate(gates):
        shown(page, gate.gate_id)
        keys = ("r", "3") if n % 12 == 11 else ("a",)
        for key in keys:
            page.keyboard.press(key)
        pressed += len(keys)
    expect(page.get_by_text("Everything here is decided")).to_be_visible()
    expect(page.locator("li.line[data-sending]")).to_have_count(0)
    assert pressed <= KEYS
    found = outcomes(house, gates)
    assert (found.count("approved"), found.count("rejected")) == (110, 10)
    expect(page.locator("li.line")).to_have_count(120)
    expect(page.locator("[data-pane]")).to_contain_text("You decided 120")
    shot(page, "inbox-cleared")


def test_a_decision_is_what_was_shown_and_seen(visit: Visitors, house: House) -> None:
    """A gate whose content changed a moment ago is refused, stays in the list and says so; the next one was opened."""
    execution = house.execute(state="waiting")
    gates = house.batch(2, execution=execution)
    page = visit("Ana", "/inbox")
    shown(page, gates[0].gate_id)
    page.route("**/live?**", lambda route: route.abort())
    page.route("**/inbox/states**", lambda route: route.abort())
    house.gate(execution, key="0", risk="high", reason="Another look was taken.")
    page.evaluate("document.querySelector('[data-pane] form[data-act=approve]').requestSubmit()")
    shown(page, gates[1].gate_id)
    expect(line(page, gates[0].gate_id).locator("[data-end].mark-bad")).to_be_visible()
    assert outcomes(house, gates) == []


def test_z_takes_the_last_decision_back(visit: Visitors, house: House) -> None:
    gates = house.batch(3)
    page = visit("Ana", "/inbox")
    for gate in gates[:2]:
        shown(page, gate.gate_id)
        page.keyboard.press("a")
    expect(line(page, gates[1].gate_id)).to_contain_text("Approved by you")
    page.keyboard.press("z")
    expect(line(page, gates[1].gate_id)).not_to_contain_text("Approved by you")
    shown(page, gates[1].gate_id)
    page.keyboard.press("z")
    expect(line(page, gates[0].gate_id)).not_to_contain_text("Approved by you")
    assert outcomes(house, gates) == []
    page.keyboard.press("z")
    expect(page.get_by_text("There is nothing to undo any more.")).to_be_visible()


def test_z_waits_for_a_decision_that_is_on_its_way(visit: Visitors, house: House) -> None:
    """Pressed at once it takes back the decision that was just made, never the one before."""
    gates = house.batch(3)
    page = visit("Ana", "/inbox")
    shown(page, gates[0].gate_id)
    page.keyboard.press("a")
    shown(page, gates[1].gate_id)
    expect(line(page, gates[0].gate_id)).to_contain_text("Approved by you")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/decide", hold)
    page.keyboard.press("a")
    page.keyboard.press("z")
    shown(page, gates[2].gate_id)
    page.wait_for_timeout(50)
    held[0].continue_()
    shown(page, gates[1].gate_id)
    expect(line(page, gates[1].gate_id)).not_to_contain_text("Approved by you")
    assert outcomes(house, gates) == ["approved"]
    assert outcomes(house, gates[:1]) == ["approved"]


def test_the_toast_takes_it_back_too(visit: Visitors, house: House) -> None:
    gates = house.batch(2)
    page = visit("Ana", "/inbox")
    shown(page, gates[0].gate_id)
    page.keyboard.press("a")
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    shown(page, gates[0].gate_id)
    assert outcomes(house, gates) == []


def test_e_goes_to_the_first_field_and_u_asks_for_changes(visit: Visitors, house: House) -> None:
    gates = house.batch(2)
    page = visit("Ana", "/inbox")
    shown(page, gates[0].gate_id)
    page.keyboard.press("e")
    assert page.evaluate("document.activeElement.closest('[data-edit-box]') !== null")
    page.keyboard.press("Escape")
    expect(line(page, gates[0].gate_id).get_by_role("link")).to_be_focused()
    page.keyboard.press("u")
    page.keyboard.type("ask about aj")
    expect(page.locator('[data-drop="changes"] textarea')).to_have_value("ask about aj")
    page.get_by_role("button", name="Request changes").last.click()
    shown(page, gates[1].gate_id)
    expect(line(page, gates[0].gate_id)).to_contain_text("Changes requested by you")
    assert outcomes(house, gates) == ["changes_requested"]


def test_what_is_typed_is_there_when_one_comes_back(visit: Visitors, house: House) -> None:
    gates = house.batch(2)
    page = visit("Ana", "/inbox")
    shown(page, gates[0].gate_id)
    page.keyboard.press("u")
    page.keyboard.type("half a thought")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(page.get_by_text("Something is typed here and not sent")).to_be_visible()
    page.keyboard.press("j")
    shown(page, gates[1].gate_id)
    page.keyboard.press("k")
    shown(page, gates[0].gate_id)
    expect(page.locator('[data-drop="changes"] textarea')).to_have_value("half a thought")
    assert outcomes(house, gates) == []


def test_a_held_key_decides_once(visit: Visitors, house: House) -> None:
    gates = house.batch(4)
    page = visit("Ana", "/inbox")
    shown(page, gates[0].gate_id)
    for _ in range(5):
        page.keyboard.down("a")
    page.keyboard.up("a")
    shown(page, gates[1].gate_id)
    expect(line(page, gates[0].gate_id)).to_contain_text("Approved by you")
    assert outcomes(house, gates) == ["approved"]


def test_a_batch_is_selected_decided_and_undone_by_keyboard(
    visit: Visitors, house: House, accessible: Callable[[Page], None], shot: Callable[..., Path]
) -> None:
    gates = house.batch(6)
    page = visit("Ana", "/inbox")
    shown(page, gates[0].gate_id)
    for key in ("x", "j", "j", "j", "X"):
        page.keyboard.press(key)
    bar = page.get_by_role("group", name="Decide what is selected")
    expect(bar).to_contain_text("4 selected")
    accessible(page)
    shot(page, "inbox-selected")
    house.decide(gates[1], "Ben", "reject")
    expect(bar).to_contain_text("3 selected")
    page.keyboard.press("r")
    expect(page.get_by_role("dialog", name="Reject 3 gates?")).to_be_visible()
    accessible(page)
    shot(page, "inbox-reject-many")
    page.keyboard.press("1")
    expect(line(page, gates[3].gate_id)).to_contain_text("Rejected by you")
    assert outcomes(house, gates) == ["rejected"] * 4
    page.keyboard.press("z")
    expect(line(page, gates[3].gate_id)).not_to_contain_text("Rejected by you")
    assert outcomes(house, gates) == ["rejected"], "only what Ben decided stands"


def test_of_120_with_3_that_changed_unseen_117_are_decided_and_3_are_named(
    visit: Visitors, house: House, accessible: Callable[[Page], None], shot: Callable[..., Path]
) -> None:
    execution = house.execute(state="waiting")
    gates = house.batch(120, execution=execution)
    page = visit("Ana", "/inbox")
    page.route("**/inbox/states**", lambda route: route.abort())
    page.get_by_role("link", name="Select all of this batch").click()
    page.wait_for_url("**select=all**")
    bar = page.get_by_role("group", name="Decide what is selected")
    expect(bar).to_contain_text("120 selected")
    for key in ("5", "50", "119"):
        house.gate(execution, key=key, risk="high", reason="Another look was taken.")
    page.keyboard.press("a")
    expect(page.get_by_role("dialog", name="Approve 120 gates?")).to_be_visible()
    page.keyboard.press("Enter")
    report = page.get_by_role("dialog", name="117 approved, 3 refused.")
    expect(report).to_be_visible(timeout=60_000)
    expect(report.get_by_role("link")).to_have_count(3)
    expect(line(page, gates[5].gate_id)).to_contain_text("Another look")
    accessible(page)
    shot(page, "inbox-report")
    found = outcomes(house, gates)
    assert found == ["approved"] * 117
    assert outcomes(house, [gates[5], gates[50], gates[119]]) == []


def test_gates_of_another_batch_cannot_join_a_selection(visit: Visitors, house: House) -> None:
    first, second = house.batch(1), house.batch(1)
    page = visit("Ana", "/inbox")
    line(page, first[0].gate_id).get_by_role("checkbox").check()
    expect(page.get_by_role("group", name="Decide what is selected")).to_contain_text("1 selected")
    line(page, second[0].gate_id).get_by_role("checkbox").click()
    expect(page.get_by_text("Only gates of one batch can be decided together.")).to_be_visible()
    expect(line(page, second[0].gate_id).get_by_role("checkbox")).not_to_be_checked()
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(line(page, first[0].gate_id).get_by_role("checkbox")).not_to_be_checked()


def test_whoever_only_looks_decides_nothing_by_key(visit: Visitors, house: House) -> None:
    gates = house.batch(2)
    page = visit("Vic", "/inbox?all=1")
    shown(page, gates[0].gate_id)
    for key in ("a", "r", "e", "u", "x"):
        page.keyboard.press(key)
    expect(page.locator("li.line[data-end], li.line[data-sending]")).to_have_count(0)
    assert outcomes(house, gates) == []
