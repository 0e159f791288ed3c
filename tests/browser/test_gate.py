"""One gate in the console, as people use it: seen, read, decided, taken back."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitors, fits
from tests.browser.house import NS, House, orders
from workflows.arbiter import handling
from workflows.arbiter.model import Claim, Comment, Opened
from workflows.gates.model import Evidence
from workflows.store.repositories import gates
from workflows.store.tables import audit_event

Shot = Callable[..., Path]
Check = Callable[[Page], None]
ELSEWHERE_MS = 10_000
"""What happens elsewhere is told within two seconds; tests share the machine and wait longer before they give up."""
HOSTILE = (
    '<img src=x onerror="alert(1)"> \u202eevil\u202c <script>alert(2)</script> ![x](http://evil.test/p.png) <!channel> '
    "javascript:alert(3) \u200bzero\u200bwidth"
)


def kinds(house: House, gate: Opened) -> list[str]:
    """What the journal has about the gate, in order."""
    query = sa.select(audit_event.c.kind).where(audit_event.c.meta.contains(gate.gate_id)).order_by(audit_event.c.seq)
    return house.db.read_sync(lambda tx: list(tx.conn.execute(query).scalars()))


def state(house: House, gate: Opened) -> str:
    found = house.db.read_sync(lambda tx: gates.get(tx, NS, gate.gate_id))
    assert found is not None
    return found.state


@pytest.fixture
def gate(house: House) -> Opened:
    """An open gate, with decisions on similar ones before it."""
    execution = house.execute(state="waiting")
    for number, action in ((4, "approve"), (8, "reject"), (12, "approve")):
        house.decide(house.gate(execution, key=str(number)), "Ben", action, comment="As the policy says.")
    evidence = (
        Evidence(id="history", type="http.request", state="found", value={"orders": 3, "chargebacks": 0}),
        Evidence(id="geo", type="http.request", state="missing", reason="The service did not answer in time."),
    )
    return house.gate(execution, key="0", evidence=evidence)


def test_approve_by_one_key_and_take_it_back_by_another(house: House, visit: Visitors, gate: Opened) -> None:
    """``a`` decides, the page says so and offers to undo, ``z`` opens the gate again."""
    page = visit("Ana", f"/gates/{gate.gate_id}")
    page.keyboard.press("a")
    expect(page.get_by_text("Ana approved this via console.")).to_be_visible()
    assert state(house, gate) == "decided"
    page.keyboard.press("z")
    expect(page.get_by_text("Undone; it is open again.")).to_be_visible()
    assert state(house, gate) == "open"


def test_the_offer_to_undo_goes_after_its_time(visit: Visitors, gate: Opened) -> None:
    """A button that cannot work any more is not left standing."""
    page = visit("Ana", f"/gates/{gate.gate_id}")
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Undo").first).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_have_count(0, timeout=8000)


def test_reject_by_keys_alone(house: House, visit: Visitors, gate: Opened) -> None:
    """``r`` opens the reasons and a digit chooses; Escape closes them again."""
    page = visit("Ana", f"/gates/{gate.gate_id}")
    page.keyboard.press("r")
    reason = page.get_by_role("button", name="Wrong data")
    expect(reason).to_be_visible()
    page.keyboard.press("Escape")
    expect(reason).not_to_be_visible()
    page.keyboard.press("r")
    page.keyboard.press("1")
    expect(page.get_by_text("Ana rejected this via console.")).to_be_visible()
    assert "decision.submitted" in kinds(house, gate)


def test_reject_in_two_taps_on_a_phone(house: House, visit: Visitors, gate: Opened, shot: Shot) -> None:
    """Reject, then the reason: nothing has to be typed, and both stand within reach of a thumb."""
    page = visit("Ana", f"/gates/{gate.gate_id}", phone=True)
    reject = page.locator("summary", has_text="Reject")
    box = reject.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    assert box["y"] > 740 / 2
    reject.tap()
    shot(page, "gate-phone-reject")
    page.get_by_role("button", name="Wrong data").tap()
    expect(page.get_by_text("Ana rejected this via console.")).to_be_visible()
    assert state(house, gate) == "decided"


def test_the_keys_are_listed(visit: Visitors, gate: Opened, accessible: Check, shot: Shot) -> None:
    """``?`` shows them here as in the inbox, and while they are shown none of them acts."""
    page = visit("Ana", f"/gates/{gate.gate_id}", dark=True)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    for key in ("a", "e", "r", "u", "z", "?"):
        expect(dialog.locator("kbd").get_by_text(key, exact=True)).to_have_count(1)
    accessible(page)
    shot(page, "gate-keys-dark")
    page.keyboard.press("r")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("details.drop[open]")).to_have_count(0)


def test_on_a_phone_a_thumb_finds_everything_that_opens(visit: Visitors, gate: Opened, shot: Shot) -> None:
    for path, words in ((f"/gates/{gate.gate_id}", "Assign or extend"), ("/inbox", "Filters and views")):
        page = visit("Ana", path, phone=True)
        summary = page.locator("summary", has_text=words)
        summary.scroll_into_view_if_needed()
        box = summary.bounding_box()
        assert box is not None
        assert box["height"] >= 44, words
        shot(page, f"phone-{words.split()[0].lower()}")


def test_edit_in_place(house: House, visit: Visitors, gate: Opened, accessible: Check, shot: Shot) -> None:
    """Form, message at the field, look, confirmation: without leaving the page, and what was typed stays."""
    page = visit("Ana", f"/gates/{gate.gate_id}")
    page.keyboard.press("e")
    expect(page.get_by_label("risk")).to_be_focused()
    accessible(page)
    page.get_by_role("button", name="Look at what it will do").click()
    expect(page.get_by_text("nothing was changed; approve instead")).to_be_visible()
    page.get_by_label("risk").select_option("high")
    page.get_by_label("reason", exact=True).fill("Shipped to a new address,\nsee the policy.")
    page.get_by_label(re.compile("Why you change it")).fill("I know this customer.")
    page.get_by_role("button", name="Look at what it will do").click()
    expect(page.get_by_role("heading", name="A yes will then do this")).to_be_visible()
    accessible(page)
    shot(page, "gate-look")
    page.get_by_role("button", name=re.compile("^Approve")).click()
    expect(page.get_by_text("You changed the suggestion: confirm that")).to_be_visible()
    assert state(house, gate) == "open"
    page.get_by_role("button", name="Go on editing").click()
    expect(page.get_by_label("reason", exact=True)).to_have_value("Shipped to a new address,\nsee the policy.")
    page.get_by_role("button", name="Look at what it will do").click()
    page.get_by_role("button", name="Confirm and approve").click()
    expect(page.get_by_text("Approved with your changes.")).to_be_visible()
    revision = house.db.read_sync(lambda tx: gates.revision(tx, NS, gate.gate_id, 2))
    assert revision is not None
    assert revision.fields == {"risk": "high", "reason": "Shipped to a new address,\nsee the policy."}
    shot(page, "gate-edited", full=True)


def test_without_scripts_everything_works_too(house: House, visit: Visitors, gate: Opened) -> None:
    """Reading, editing, confirming and undoing by plain forms."""
    page = visit("Ana", f"/gates/{gate.gate_id}", js=False)
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("risk").select_option("high")
    page.get_by_role("button", name="Look at what it will do").click()
    page.get_by_role("button", name="Confirm and approve").click()
    expect(page.get_by_text("Approved with your changes.")).to_be_visible()
    page.get_by_role("button", name="Undo").first.click()
    expect(page.get_by_text("Undone; it is open again.")).to_be_visible()
    page.locator("summary", has_text="Reject").click()
    page.get_by_role("button", name="Duplicate").click()
    expect(page.get_by_text("Ana rejected this via console.")).to_be_visible()
    assert kinds(house, gate).count("decision.submitted") == 2


def test_only_what_was_shown_counts_as_seen(house: House, visit: Visitors, gate: Opened) -> None:
    """Fetching a panel records nothing; opening the page does, once."""
    page = visit("Ana", "/inbox?all=1")
    page.request.get(f"/gates/{gate.gate_id}?part=panel")
    assert "approval.viewed" not in kinds(house, gate)
    with page.expect_response(re.compile("/seen$")):
        page.goto(f"/gates/{gate.gate_id}")
    with page.expect_response(re.compile("/seen$")):
        page.reload()
    assert kinds(house, gate).count("approval.viewed") == 1


def test_a_decision_elsewhere_is_said_and_nothing_typed_is_lost(house: House, visit: Visitors, gate: Opened) -> None:
    """The buttons rest and it is said who did what; the text in the box stays."""
    page = visit("Ana", f"/gates/{gate.gate_id}")
    page.get_by_label("Your comment").fill("half a thought")
    house.decide(gate, "Ben")
    expect(page.locator("[data-news]")).to_contain_text("Ben approved this via API", timeout=ELSEWHERE_MS)
    expect(page.get_by_role("button", name=re.compile("^Approve"))).to_be_disabled()
    expect(page.get_by_label("Your comment")).to_have_value("half a thought")
    page.get_by_role("button", name="Show it").click()
    expect(page.get_by_text("Ben approved this via API.")).to_be_visible()


def test_what_happened_before_the_page_listened_is_asked_for(house: House, visit: Visitors, gate: Opened) -> None:
    """Without the live feed, too, the page looks once by itself how the gate stands."""
    page = visit("Ana")
    page.route(re.compile(r"/live\?"), lambda route: route.abort())
    page.clock.install()
    page.goto(f"/gates/{gate.gate_id}")
    house.decide(gate, "Ben")
    page.clock.run_for(2500)
    expect(page.locator("[data-news]")).to_contain_text("Ben approved this via API", timeout=ELSEWHERE_MS)


def test_who_is_slower_reads_what_happened(visit: Visitors, house: House, gate: Opened, shot: Shot) -> None:
    """Without the live feed's help the refusal itself says it, on the gate as it stands."""
    page = visit("Ana", f"/gates/{gate.gate_id}", js=False)
    house.decide(gate, "Ben", "reject")
    page.get_by_role("button", name=re.compile("^Approve")).click()
    expect(page.get_by_text("This was decided before you, so your decision was not taken.")).to_be_visible()
    expect(page.get_by_text(re.compile("Ben rejected this via API")).first).to_be_visible()
    shot(page, "gate-refused", full=True)


