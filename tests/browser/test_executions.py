"""Executions in a browser: the list stays still while states change, and one execution is read by mouse, key and phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visitors, fits
from tests.browser.house import NS, House
from workflows.contracts import Reason
from workflows.store.repositories import executions

FULL = {
    "code": "task_failed",
    "message": "The sheet sheets/order-risk.csv could not be written: the disk is full.",
    "task": "triage/review/write[2]",
    "remedy": "Free some space, then restart the execution.",
}


def fail(house: House) -> str:
    """An execution of six elements, one of which failed after its yes."""
    number = house.execute(state="running")
    for n in range(6):
        gate = house.gate(number, key=str(n))
        if n < 5:
            house.decide(gate, action=("approve", "reject")[n % 2])
    house.db.write_sync(
        lambda tx: executions.set_state(tx, NS, number, "failed", FULL, failed=["triage/review/write[2]"], outputs={})
    )
    return number


def end(house: House, number: str) -> None:
    """The execution ends as a workflow would end it, on record."""
    from workflows.usecases.ending import end as ending

    reason = Reason(code="cancelled", message="Cancelled by a test.")
    house.db.write_sync(lambda tx: ending(tx, house.journal, NS, number, "cancelled", reason))


@pytest.fixture
def failed(house: House) -> str:
    return fail(house)


class TestList:
    def test_a_state_changes_in_its_place_and_what_is_new_is_announced(self, visit: Visitors, house: House) -> None:
        """Nothing moves: the order stays, the ticked box stays ticked, and a new execution waits to be shown."""
        first, second = house.execute(state="waiting"), house.execute(state="waiting")
        page = visit("Root", "/executions")
        rows = page.locator("tr[data-id]")
        before = [row.get_attribute("data-id") for row in rows.all()]
        page.locator(f'tr[data-id="{first}"] input[type=checkbox]').check()
        end(house, first)
        expect(page.locator(f'tr[data-id="{first}"]')).to_contain_text("Cancelled by a test.", timeout=4000)
        expect(page.locator(f'tr[data-id="{first}"] input[type=checkbox]')).to_be_checked()
        house.execute(state="waiting")
        expect(page.get_by_role("link", name="1 new execution: show")).to_be_visible(timeout=4000)
        assert [row.get_attribute("data-id") for row in rows.all()] == before
        page.get_by_role("link", name="1 new execution: show").click()
        expect(rows).to_have_count(len(before) + 1)
        assert second in before

    def test_by_keyboard_alone_one_moves_chooses_acts_and_opens(self, visit: Visitors, house: House) -> None:
        numbers = [house.execute(state="waiting") for _ in range(3)]
        page = visit("Root", "/executions")
        for key in ("j", "j", "x", "k"):
            page.keyboard.press(key)
        expect(page.locator("#chosen")).to_have_text("1 chosen")
        expect(page.locator(f'tr[data-id="{numbers[1]}"] input[type=checkbox]')).to_be_checked()
        page.keyboard.press("/")
        expect(page.get_by_label("Search")).to_be_focused()
        page.keyboard.type("j")  # in a field, a key is a letter
        expect(page.get_by_label("Search")).to_have_value("j")
        page.get_by_role("button", name="Cancel…").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Cancel 1 execution?")).to_be_visible()
        page.get_by_role("button", name="Cancel 1 execution").press("Enter")
        expect(page.get_by_text("1 asked to stop.")).to_be_visible()
        expect(page.locator(f'tr[data-id="{numbers[1]}"]')).to_contain_text("Stopping")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(f"/executions/{numbers[2]}"))

    def test_a_filter_is_an_address_that_can_be_shared(self, visit: Visitors, house: House) -> None:
        house.execute(state="waiting")
        number = fail(house)
        page = visit("Vic", "/executions")
        page.get_by_role("navigation", name="States").get_by_role("link", name="Failed").click()
        expect(page.locator("tr[data-id]")).to_have_count(1)
        again = visit("Ana", page.url)
        expect(again.locator(f'tr[data-id="{number}"]')).to_be_visible()
        again.get_by_label("Search").fill(number[-8:])
        again.keyboard.press("Enter")
        expect(again.locator("tr[data-id]")).to_have_count(1)

    def test_without_scripts_one_chooses_checks_and_acts(self, visit: Visitors, house: House) -> None:
        number = house.execute(state="waiting")
        page = visit("Root", "/executions", js=False)
        page.locator(f'tr[data-id="{number}"] input[type=checkbox]').check()
        page.get_by_role("button", name="Cancel…").click()
        page.get_by_label("Why").fill("wrong file")
        page.get_by_role("button", name="Cancel 1 execution").click()
        assert page.locator("main .banner.ok").inner_text().strip() == "1 asked to stop."


class TestOne:
    def test_what_failed_is_found_from_the_graph(
        self, visit: Visitors, failed: str, accessible: Callable[[Page], None], shot: Callable[..., Path]
    ) -> None:
        """By keyboard: to the node that failed, to its part, to its records."""
        page = visit("Root", f"/executions/{failed}")
        expect(page.get_by_text(FULL["message"])).to_be_visible()
        node = page.locator('a[data-path="triage/review/write"]')
        expect(node).to_have_attribute("aria-label", re.compile("Failed"))
        node.focus()
        page.keyboard.press("Enter")
        part = page.locator("#part")
        expect(part).to_be_focused()
        expect(part).to_contain_text("csv.write")
        accessible(page)
        shot(page, "execution-failed", full=True)
        part.get_by_role("link", name="Its records").click()
        expect(page.get_by_role("heading", name="Journal of triage/review/write")).to_be_visible()

    def test_a_decision_elsewhere_appears_and_open_folds_and_scrolling_stay(
        self, visit: Visitors, house: House
    ) -> None:
        number = house.execute(state="waiting")
        gates = house.batch(3, execution=number)
        page = visit("Root", f"/executions/{number}")
        page.locator("#raw-inputs > summary").click()
        page.get_by_text("Cancel…").click()
        page.get_by_label("Why").fill("half a sentence")
        page.evaluate("window.scrollTo(0, 200)")
        tabs = page.get_by_role("navigation", name="Parts")
        at = tabs.bounding_box()["y"]
        house.decide(gates[0], "Ben")
        expect(page.locator("#loop-1")).to_contain_text("Approved", timeout=4000)
        expect(page.locator('a[data-path="triage/review"]')).to_contain_text("2 waiting")
        assert page.locator("#raw-inputs").get_attribute("open") is not None
        expect(page.get_by_label("Why")).to_have_value("half a sentence")
        assert abs(tabs.bounding_box()["y"] - at) < 2, "what one looks at stays where it is"

    def test_its_end_is_told_and_its_actions_change(self, visit: Visitors, house: House) -> None:
        number = house.execute(state="waiting")
        page = visit("Root", f"/executions/{number}")
        end(house, number)
        expect(page.locator("#head .state")).to_have_text("Cancelled", timeout=4000)
        expect(page.locator("#told")).to_have_text("The execution is Cancelled.")
        expect(page.get_by_text("Restart…")).to_be_visible()
        expect(page.get_by_text("Cancel…")).to_have_count(0)

    def test_a_prompt_is_fetched_when_its_record_is_opened(self, visit: Visitors, failed: str) -> None:
        page = visit("Root", f"/executions/{failed}/journal?show=models")
        fold = page.locator("details[data-event]").first
        expect(fold.get_by_text("You are a fraud analyst.")).to_have_count(0)
        fold.locator("summary").press("Enter")
        expect(fold.get_by_text("You are a fraud analyst.")).to_be_visible()

    def test_a_viewer_sees_what_happened_and_no_prompts(self, visit: Visitors, failed: str) -> None:
        page = visit("Vic", f"/executions/{failed}/journal?show=models")
        page.locator("details[data-event]").first.locator("summary").click()
        expect(page.get_by_text("are for those who decide, write flows or audit")).to_be_visible()
        expect(page.get_by_text("You are a fraud analyst.")).to_have_count(0)

    def test_a_cell_of_the_strip_leads_to_its_element(self, visit: Visitors, failed: str) -> None:
        page = visit("Root", f"/executions/{failed}")
        page.locator(".strip [data-key='2']").click()
        expect(page.locator("#element-2")).to_contain_text("Failed")
        page.locator("#element-2").get_by_role("link", name="Timeline").click()
        expect(page.get_by_role("heading", name="Element 2 over time")).to_be_visible()

    @pytest.mark.parametrize("tab", ["", "/elements", "/timeline", "/journal"])
    def test_a_phone_in_the_dark_shows_all_of_it(
        self, visit: Visitors, failed: str, accessible: Callable[[Page], None], shot: Callable[..., Path], tab: str
    ) -> None:
        page = visit("Root", f"/executions/{failed}{tab}", phone=True, dark=True)
        assert fits(page)
        accessible(page)
        for name in ("Overview", "Elements", "Timeline", "Journal"):
            expect(page.get_by_role("navigation", name="Parts").get_by_role("link", name=name)).to_be_visible()
        shot(page, f"execution{tab.replace('/', '-')}-phone-dark", full=True)

    def test_without_scripts_a_failed_execution_is_read_and_restarted(self, visit: Visitors, failed: str) -> None:
        page = visit("Root", f"/executions/{failed}", js=False)
        assert page.locator("svg.graph a").count() > 3
        page.get_by_text("Restart…").click()
        text = page.locator(".o-ask").inner_text()
        assert "triage/review/write[2]" in text
        assert "Nobody is asked twice" in text
        page.locator(".o-ask button").click()
        assert "It runs again from what failed." in page.locator("main").inner_text()
        page.goto(f"/executions/{failed}/journal?show=models")
        page.locator("details[data-event] > summary").first.click()
        page.get_by_role("link", name="Show the content").first.click()
        assert "You are a fraud analyst." in page.locator("#records").inner_text()


def test_after_a_long_absence_the_list_offers_to_be_loaded_again(visit: Visitors, house: House) -> None:
    """Those under way are asked for at once; what began meanwhile comes when it is asked for."""
    number = house.execute(state="running")
    page = visit("Cleo")
    told = "retry: 600000\nid: 2026-01-01T00:00:00+00:00\nevent: reload\ndata: {}\n\n"
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/live?**", hold)
    page.goto("/executions")
    house.db.write_sync(lambda tx: executions.set_state(tx, NS, number, "succeeded", None, ended_at=tx.now))
    newer = house.execute(state="running")
    while not held:
        page.wait_for_timeout(20)
    held[0].fulfill(status=200, content_type="text/event-stream", body=told)
    expect(page.locator(f'tr[data-id="{number}"]')).to_have_attribute("data-state", "succeeded")
    page.get_by_role("link", name="Things have changed: load again").click()
    expect(page.locator(f'tr[data-id="{newer}"]')).to_be_visible()
