"""Knowledge, journal, people, connections, keys and brakes in a browser: by hand, by keyboard, narrow, dark, scriptless."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from api.routes.knowledge import Document, take_in
from rag.embed import HashingEmbedder
from rag.knowledge import Knowledge
from rag.settings import KnowledgeSettings
from tests.browser.conftest import Visitors, fits
from tests.browser.house import EXAMPLES, NS, House
from tests.support import tamper
from tests.support.hostile import sample
from workflows.arbiter.model import Opened
from workflows.flow.plan import revision_sha256
from workflows.journal.erase import erase
from workflows.store.repositories import collections, flows, keys, pauses, principals
from workflows.usecases import brakes, people, verification

BOOK = """
default:
  crm:
    type: http
    config: {base_url: https://crm.example.com, auth: bearer}
    secrets: {token: CRM_TOKEN}
  warehouse: {type: http, config: {base_url: https://stock.example.com}}
"""
USES_CRM = {"tasks": [{"properties": {"connection": "crm", "headers": {"x": {"$secret": [{"name": "CRM_KEY"}]}}}}]}
KILOBYTES = 60 * 1024
HOSTILE = [text for text in sample(200) if "\0" not in text]  # neither files nor names can hold one


@dataclass
class Busy:
    """A house where things have happened."""

    house: House
    gate: Opened
    execution: str
    keys: dict[str, str]


@pytest.fixture
def busy(house: House, tmp_path: Path) -> Iterator[Busy]:
    """People in groups, decisions, knowledge, connections, keys and a brake that was pulled and released."""
    execution = house.execute(state="waiting")
    gates = [house.gate(execution, key=str(n), risk=("low", "medium", "high")[n % 3]) for n in range(6)]
    house.decide(gates[0], "Ben")
    house.decide(gates[1], "Ana", "reject")
    (house.settings.home / "connections.yaml").write_text(BOOK)
    house.db.write_sync(_exporting)
    _knowledge(house, tmp_path)
    made = house.db.write_sync(lambda tx: _keys(tx, house))
    root = house.actors["Root"]
    house.run(brakes.stop(house.services, NS, root, extent="flow", flow_id="order-risk", reason="Wrong price list"))
    house.run(brakes.release(house.services, NS, root, extent="flow", flow_id="order-risk"))
    yield Busy(house, gates[0], execution, made)
    house.run(house.app.state.knowledge.close())
    house.app.state.knowledge = None


def _knowledge(house: House, folder: Path) -> None:
    settings = KnowledgeSettings(chroma_url="", chroma_path=folder / "chroma", embeddings="hashing")
    knowledge = house.app.state.knowledge = Knowledge(settings, HashingEmbedder())
    for file in sorted((EXAMPLES / "fraud-policy").iterdir()):
        document = Document(name=file.name, text=file.read_text())
        house.run(take_in(knowledge, house.services, NS, house.actors["Cleo"], "fraud-policy", document))
    notes = Document(name="hostile-notes.md", text="# Notes\n\n" + "\n\n".join(HOSTILE[:80]))
    house.run(take_in(knowledge, house.services, NS, house.actors["Cleo"], "notes", notes))


def _exporting(tx: Any) -> None:
    """A flow that uses a connection and a secret; this installation started before either was written down."""
    more = {"source_text": "", "bundle": {}, "plan": USES_CRM, "author_id": None, "source": "git"}
    flows.save_revision(tx, NS, "order-export", sha256=revision_sha256({}), **more)


def _keys(tx: Any, house: House) -> dict[str, str]:
    robot = principals.create_service(tx, NS, "Order import")
    principals.create_person(tx, NS, HOSTILE[0][:150], "hostile@example.com")
    principals.create_group(tx, NS, "night-shift")
    principals.add_member(tx, NS, "night-shift", house.actors["Vic"].principal_id)
    live = keys.create(
        tx, NS, robot.id, "nightly import of orders from the warehouse", ("executions:start", "flows:read")
    )
    gone = keys.create(tx, NS, house.actors["Cleo"].principal_id, "laptop", ("flows:read", "flows:write"))
    keys.revoke(tx, NS, gone.key.id)
    return {"robot": robot.id, "live": live.key.id}


def _paths(busy: Busy) -> dict[str, str]:
    vic = busy.house.actors["Vic"].principal_id
    event = busy.house.db.read_sync(
        lambda tx: tx.conn.exec_driver_sql(
            "select event_id from audit_event where kind = 'decision.submitted' order by seq limit 1"
        ).scalar_one()
    )
    return {
        "knowledge": "/knowledge",
        "knowledge-collection": "/knowledge/fraud-policy",
        "knowledge-search": "/knowledge/fraud-policy?q=which+orders+are+high+risk",
        "knowledge-hostile": "/knowledge/notes?q=script+alert+image",
        "knowledge-document": "/knowledge/fraud-policy/document?name=amounts.md",
        "knowledge-add": "/knowledge/-/add",
        "journal": "/journal",
        "journal-execution": f"/journal?execution={busy.execution}",
        "journal-record": f"/journal/records/{event}",
        "journal-as-seen": f"/journal/gates/{busy.gate.gate_id}/as-seen?revision=1",
        "journal-verification": "/journal/verification",
        "journal-erase": f"/journal/erase?subject=execution:{busy.execution}",
        "people": "/people",
        "people-person": f"/people/{vic}",
        "people-program": f"/people/{busy.keys['robot']}",
        "people-new": "/people/new",
        "people-groups": "/people/groups",
        "people-group": "/people/groups/fraud",
        "connections": "/connections",
        "keys": "/keys",
        "brakes": "/brakes",
    }


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (True, False), (False, True), (True, True)])
def test_every_page_is_accessible_fits_and_is_light(
    visit: Visitors,
    busy: Busy,
    accessible: Callable[[Page], None],
    shot: Callable[..., Path],
    phone: bool,
    dark: bool,
) -> None:
    page = visit("Root", phone=phone, dark=dark)
    weights: dict[str, int] = {}
    page.on(
        "response",
        lambda got: weights.update({got.url: len(got.body())}) if re.search(r"\.(js|css)$", got.url) else None,
    )
    for name, path in _paths(busy).items():
        weights.clear()
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        shot(page, f"{name}-{'phone' if phone else 'wide'}-{'dark' if dark else 'light'}", full=True)
        assert fits(page), f"{path} is wider than the window"
        accessible(page)
        assert sum(weights.values()) < KILOBYTES, (path, weights)


def test_empty_pages_say_what_to_do(
    visit: Visitors, house: House, accessible: Callable[[Page], None], shot: Callable[..., Path]
) -> None:
    house.db.write_sync(lambda tx: collections.remove(tx, NS, "fraud-policy"))
    page = visit("Root")
    for name, path, words in (
        ("knowledge", "/knowledge", "No knowledge yet"),
        ("connections", "/connections", "No connections yet"),
        ("keys", "/keys", "No keys yet"),
        ("journal", "/journal?who=nobody", "No such records"),
        ("journal-verification", "/journal/verification", "Never verified"),
        ("people", "/people?q=zzz", "Nobody like this"),
        ("brakes", "/brakes", "No brake was ever pulled here"),
    ):
        page.goto(path)
        expect(page.get_by_text(words)).to_be_visible()
        accessible(page)
        shot(page, f"{name}-empty")


def test_a_brake_is_pulled_by_keyboard_and_seen_elsewhere_within_two_seconds(
    visit: Visitors, house: House, accessible: Callable[[Page], None], shot: Callable[..., Path]
) -> None:
    """From the page's opening it is: type why, press Enter."""
    watching = visit("Vic", "/brakes")
    expect(watching.get_by_role("heading", name="Effects run")).to_be_visible()
    page = visit("Root", "/brakes")
    page.keyboard.type("Duplicate payments reported")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="default is stopped")).to_be_visible()
    expect(watching.get_by_role("heading", name="default is stopped")).to_be_visible(timeout=2000)
    expect(watching.get_by_role("button", name="Let effects begin again")).to_have_count(0)
    accessible(page)
    shot(page, "brakes-on", full=True)
    page.get_by_role("button", name="Let effects begin again").click()
    expect(page.get_by_role("heading", name="Effects run")).to_be_visible()
    assert house.db.read_sync(lambda tx: pauses.list_pauses(tx, NS)) == []


@pytest.mark.parametrize("js", [True, False], ids=["scripts", "no scripts"])
def test_one_flow_is_stopped_on_a_phone(visit: Visitors, busy: Busy, shot: Callable[..., Path], js: bool) -> None:
    page = visit("Root", "/brakes", phone=True, js=js)
    page.get_by_label("Why").fill("Looking into it")
    page.get_by_label("One flow").check()
    page.get_by_label("Which flow").select_option("order-risk")
    page.get_by_role("button", name="Stop new effects").click()
    expect(page.get_by_role("heading", name="order-risk is stopped")).to_be_visible()
    expect(page.get_by_text("1 approved decision waits to take effect")).to_be_visible()
    shot(page, f"brakes-flow-phone-{'js' if js else 'plain'}", full=True)
    page.get_by_role("button", name="Let effects begin again").click()
    expect(page.get_by_text("Effects of order-risk may begin again.")).to_be_visible()


@pytest.mark.parametrize("js", [True, False], ids=["scripts", "no scripts"])
def test_a_key_is_made_shown_once_and_revoked(
    visit: Visitors, busy: Busy, accessible: Callable[[Page], None], shot: Callable[..., Path], js: bool
) -> None:
    page = visit("Root", "/keys", js=js)
    page.get_by_label("What it is for").fill("ci")
    page.get_by_label("Who holds it").select_option(label="Order import (program)")
    page.get_by_label("Search knowledge").check()
    page.get_by_role("button", name="Make the key").click()
    secret = page.locator("#secret")
    expect(secret).to_have_text(re.compile("^vk_default_"))
    shot(page, f"keys-new-{'js' if js else 'plain'}", full=True)
    if js:
        accessible(page)
    page.reload()
    expect(page.get_by_text("The secret was shown before")).to_be_visible()
    page.goto("/keys")
    row = page.get_by_role("listitem").filter(has_text="ci").filter(has_text="knowledge:read")
    row.locator("summary").click()
    if js:
        shot(page, "keys-revoke")
    row.get_by_role("button", name="Revoke ci").click()
    expect(page.get_by_text("opens nothing any more")).to_be_visible()


def test_somebody_is_invited_and_their_rights_are_in_words(
    visit: Visitors, busy: Busy, shot: Callable[..., Path]
) -> None:
    page = visit("Root", "/people/new")
    page.get_by_label("Name").fill("Nora Night")
    page.get_by_label("E-mail").fill("nora@example.com")
    page.get_by_label("Reviewer").check()
    page.get_by_role("button", name="Add them").click()
    page.get_by_label("night-shift").check()
    page.get_by_role("button", name="Save the groups").click()
    expect(page.get_by_text("Decide what asks the group night-shift, them by name")).to_be_visible()
    page.get_by_role("button", name="Make a link").click()
    link = page.locator("#secret").inner_text()
    shot(page, "people-link")
    guest = visit(None, link[link.index("/sign-in") :])
    expect(guest.get_by_text("Nora Night").first).to_be_visible()


def test_everything_is_verified_while_one_looks_on(
    visit: Visitors, busy: Busy, accessible: Callable[[Page], None], shot: Callable[..., Path]
) -> None:
    page = visit("Dora", "/journal")
    page.get_by_role("button", name="Verify now").click()
    expect(page.get_by_role("heading", name="Verified", exact=True)).to_be_visible()
    page.goto("/journal")
    expect(page.locator(".strip").get_by_text("Verified", exact=True)).to_be_visible()
    tamper.run(busy.house.db, "update decisions set outcome = 'rejected' where gate_id = :g", g=busy.gate.gate_id)
    page.get_by_role("button", name="Verify now").click()
    expect(page.get_by_text("The first bad record")).to_be_visible()
    accessible(page)
    shot(page, "journal-tampered", full=True)
    page.goto(f"/journal?execution={busy.execution}")
    page.get_by_role("button", name="Verify this execution").click()
    expect(page.get_by_text("says rejected, its record approved")).to_be_visible()
    shot(page, "journal-execution-tampered")


def test_a_verification_under_way_shows_how_far_it_is(visit: Visitors, busy: Busy, shot: Callable[..., Path]) -> None:
    house, root = busy.house, busy.house.actors["Root"]
    running = house.run(verification.begin(house.services, NS, root))
    assert running is not None
    page = visit("Dora", "/journal/verification")
    expect(page.get_by_text("Root began")).to_be_visible()
    expect(page.get_by_role("button", name="Verify now")).to_be_disabled()
    shot(page, "journal-verifying")
    house.run(verification.run(house.services, NS, root, running))
    expect(page.get_by_role("heading", name="Verified", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Verify now")).to_be_enabled()


def test_what_was_erased_stays_a_record_without_content(
    visit: Visitors, busy: Busy, accessible: Callable[[Page], None], shot: Callable[..., Path]
) -> None:
    page = visit("Root", f"/journal?execution={busy.execution}", js=False)
    page.get_by_text("Export this execution, or erase").click()
    page.get_by_role("link", name="Erase…").click()
    page.get_by_label("Why it must be erased").fill("GDPR article 17, request of 3 May")
    page.get_by_role("button", name="Show what would go").click()
    label = page.get_by_text(re.compile("^Type erase"))
    shot(page, "journal-erase-confirm", full=True)
    page.locator("#f-confirm").fill(label.inner_text().removeprefix("Type "))
    page.get_by_role("button", name=re.compile("for ever")).click()
    expect(page.get_by_text(re.compile("^Erased: the content of"))).to_be_visible()
    seen = visit("Dora", f"/journal/gates/{busy.gate.gate_id}/as-seen?revision=1")
    expect(seen.get_by_text("What was shown is gone")).to_be_visible()
    accessible(seen)
    shot(seen, "journal-as-seen-erased")


def test_a_file_fills_in_a_document_and_it_is_found(
    visit: Visitors, busy: Busy, tmp_path: Path, shot: Callable[..., Path]
) -> None:
    file = tmp_path / "returns.md"
    file.write_text("# Returns\n\nParcels that come back twice are looked at by Marta in Porto.\n")
    page = visit("Cleo", "/knowledge/-/add")
    page.get_by_label("Collection").fill("fraud-policy")
    page.get_by_label("File").set_input_files(file)
    expect(page.get_by_label("Name")).to_have_value("returns.md")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_text("returns.md is in 1 passage.")).to_be_visible()
    page.get_by_role("searchbox", name="Search in fraud-policy").fill("who looks at parcels that come back")
    page.keyboard.press("Enter")
    first = page.locator(".hit").first
    expect(first.get_by_role("link", name="returns.md")).to_be_visible()
    expect(first.locator("mark").first).to_contain_text("Parcels")
    shot(page, "knowledge-found", full=True)
    first.get_by_role("link", name="returns.md").click()
    expect(page.locator("[aria-current=true]")).to_contain_text("Marta in Porto")
    page.get_by_text("Remove this document").click()
    page.get_by_role("button", name="Remove returns.md").click()
    expect(page.get_by_text("returns.md is removed")).to_be_visible()


def test_when_the_knowledge_store_is_away_only_knowledge_says_so(
    visit: Visitors, busy: Busy, accessible: Callable[[Page], None], shot: Callable[..., Path]
) -> None:
    house = busy.house
    house.services.settings.chroma_url = "http://127.0.0.1:9"
    working, house.app.state.knowledge = house.app.state.knowledge, None
    try:
        page = visit("Cleo", "/knowledge")
        expect(page.get_by_role("heading", name="The knowledge store is away")).to_be_visible()
        expect(page.get_by_role("link", name="fraud-policy")).to_be_visible()
        accessible(page)
        shot(page, "knowledge-away", full=True)
        page.goto("/knowledge/fraud-policy?q=risk")
        expect(page.get_by_role("heading", name="The knowledge store is away")).to_be_visible()
        page.goto("/brakes")
        expect(page.get_by_role("heading", name="Effects run")).to_be_visible()
        house.run(house.app.state.knowledge.close())
    finally:
        house.services.settings.chroma_url = None
        house.app.state.knowledge = working


def test_hostile_texts_are_text_on_every_page(visit: Visitors, busy: Busy) -> None:
    """Names, reasons, documents and records; the browser's watch fails the test for a dialog or a foreign request."""
    house, root = busy.house, busy.house.actors["Root"]
    for text in HOSTILE[:6]:
        short = text.strip()[:150] or "x"
        made = house.run(people.create(house.services, NS, root, kind="person", name=short, email=None))
        house.run(brakes.stop(house.services, NS, root, extent="namespace", flow_id=None, reason=short))
        page = visit("Root", "/brakes")
        for path in ("/people", f"/people/{made.principal.id}", "/keys", "/journal", "/people/groups/fraud"):
            page.goto(path)
            expect(page.get_by_role("heading", level=1)).to_have_count(1)
    house.run(brakes.release(house.services, NS, root, extent="namespace"))


def test_erased_and_unreadable_reasons_do_not_break_the_brakes(visit: Visitors, busy: Busy) -> None:
    house = busy.house

    def unit(tx: Any) -> None:
        erase(tx, house.journal, NS, f"namespace:{NS}", by=None, via="cli", legal_basis=json.dumps("test"))

    house.db.write_sync(unit)
    page = visit("Vic", "/brakes")
    expect(page.get_by_text("The reason was erased.").first).to_be_visible()