def test_a_comment_and_a_claim_of_somebody_else(house: House, visit: Visitors, gate: Opened) -> None:
    """A comment is mentioned and disturbs nothing; a claim rests the buttons and says whose it is."""
    page = visit("Ana", f"/gates/{gate.gate_id}")
    who = {"namespace": NS, "gate_id": gate.gate_id, "actor": house.actors["Ben"]}
    house.db.write_sync(lambda tx: handling.comment(tx, house.journal, Comment(text="Wait for me.", **who)))
    expect(page.locator("[data-news]")).to_contain_text("Ben commented", timeout=ELSEWHERE_MS)
    expect(page.get_by_role("button", name=re.compile("^Approve"))).to_be_enabled()
    house.db.write_sync(lambda tx: handling.claim(tx, house.journal, Claim(**who)))
    expect(page.locator("[data-news]")).to_contain_text("Ben is working on this", timeout=ELSEWHERE_MS)
    expect(page.get_by_role("button", name=re.compile("^Approve"))).to_be_disabled()


def test_taking_care_of_it(visit: Visitors, house: House, gate: Opened) -> None:
    """Claim, assign, extend and comment from the side, each on the page afterwards."""
    page = visit("Ana", f"/gates/{gate.gate_id}")
    page.get_by_role("button", name="Claim for 10 minutes").click()
    expect(page.get_by_text("by you, lapses")).to_be_visible()
    page.get_by_text("Assign or extend").click()
    page.get_by_label("Assign to").select_option(label="Ben")
    page.get_by_role("button", name="Assign", exact=True).click()
    expect(page.get_by_text("assigned this to Ben")).to_be_visible()
    page.get_by_label("Your comment").fill("Ben, you know them.")
    page.get_by_role("button", name="Comment").click()
    expect(page.locator(".comments")).to_contain_text("Ben, you know them.")


