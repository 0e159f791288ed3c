"""The page behind a letter's link in a real browser, mostly on a phone, where letters are read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitors, fits
from tests.browser.house import NS, House
from workflows.arbiter.model import Opened
from workflows.gates.model import Evidence
from workflows.store.repositories import decisions
from workflows.usecases.mail_links import Grant, make, mark

Shot = Callable[..., Path]
Check = Callable[[Page], None]
WORDS = "Ask the customer for the second address."


def link(house: House, gate: Opened, who: str = "Ana") -> str:
    until = int((house.db.clock() + timedelta(days=1)).timestamp())
    person = house.actors[who].principal_id
    sent_to = mark(house.services, f"{who.lower()}@example.com")
    return make(house.services, Grant(NS, gate.gate_id, gate.revision, gate.action_digest, person, sent_to, until))


@pytest.fixture
def gate(house: House) -> Opened:
    """An open gate with evidence, found and missing."""
    evidence = (
        Evidence(id="history", type="http.request", state="found", value={"orders": 3, "chargebacks": 0}),
        Evidence(id="geo", type="http.request", state="missing", reason="The service did not answer in time."),
    )
    return house.gate(house.execute(state="waiting"), key="0", evidence=evidence)


@pytest.mark.parametrize("phone", [True, False])
@pytest.mark.parametrize("dark", [True, False])
def test_a_letters_page_is_read_anywhere_without_scripts(
    house: House, visit: Visitors, gate: Opened, accessible: Check, shot: Shot, phone: bool, dark: bool
) -> None:
    """Everything that is decided on is there at 375 px and in the dark, and nothing is out of reach."""
    page = visit(None, link(house, gate), phone=phone, dark=dark, js=False)
    for text in ("The service did not answer in time.", "chargebacks", "not a probability", "then it is rejected"):
        expect(page.get_by_text(text).first).to_be_visible()
    assert fits(page)
    if phone:
        rows = page.locator(".args .scroll").first
        assert rows.evaluate("box => box.scrollWidth <= box.clientWidth"), "no value of an effect is cut"
        for button in page.get_by_role("button").all():
            assert (button.bounding_box() or {"height": 0})["height"] >= 44
    shot(page, f"mail-{'phone' if phone else 'wide'}-{'dark' if dark else 'light'}", full=True)
    accessible(visit(None, link(house, gate), phone=phone, dark=dark))


def test_a_refused_request_is_completed_on_the_same_page_without_scripts(
    house: House, visit: Visitors, gate: Opened, shot: Shot
) -> None:
    """The reason stays chosen, the refusal is on top, and adding the words is all that is left to do."""
    page = visit(None, link(house, gate), phone=True, dark=True, js=False)
    reason = page.get_by_label("Reason for a no")
    expect(reason).to_have_value("")
    chosen = reason.locator("option").nth(1).get_attribute("value")
    reason.select_option(chosen)
    page.get_by_role("button", name="Request changes").click()
    expect(page.get_by_role("alert")).to_contain_text("A request for changes needs words.")
    expect(page.get_by_label("Reason for a no")).to_have_value(chosen or "")
    assert fits(page)
    shot(page, "mail-refused", full=True)
    page.get_by_label("In your words").fill(WORDS)
    page.get_by_role("button", name="Request changes").click()
    expect(page.get_by_text("Your decision is recorded.")).to_be_visible()
    shot(page, "mail-done", full=True)
    (decision,) = house.db.read_sync(lambda tx: decisions.of_gate(tx, NS, gate.gate_id))
    assert (decision.outcome, decision.comment) == ("changes_requested", WORDS)


def test_who_may_not_decide_sees_why_and_no_button(
    house: House, visit: Visitors, gate: Opened, accessible: Check, shot: Shot
) -> None:
    page = visit(None, link(house, gate, "Vic"), phone=True)
    expect(page.get_by_text("Vic has no right to review in this namespace.")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    assert fits(page)
    accessible(page)
    shot(page, "mail-not-yours", full=True)
