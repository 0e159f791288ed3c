"""The inbox in a browser: read by keyboard beside the list, kept up by what others do, and usable on a phone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Visitors, fits
from tests.browser.house import NS, House, orders
from workflows.usecases import brakes

SOON = 10_000
"""Milliseconds within which what others do is seen, on however busy a machine; the bench measures how soon it is."""
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\u202e\u200b"


def line(page: Page, gate: str) -> Locator:
    return page.locator(f'li.line[data-gate="{gate}"]')


def shown(page: Page, gate: str) -> None:
    """Wait until the pane shows this gate."""
    expect(page.locator(f'[data-pane] article[data-gate="{gate}"]')).to_be_visible()


def turn(page: Page, *, hidden: bool) -> None:
    """Go to another tab, or come back."""
    page.evaluate(f"Object.defineProperty(document, 'hidden', {{value: {str(hidden).lower()}, configurable: true}})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def places(page: Page) -> list[tuple[str, float]]:
    """Where each line is."""
    found: list[tuple[str, float]] = page.evaluate(
        "[...document.querySelectorAll('li.line')].map(l => [l.dataset.gate, l.getBoundingClientRect().top])"
    )
    return found


def test_the_first_gate_is_open_beside_the_list(
    visit: Visitors, house: House, accessible: Callable[[Page], None], shot: Callable[..., Path]
) -> None:
    gates = house.batch(8)
    page = visit("Ana", "/inbox")
    shown(page, gates[0].gate_id)
    expect(page.locator("h1")).to_have_count(1)
    expect(page.locator("[data-waiting]")).to_have_text("8 waiting for you")
    assert fits(page)
    accessible(page)
    shot(page, "inbox-wide")


def test_j_and_k_go_through_the_list_and_enter_opens_the_page(visit: Visitors, house: House) -> None:
    gates = house.batch(3)
    page = visit("Ana", "/inbox")
    shown(page, gates[0].gate_id)
    for key, gate in (("j", gates[1]), ("j", gates[2]), ("j", gates[2]), ("k", gates[1])):
        page.keyboard.press(key)
        shown(page, gate.gate_id)
        expect(line(page, gate.gate_id).get_by_role("link")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/gates/{gates[1].gate_id}?queue=")


def test_a_link_to_a_gate_in_the_list_opens_it(visit: Visitors, house: House) -> None:
    gates = house.batch(3)
    page = visit("Ana", f"/inbox#{gates[2].gate_id}")
    shown(page, gates[2].gate_id)


def test_a_click_opens_beside_the_list_and_records_that_it_was_seen(visit: Visitors, house: House) -> None:
    gates = house.batch(3)
    page = visit("Ana", "/inbox")
    with page.expect_response(lambda answer: answer.url.endswith(f"/gates/{gates[1].gate_id}/seen")):
        line(page, gates[1].gate_id).click()
    shown(page, gates[1].gate_id)
    other = visit("Ben", "/inbox")
    expect(line(other, gates[1].gate_id)).to_contain_text("Ana is looking")


def test_keys_rest_while_one_types(visit: Visitors, house: House) -> None:
    gates = house.batch(2)
    page = visit("Ana", "/inbox")
    shown(page, gates[0].gate_id)
    page.get_by_text("Filters and views").click()
    page.get_by_label("Text in the title").fill("")
    page.keyboard.type("ajrx?z")
    expect(page.get_by_label("Text in the title")).to_have_value("ajrx?z")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator("li.line[data-end], li.line[data-sending]")).to_have_count(0)


def test_the_keys_are_listed(
    visit: Visitors, house: House, accessible: Callable[[Page], None], shot: Callable[..., Path]
) -> None:
    house.batch(2)
    page = visit("Ana", "/inbox", dark=True)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    for key in ("j", "k", "a", "e", "r", "u", "x", "z", "?", "Enter"):
        expect(dialog.locator("kbd").get_by_text(key, exact=True)).to_have_count(1)
    accessible(page)
    shot(page, "inbox-keys-dark")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_what_somebody_else_decides_greys_out_in_place(
    visit: Visitors, house: House, shot: Callable[..., Path], accessible: Callable[[Page], None]
) -> None:
    gates = house.batch(6)
    page = visit("Ana", "/inbox")
    shown(page, gates[0].gate_id)
    before = [gate for gate, _ in places(page)]
    with page.expect_response(lambda answer: "/inbox/states" in answer.url, timeout=SOON):
        house.decide(gates[3], "Ben")
    expect(line(page, gates[3].gate_id)).to_contain_text("Approved by Ben")
    expect(line(page, gates[3].gate_id).get_by_role("checkbox")).to_be_disabled()
    assert [gate for gate, _ in places(page)] == before
    tops = places(page)[:4]
    house.decide(gates[0], "Ben", "reject")
    expect(page.locator("[data-pane] [data-news]")).to_contain_text("Ben rejected this", timeout=SOON)
    expect(page.locator("[data-pane] .gate-bar button").first).to_be_disabled()
    assert places(page)[0] == tops[0], "the list does not move"
    expect(page.locator("[data-waiting]")).to_have_text("4 waiting for you", timeout=SOON)
    accessible(page)
    shot(page, "inbox-others")


def tops(page: Page) -> dict[str, float]:
    """Where each line stands below the heading, however the page is scrolled."""
    found: dict[str, float] = page.evaluate(
        """() => { const head = document.querySelector("h1").getBoundingClientRect().top;
        return Object.fromEntries([...document.querySelectorAll("li.line")].map(
            (line) => [line.dataset.gate, line.getBoundingClientRect().top - head])); }"""
    )
    return found


@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
def test_no_line_moves_whatever_happens_to_any(
    visit: Visitors, house: House, shot: Callable[..., Path], phone: bool
) -> None:
    """Decided, claimed, looked at and changed elsewhere, new ones announced, and decided by oneself."""
    execution = house.execute(state="waiting")
    long = orders()[0] | {"order_id": "A long name of an order that takes more than one row"}
    gates = [house.gate(execution, long, key="20"), *house.batch(6, execution=execution), *house.batch(2)]
    page = visit("Ana", "/inbox", phone=phone)
    expect(page.locator("li.line")).to_have_count(9)
    before = tops(page)

    house.decide(gates[0], "Ben")
    expect(line(page, gates[0].gate_id)).to_contain_text("Approved by Ben", timeout=SOON)
    assert tops(page) == before, "decided elsewhere"

    other = visit("Ben", f"/gates/{gates[1].gate_id}")
    expect(line(page, gates[1].gate_id)).to_contain_text("Ben is looking", timeout=SOON)
    assert tops(page) == before, "looked at elsewhere"
    other.locator('form[data-act="claim"] button').click()
    expect(line(page, gates[1].gate_id)).to_contain_text("Claimed by Ben", timeout=SOON)
    assert tops(page) == before, "claimed elsewhere"

    house.gate(execution, key="1", risk="high", reason="Another look was taken.")
    expect(line(page, gates[2].gate_id)).to_have_attribute("data-changed", "", timeout=SOON)
    assert tops(page) == before, "changed elsewhere"

    house.gate(execution, key="30")
    expect(page.get_by_role("button", name="1 new: show")).to_be_visible(timeout=SOON)
    assert tops(page) == before, "announced"

    line(page, gates[4].gate_id).get_by_role("checkbox").check()
    page.keyboard.press("a")
    expect(page.get_by_role("dialog", name="Approve 1 gate?")).to_be_visible()
    page.keyboard.press("Enter")
    expect(line(page, gates[4].gate_id)).to_contain_text("Approved by you", timeout=SOON)
    assert tops(page) == before, "decided by oneself"
    shot(page, f"inbox-marks-{'phone' if phone else 'wide'}", full=True)


def test_claims_are_seen_as_they_are_made(visit: Visitors, house: House) -> None:
    gates = house.batch(3)
    page, other = visit("Ana", "/inbox"), visit("Ben", f"/gates/{gates[1].gate_id}")
    shown(page, gates[0].gate_id)
    other.locator('form[data-act="claim"] button').click()
    expect(line(page, gates[1].gate_id)).to_contain_text("Claimed by Ben", timeout=SOON)


def test_a_claim_that_runs_out_and_who_looks_no_more_go_from_an_open_list(visit: Visitors, house: House) -> None:
    """Nothing happens then of which word could be sent: the list asks again, while it says so of a line."""
    gates = house.batch(3)
    page = visit("Ana")
    page.clock.install()
    page.goto("/inbox")
    shown(page, gates[0].gate_id)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))

    def rests() -> bool:
        sent.clear()
        for passed in (31_000, 1_000):
            page.clock.run_for(passed)
            page.evaluate("fetch('/inbox/waiting')")  # what was asked before it is asked by then
        return not any("/inbox/states" in url for url in sent)

    assert any(rests() for _ in range(5)), "once word of one's own looking has come there is nothing to ask about"

    other = visit("Ben", f"/gates/{gates[1].gate_id}")
    other.locator('form[data-act="claim"] button').click()
    marks = line(page, gates[1].gate_id).locator(".line-marks")
    expect(marks).to_contain_text("Claimed by Ben", timeout=SOON)
    expect(marks).to_contain_text("Ben is looking")
    before, clock = places(page), house.db.clock
    assert not any(rests() for _ in range(2))
    house.db.clock = lambda: clock() + timedelta(minutes=11)
    page.clock.run_for(31_000)
    expect(marks.locator("[data-claim]")).to_be_hidden()
    expect(marks.locator("[data-looking]")).to_be_hidden()
    assert places(page) == before


def test_new_gates_are_announced_and_come_only_when_asked_for(visit: Visitors, house: House) -> None:
    execution = house.execute(state="waiting")
    gates = house.batch(3, execution=execution)
    page = visit("Ana", "/inbox")
    shown(page, gates[0].gate_id)
    before = [gate for gate, _ in places(page)]
    new = [house.gate(execution, key=str(n)) for n in (10, 11)]
    button = page.get_by_role("button", name="2 new: show")
    expect(button).to_be_visible(timeout=SOON)
    assert [gate for gate, _ in places(page)] == before
    button.click()
    for gate in new:
        expect(line(page, gate.gate_id)).to_be_visible()
    expect(button).to_be_hidden()
    expect(page.locator("li.line")).to_have_count(5)
    shown(page, new[0].gate_id)


def test_a_gate_that_comes_into_an_empty_inbox_is_announced(visit: Visitors, house: House) -> None:
    page = visit("Ana", "/inbox")
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    (gate,) = house.batch(1)
    page.get_by_role("button", name="1 new: show").click()
    shown(page, gate.gate_id)


def test_what_was_missed_while_nobody_listened_is_announced_afterwards(visit: Visitors, house: House) -> None:
    execution = house.execute(state="waiting")
    gates = house.batch(3, execution=execution)
    page = visit("Ana", "/inbox")
    shown(page, gates[0].gate_id)
    turn(page, hidden=True)
    house.decide(gates[1], "Ben")
    house.gate(execution, key="11")
    turn(page, hidden=False)
    expect(line(page, gates[1].gate_id)).to_contain_text("Approved by Ben")
    expect(page.get_by_role("button", name="1 new: show")).to_be_visible()


def test_a_feed_that_was_refused_is_asked_for_again(visit: Visitors, house: House) -> None:
    """A browser gives up for good after an answer such as 503; the page does not, and loses nothing meanwhile."""
    gates = house.batch(2)
    page = visit("Ana")
    refused: list[str] = []

    def refuse_once(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.fulfill(status=503, body="")

    page.route("**/live?**", refuse_once)
    page.goto("/inbox")
    shown(page, gates[0].gate_id)
    house.decide(gates[1], "Ben")
    expect(line(page, gates[1].gate_id)).to_contain_text("Approved by Ben", timeout=SOON)
    assert len(refused) == 1


def reload_told(page: Page) -> None:
    """The feed says that too much was missed to be told."""
    body = "retry: 600000\nid: 2026-01-01T00:00:00+00:00\nevent: reload\ndata: {}\n\n"
    page.route("**/live?**", lambda route: route.fulfill(status=200, content_type="text/event-stream", body=body))


@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
@pytest.mark.parametrize("scrolled", [0, 400, 100_000], ids=["top", "middle", "end"])
def test_a_brake_moves_nothing_that_one_reads(visit: Visitors, house: House, phone: bool, scrolled: int) -> None:
    """It is told on top of the page; where that is out of sight, in passing as well."""
    gates = house.batch(30)
    page = visit("Ana", "/inbox", phone=phone)
    if not phone:
        shown(page, gates[0].gate_id)
    page.evaluate("by => { scrollTo(0, by); document.querySelector('.queue').scrollTop = by; }", scrolled)
    before, top = places(page), page.locator("[data-pane] h1, [data-pane] h2").first
    pane = None if phone else top.bounding_box()
    assert (before[-1][1] < 900) is (scrolled == 100_000), "the last line is seen at the end alone"
    root = house.actors["Root"]
    house.run(brakes.stop(house.services, NS, root, extent="namespace", flow_id=None, reason="Wrong prices"))
    expect(page.locator("main [data-pauses] .banner")).to_contain_text("Wrong prices", timeout=SOON)
    assert places(page) == before
    if phone:
        expect(page.locator(".toast.warn")).to_contain_text("Wrong prices")
    else:
        assert top.bounding_box() == pane
    house.run(brakes.release(house.services, NS, root, extent="namespace"))
    expect(page.locator("main [data-pauses] .banner")).to_have_count(0, timeout=SOON)
    assert places(page) == before
    assert phone or top.bounding_box() == pane


def test_after_a_long_absence_every_line_says_how_it_stands(visit: Visitors, house: House) -> None:
    """Also beyond the first page; new ones of a short list are counted."""
    execution = house.execute(state="waiting")
    gates = house.batch(3, execution=execution)
    page = visit("Ana")
    page.route("**/live?**", lambda route: route.abort())
    page.goto("/inbox")
    shown(page, gates[0].gate_id)
    house.decide(gates[2], "Ben")
    house.gate(execution, key="11")
    page.unroute("**/live?**")
    reload_told(page)
    turn(page, hidden=True)
    turn(page, hidden=False)
    expect(line(page, gates[2].gate_id)).to_contain_text("Approved by Ben", timeout=SOON)
    expect(page.get_by_role("button", name="1 new: show")).to_be_visible()


def test_after_a_long_absence_a_long_list_offers_to_be_loaded_again(visit: Visitors, house: House) -> None:
    """What came beyond its first page cannot be counted from here, so that is not pretended."""
    gates = house.batch(44)
    page = visit("Ana")
    page.route("**/live?**", lambda route: route.abort())
    page.goto("/inbox")
    page.get_by_role("link", name="Next page").scroll_into_view_if_needed()
    for _ in range(30):
        page.keyboard.press("j")
    expect(page.locator("li.line")).to_have_count(44)
    house.decide(gates[43], "Ben")
    page.unroute("**/live?**")
    reload_told(page)
    turn(page, hidden=True)
    turn(page, hidden=False)
    expect(line(page, gates[43].gate_id)).to_contain_text("Approved by Ben", timeout=SOON)
    with page.expect_navigation():
        page.get_by_role("button", name="Things have changed: load again").click()


def test_a_long_list_goes_on_by_itself(visit: Visitors, house: House) -> None:
    house.batch(44)
    page = visit("Ana", "/inbox")
    expect(page.locator("li.line")).to_have_count(40)
    for _ in range(30):
        page.keyboard.press("j")
    expect(page.locator("li.line")).to_have_count(44)
    expect(page.locator("[data-more]")).to_have_count(0)


def test_content_that_changes_is_said_and_shown_when_asked_for(visit: Visitors, house: House) -> None:
    execution = house.execute(state="waiting")
    gates = house.batch(2, execution=execution)
    page = visit("Ana", "/inbox")
    shown(page, gates[0].gate_id)
    house.gate(execution, key="0", risk="high", reason="Another look was taken.")
    expect(page.locator("[data-pane] [data-news]")).to_contain_text("revision 2", timeout=SOON)
    page.keyboard.press("a")
    page.get_by_role("button", name="Show it").click()
    expect(page.locator('[data-pane] article[data-revision="2"]')).to_be_visible()
    expect(line(page, gates[0].gate_id)).to_have_attribute("data-revision", "2")
    expect(line(page, gates[0].gate_id)).to_contain_text("Another look")
    page.keyboard.press("a")
    expect(line(page, gates[0].gate_id)).to_contain_text("Approved by you")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_on_a_phone_the_list_is_all_there_is(
    visit: Visitors, house: House, accessible: Callable[[Page], None], shot: Callable[..., Path], dark: bool
) -> None:
    gates = house.batch(6)
    page = visit("Ana", "/inbox", phone=True, dark=dark)
    expect(page.locator("[data-pane]")).to_be_hidden()
    assert fits(page)
    accessible(page)
    shot(page, f"inbox-phone-{'dark' if dark else 'light'}")
    box = line(page, gates[0].gate_id).bounding_box()
    assert box is not None
    assert box["height"] >= 44
    line(page, gates[0].gate_id).get_by_role("link").tap()
    page.wait_for_url(f"**/gates/{gates[0].gate_id}?queue=")
    page.get_by_role("button", name="Approve").tap()
    page.wait_for_url(f"**/gates/{gates[1].gate_id}?queue=")
    expect(page.get_by_role("heading", level=1)).to_contain_text("A-1002")


def test_without_scripts_one_reads_selects_decides_and_goes_on(
    visit: Visitors, house: House, shot: Callable[..., Path]
) -> None:
    gates = house.batch(4)
    page = visit("Ana", "/inbox", js=False)
    expect(page.locator("[data-pane]")).to_be_hidden()
    for gate in gates[:2]:
        line(page, gate.gate_id).get_by_role("checkbox").check()
    page.get_by_role("button", name="Approve selected").click()
    expect(page.get_by_role("heading", name="2 approved.")).to_be_visible()
    shot(page, "inbox-report-nojs")
    page.get_by_role("link", name="Back to the inbox").click()
    expect(page.locator("li.line")).to_have_count(2)
    page.get_by_role("link", name="Everything", exact=True).click()
    expect(page).to_have_url(f"{house.url}/inbox?all=1")
    page.get_by_text("Filters and views").click()
    page.get_by_label("Text in the title").fill("A-1004")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("li.line")).to_have_count(1)
    page.get_by_label("Name of the view").fill("My order")
    page.get_by_role("button", name="Save view").click()
    expect(page.get_by_role("link", name="My order")).to_be_visible()
    line(page, gates[3].gate_id).get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("A-1004")


def test_nothing_in_a_gate_runs_or_hides(visit: Visitors, house: House, shot: Callable[..., Path]) -> None:
    execution = house.execute(state="waiting")
    order = orders()[0] | {"order_id": HOSTILE, "email": HOSTILE, "notes": HOSTILE}
    gate = house.gate(execution, order, reason=HOSTILE)
    for phone in (False, True):
        page = visit("Ana", "/inbox", phone=phone)
        expect(line(page, gate.gate_id)).to_contain_text("⟨U+202E⟩")
        expect(page.locator("li.line img, li.line script")).to_have_count(0)
        assert fits(page)
        shot(page, f"inbox-hostile-{'phone' if phone else 'wide'}")


def test_what_is_empty_or_done_looks_like_it(
    visit: Visitors, house: House, accessible: Callable[[Page], None], shot: Callable[..., Path]
) -> None:
    for who, text in (("Ana", "Nothing waits for you"), ("Vic", "You decide nothing here yet")):
        page = visit(who, "/inbox")
        expect(page.get_by_text(text)).to_be_visible()
        accessible(page)
        shot(page, f"inbox-empty-{who.lower()}")
    for gate in house.batch(2):
        house.decide(gate, "Ana")
    page = visit("Ana", "/inbox")
    expect(page.get_by_text("Today: 2 approved.")).to_be_visible()
    shot(page, "inbox-done")


def test_space_reads_on_in_the_gate_beside_the_list(visit: Visitors, house: House) -> None:
    """By keyboard alone one reads the whole of a gate; on a box it still selects."""
    gates = house.batch(3)
    page = visit("Ana", "/inbox")
    shown(page, gates[0].gate_id)
    line(page, gates[0].gate_id).get_by_role("link").focus()
    pane = page.locator("[data-pane]")
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('[data-pane]').scrollTop > 100")
    page.keyboard.press("Shift+Space")
    page.wait_for_function("document.querySelector('[data-pane]').scrollTop === 0")
    page.get_by_role("checkbox", name="Select").first.focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name="Select").first).to_be_checked()
    assert pane.evaluate("(pane) => pane.scrollTop") == 0


def test_a_link_to_a_gate_that_is_not_in_the_list_opens_the_gate(visit: Visitors, house: House) -> None:
    """Whoever is sent it sees what was meant: on a phone, and where the list does not hold it (any more)."""
    gates = house.batch(2)
    house.decide(gates[1])
    page = visit("Ana", f"/inbox#{gates[1].gate_id}")
    page.wait_for_url(f"**/gates/{gates[1].gate_id}?queue=")
    page = visit("Ana", f"/inbox?all=1#{gates[0].gate_id}", phone=True)
    page.wait_for_url(f"**/gates/{gates[0].gate_id}?queue=all%3D1")


def test_deadlines_go_on_while_the_list_is_open(visit: Visitors, house: House) -> None:
    """A list that is open all morning says how late it is, and no line moves for it."""
    gates = house.batch(2)
    page = visit("Ana")
    page.clock.install()
    page.goto("/inbox")
    when = line(page, gates[0].gate_id).locator(".line-when")
    expect(when).to_contain_text("in 3 days")
    before = places(page)
    page.clock.run_for(1000 * 60 * 60 * 50)
    expect(when).to_contain_text("in 22 h")
    expect(when.locator(".late")).to_have_count(0)
    page.clock.run_for(1000 * 60 * 60 * 23)
    expect(when).to_contain_text("1 h ago")
    expect(when.locator(".late")).to_have_count(1)
    assert places(page) == before


def test_a_batch_says_what_a_yes_runs_and_how_many_are_decided(visit: Visitors, house: House) -> None:
    """Also before many are decided at once; pages that are loaded later join their batch."""
    gates = house.batch(45)
    page = visit("Ana", "/inbox")
    head = page.locator(".batch-head")
    expect(head).to_contain_text("45 gates, 40 here · A yes runs csv.write · 0 decided")
    page.get_by_role("link", name="Next page").scroll_into_view_if_needed()
    for _ in range(28):
        page.keyboard.press("j")
    expect(page.locator("li.line")).to_have_count(45)
    expect(page.locator(".batch")).to_have_count(1)
    expect(head).to_contain_text("45 gates · A yes runs csv.write · 0 decided")
    house.decide(gates[3])
    expect(head).to_contain_text("1 decided", timeout=SOON)
    page.get_by_role("checkbox", name="Select").first.click()
    page.get_by_role("button", name="Approve selected").click()
    expect(page.get_by_role("dialog")).to_contain_text("A yes runs csv.write, for each.")