def test_prompts_and_the_passage_are_loaded_when_they_are_opened(visit: Visitors, gate: Opened) -> None:
    """An auditor reads what the model was asked; without the knowledge base the quote stands alone and it is said."""
    page = visit("Root", f"/gates/{gate.gate_id}")
    page.get_by_text("What the model was asked").click()
    page.get_by_text("The model answered").click()
    expect(page.get_by_text("You are a fraud analyst.")).to_be_visible()
    page.get_by_text("In its context").click()
    expect(page.get_by_text("The quote is shown alone, as it was recorded.")).to_be_visible()


def test_hostile_text_does_nothing(house: House, visit: Visitors, accessible: Check, shot: Shot) -> None:
    """No dialog, no request elsewhere, no script: what was written is read."""
    order = {**orders()[0], "order_id": HOSTILE, "email": HOSTILE, "country": HOSTILE, "notes": HOSTILE * 40}
    evidence = (Evidence(id="x", type="x", state="found", value={HOSTILE: HOSTILE}),)
    made = house.gate(house.execute(), order, reason=HOSTILE, evidence=evidence)
    page = visit("Root", f"/gates/{made.gate_id}")
    page.get_by_text("What the model was asked").click()
    page.keyboard.press("e")
    accessible(page)
    expect(page.locator("article img, article script")).to_have_count(0)
    assert "⟨U+202E⟩" in page.locator("article").inner_text()
    assert fits(page)
    shot(page, "gate-hostile", full=True)


@pytest.mark.parametrize("look", ["wide", "phone", "dark"])
def test_it_looks_right_and_can_be_read_by_everybody(
    visit: Visitors, house: House, gate: Opened, accessible: Check, shot: Shot, look: str
) -> None:
    """No serious violation, no sideways scrolling, in light and dark, wide and narrow, and for who may not decide."""
    more = {"phone": look == "phone", "dark": look == "dark"}
    page = visit("Ana", f"/gates/{gate.gate_id}", **more)
    accessible(page)
    assert fits(page)
    shot(page, f"gate-{look}")
    shot(page, f"gate-{look}-full", full=True)
    other = visit("Vic", f"/gates/{gate.gate_id}", **more)
    accessible(other)
    shot(other, f"gate-{look}-not-permitted")
    for rest in ("/as-shown", "/passages/0"):
        other.goto(f"/gates/{gate.gate_id}{rest}")
        accessible(other)
        assert fits(other)
        shot(other, f"gate-{look}{rest.replace('/', '-')}")


def test_a_long_and_broken_gate(house: House, visit: Visitors, accessible: Check, shot: Shot) -> None:
    """Failed rules are loud; long values fold and are complete; nothing pushes the page sideways."""
    order = {**orders()[0], "order_id": "A-" + "9" * 300, "amount": 9000.0, "email": "x" * 500, "notes": "word " * 2000}
    made = house.gate(house.execute(), order, risk="low", reason="because " * 50, confidence=0.97)
    for phone in (False, True):
        page = visit("Ana", f"/gates/{made.gate_id}", phone=phone)
        expect(page.get_by_role("group", name="Failed rules")).to_be_visible()
        page.locator("details.fold").first.evaluate("box => { box.open = true; }")
        assert fits(page)
        accessible(page)
        shot(page, f"gate-long-{'phone' if phone else 'wide'}", full=True)
