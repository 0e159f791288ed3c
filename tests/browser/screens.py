"""Pictures of every screen for the documentation: ``python -m tests.browser.screens docs/screens``.

They show the village of the tests, so they are what the tests look at; taken anew whenever the pages change.
"""

from __future__ import annotations

import re
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from playwright.sync_api import Browser, Page, sync_playwright

from rag.embed import HashingEmbedder
from rag.knowledge import Knowledge
from rag.settings import KnowledgeSettings
from tests.browser.conftest import CHROMIUM, Visitors
from tests.browser.house import EXAMPLES, NS, House
from tests.browser.village import letter, settle
from workflows.arbiter.model import Opened
from workflows.gates.model import GateState
from workflows.relay.notices import state
from workflows.relay.notices.mail_letter import letter_of
from workflows.store import migrate
from workflows.store.repositories import collections, executions, gates, inbox, keys, pauses, principals
from workflows.store.repositories import flows as stored
from workflows.usecases import audit

QUALITY = 72
HOME = Path(tempfile.gettempdir()) / "visto"
"""Shown on pages that say where a file belongs, hence not a folder with a random name."""
Names = dict[str, str]
BOOK = """
default:
  crm:
    type: http
    config: {base_url: https://crm.example.com, auth: bearer}
    secrets: {token: CRM_TOKEN}
  warehouse: {type: http, config: {base_url: https://stock.example.com}}
"""


def _wait_for_panel(page: Page) -> None:
    page.locator("article[data-gate]").first.wait_for()


def _break_the_text(page: Page) -> None:
    page.locator("textarea").first.fill("visto: 1\nid: order-risk\ntasks:\n  - id: orders\n    type: csv.red\n")
    page.get_by_text("1 problem").first.wait_for()


def _make_a_key(page: Page) -> None:
    page.get_by_label("What it is for").fill("Orders from the shop")
    page.get_by_label("Who holds it").select_option(index=1)
    page.locator("input[name=scope]").first.check()
    page.get_by_role("button", name="Make the key").click()
    page.locator("#secret").wait_for()


def _make_a_link(page: Page) -> None:
    page.get_by_role("button", name="Make a link").click()
    page.locator("#secret").wait_for()


def _search(page: Page) -> None:
    page.get_by_role("searchbox").or_(page.locator("input[name=q]")).first.fill("orders above 5000")
    page.keyboard.press("Enter")
    page.locator("mark").first.wait_for()


def _select_three(page: Page) -> None:
    _wait_for_panel(page)
    for box in page.get_by_role("checkbox", name=re.compile("^Select ")).all()[:3]:
        box.check()


def _go_to_the_form(page: Page) -> None:
    page.get_by_label("risk").first.evaluate("field => field.scrollIntoView({ block: 'center' })")


def _look_ahead(page: Page) -> None:
    page.get_by_label("risk").select_option("high")
    page.get_by_label("reason", exact=True).fill("Shipped to a new address: high by the policy.")
    page.get_by_role("button", name="Look at what it will do").click()
    heading = page.get_by_role("heading", name="A yes will then do this")
    heading.evaluate("heading => heading.scrollIntoView({ block: 'start' }) ?? window.scrollBy(0, -120)")


def _open_the_reasons(page: Page) -> None:
    page.locator("summary", has_text="Reject").tap()
    page.locator("details[data-drop=reject]").get_by_role("button").first.wait_for()


def _ask_to_cancel(page: Page) -> None:
    for box in page.locator("#rows input[name=execution]").all()[:6]:
        box.check()
    page.get_by_role("button", name="Cancel…").click()
    page.get_by_role("button", name="Leave them").or_(page.get_by_role("link", name="Leave them")).wait_for()


PICTURES: dict[str, tuple[str, str, bool, bool, Callable[[Page], None] | None]] = {
    "journal": ("Dora", "/journal", False, False, None),
    "inbox": ("Ana", "/inbox", False, False, _wait_for_panel),
    "inbox-phone": ("Ana", "/inbox", True, True, None),
    "inbox-empty": ("Vic", "/inbox", False, False, None),
    "gate": ("Ana", "/gates/{plain}", False, False, None),
    "gate-long": ("Ana", "/gates/{gate_id}", False, True, None),
    "gate-phone": ("Ana", "/gates/{plain}", True, False, None),
    "gate-decided": ("Root", "/gates/{decided}", False, False, None),
    "gate-edit": ("Ana", "/gates/{plain}?act=edit", False, False, _go_to_the_form),
    "executions": ("Root", "/executions", False, False, None),
    "execution": ("Root", "/executions/{execution_id}", False, False, None),
    "execution-failed": ("Root", "/executions/{failed}", False, True, None),
    "execution-timeline": ("Root", "/executions/{execution_id}/timeline", False, False, None),
    "execution-journal": ("Root", "/executions/{execution_id}/journal", False, False, None),
    "execution-phone": ("Root", "/executions/{execution_id}", True, True, None),
    "flows": ("Cleo", "/flows", False, False, None),
    "flow": ("Cleo", "/flows/order-risk", False, False, None),
    "flow-problem": ("Cleo", "/flows/order-risk", False, True, _break_the_text),
    "flow-graph": ("Cleo", "/flows/order-risk/graph", False, False, None),
    "flow-run": ("Cleo", "/flows/order-risk/run", False, False, None),
    "flow-compare": ("Cleo", "/flows/order-risk/compare", False, False, None),
    "flow-triggers": ("Cleo", "/flows/order-risk/triggers", False, False, None),
    "flow-activity": ("Cleo", "/flows/order-risk/activity", False, False, None),
    "knowledge": ("Cleo", "/knowledge", False, False, None),
    "people": ("Root", "/people", False, False, None),
    "person": ("Root", "/people/{principal_id}", False, False, None),
    "connections": ("Cleo", "/connections", False, False, None),
    "keys": ("Root", "/keys", False, False, None),
    "brakes": ("Root", "/brakes", False, False, None),
    "account": ("Ana", "/account", False, False, None),
    "mail": ("", "/mail/{mailed}", True, False, None),
    "sign-in": ("", "/sign-in", False, False, None),
    "missing": ("Ana", "/executions/none", False, False, None),
    "design": ("Root", "/design", False, True, None),
    "inbox-everything": ("Vic", "/inbox?all=1", False, False, None),
    "inbox-nothing-fits": ("Ana", "/inbox?q=nothing", True, False, None),
    "gate-as-shown": ("Vic", "/gates/{gate_id}/as-shown", False, False, None),
    "gate-passage": ("Ana", "/gates/{gate_id}/passages/0", False, False, None),
    "gate-calls": ("Ana", "/gates/{gate_id}/calls", False, True, None),
    "execution-elements": ("Root", "/executions/{execution_id}/elements", False, False, None),
    "executions-empty": ("Root", "/executions?q=nothing", True, True, None),
    "flow-new": ("Cleo", "/flows/-/new", False, False, None),
    "flow-revisions": ("Cleo", "/flows/order-risk/revisions", False, False, None),
    "flow-revision": ("Cleo", "/flows/order-risk/revisions/1", False, True, None),
    "knowledge-collection": ("Cleo", "/knowledge/fraud-policy", False, False, _search),
    "knowledge-document": ("Cleo", "/knowledge/fraud-policy/document?name=amounts.md", False, False, None),
    "knowledge-add": ("Cleo", "/knowledge/-/add", False, False, None),
    "journal-record": ("Dora", "/journal/records/{event_id}", False, False, None),
    "journal-as-seen": ("Dora", "/journal/gates/{gate_id}/as-seen", False, False, None),
    "journal-erase": ("Root", "/journal/erase", False, False, None),
    "groups": ("Root", "/people/groups", False, False, None),
    "group": ("Root", "/people/groups/fraud", False, False, None),
    "person-new": ("Root", "/people/new", False, False, None),
    "person-link": ("Root", "/people/{principal_id}", False, False, _make_a_link),
    "key-new": ("Root", "/keys", False, False, _make_a_key),
    "letter": ("", "letter", False, False, None),
    "inbox-selected": ("Ana", "/inbox", False, False, _select_three),
    "gate-look": ("Ana", "/gates/{plain}?act=edit", False, False, _look_ahead),
    "gate-phone-reasons": ("Ana", "/gates/{plain}", True, False, _open_the_reasons),
    "executions-check": ("Root", "/executions", False, False, _ask_to_cancel),
    "sign-in-link": ("", "/sign-in/link/{link_page.token}", False, False, None),
    "password": ("", "/sign-in/password/{password_page.token}", False, False, None),
    "refused": ("Vic", "/people", False, False, None),
}
"""Name: who looks, at what, on a phone, in the dark, and what happens before the picture."""


def _verified(page: Page, house: House, names: Names) -> None:
    page.goto("/journal/verification")
    page.get_by_role("button", name="Verify now").click()
    page.get_by_role("heading", name="Verified", exact=True).wait_for()
    page.get_by_role("button", name="Verify now", disabled=False).wait_for()


def _conflict(page: Page, house: House, names: Names) -> None:
    page.goto("/flows/order-risk")
    page.locator("#source").focus()
    page.keyboard.press("Control+End")
    page.keyboard.type("# Reviewed in November.\n")
    saved = house.db.read_sync(lambda tx: stored.get_revision(tx, NS, "order-risk"))
    text = saved.source_text or ""
    house.save(text.replace("timeout: 6h", "timeout: 5h"), who="Root")
    page.keyboard.press("Control+s")
    page.get_by_role("heading", name="What Root changed").wait_for()


def _onward(page: Page, house: House, names: Names) -> None:
    """The next gate, just after a decision."""
    page.goto(f"/gates/{names['plain']}?queue=")
    page.locator("[data-own][data-ahead]").wait_for(state="attached")
    page.get_by_role("button", name=re.compile("^Approve")).first.tap()
    page.locator("#toasts .toast").wait_for()
    page.locator("article[data-settling]").wait_for(state="detached")


def _report(page: Page, house: House, names: Names) -> None:
    """One of the gates changed a moment before."""
    page.route("**/live?**", lambda route: route.abort())
    page.route("**/inbox/states**", lambda route: route.abort())
    page.goto("/inbox")
    _wait_for_panel(page)
    chosen = page.locator("li.line").filter(has=page.get_by_role("checkbox")).all()[1:6]
    for line in chosen:
        line.get_by_role("checkbox").check()
    gate_id = chosen[2].get_attribute("data-gate") or ""
    gate = house.db.read_sync(lambda tx: gates.get(tx, NS, gate_id))
    assert gate is not None
    house.gate(gate.execution_id, key=gate.item_key or "", risk="high", reason="Another look was taken.")
    page.keyboard.press("a")
    page.get_by_role("dialog", name=re.compile("^Approve")).wait_for()
    page.keyboard.press("Enter")
    page.get_by_role("dialog", name=re.compile("refused")).wait_for()


def _broken(page: Page, house: House, names: Names) -> None:
    """Something that nobody foresaw."""

    async def fail(*_: Any) -> None:
        raise RuntimeError("the picture of an error")

    with patch.object(audit, "one", fail):
        page.goto(f"/journal/records/{names['event_id']}")


def _away(page: Page, house: House, names: Names) -> None:
    settings, state = house.services.settings, house.app.state
    url, knowledge = settings.chroma_url, state.knowledge
    settings.chroma_url, state.knowledge = "http://127.0.0.1:9", None
    try:
        page.goto("/knowledge")
        page.get_by_role("heading", name="The knowledge store is away").wait_for()
    finally:
        settings.chroma_url, state.knowledge = url, knowledge


LATER: dict[str, tuple[str, bool, bool, Callable[[Page, House, Names], None]]] = {
    "journal-verification": ("Dora", False, True, _verified),
    "knowledge-away": ("Cleo", False, False, _away),
    "broken": ("Dora", False, False, _broken),
    "inbox-report": ("Ana", False, False, _report),
    "gate-phone-next": ("Ana", True, False, _onward),
    "flow-conflict": ("Cleo", False, False, _conflict),
}
"""Pictures of what changes the house, taken after the others: who looks, on a phone, in the dark, and what happens."""

NOTHING: dict[str, tuple[str, str]] = {
    "flows-empty": ("Cleo", "/flows"),
    "keys-empty": ("Root", "/keys"),
    "connections-empty": ("Cleo", "/connections"),
    "knowledge-empty": ("Cleo", "/knowledge"),
}
"""Pictures of a house in which nothing has been made yet: who looks at what."""


class Bare(House):
    """Only people; the flow that a house begins with is not saved."""

    def save(self, text: str, *, who: str = "Cleo", **more: Any) -> Any:
        """Nothing."""


def main(folder: Path) -> None:
    """Take all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, socket.socket() as held, sync_playwright() as playwright:
        held.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{held.getsockname()[1]}"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        _lived_in(browser, folder, Path(scratch), nobody)
        _bare(browser, folder, Path(scratch), nobody)
        browser.close()


def _lived_in(browser: Browser, folder: Path, scratch: Path, nobody: str) -> None:
    with House(_database(scratch / "visto.db"), HOME, nobody) as house:
        names = _named(house, settle(house))
        book = HOME / "connections.yaml"
        book.write_text(BOOK)
        knowledge = house.run(_knowledge(house, scratch))
        visitors = Visitors(browser, house)
        _hand_in(visitors("Cleo"))
        for name, (who, path, phone, dark, before) in PICTURES.items():
            page = visitors(who or None, phone=phone, dark=dark)
            if path == "letter":
                page.set_content(_letter(house, names["plain"]))
            else:
                page.goto(re.sub(r"\{([\w.]+)\}", lambda match: names[match.group(1)], path))
            if before is not None:
                before(page)
            _take(page, folder / f"{name}.jpg")
        for name, (who, phone, dark, happen) in LATER.items():
            page = visitors(who, phone=phone, dark=dark)
            happen(page, house, names)
            _take(page, folder / f"{name}.jpg")
        house.run(knowledge.close())
        book.unlink()


def _bare(browser: Browser, folder: Path, scratch: Path, nobody: str) -> None:
    with Bare(_database(scratch / "bare.db"), HOME, nobody) as house:
        house.db.write_sync(lambda tx: collections.remove(tx, NS, "fraud-policy"))
        visitors = Visitors(browser, house)
        for name, (who, path) in NOTHING.items():
            _take(visitors(who, path), folder / f"{name}.jpg")


def _database(path: Path) -> str:
    url = f"sqlite:///{path}"
    migrate.upgrade(url)
    return url


def _take(page: Page, target: Path) -> None:
    page.wait_for_timeout(400)
    page.screenshot(path=target, type="jpeg", quality=QUALITY)
    page.context.close()


async def _knowledge(house: House, scratch: Path) -> Knowledge:
    settings = KnowledgeSettings(chroma_url="", chroma_path=scratch / "chroma", embeddings="hashing")
    made = Knowledge(settings, HashingEmbedder())
    house.app.state.knowledge = made
    return made


def _hand_in(page: Page) -> None:
    """The example policies, as an author adds them."""
    for file in sorted(EXAMPLES.glob("*-policy/*.md")):
        page.goto("/knowledge/-/add")
        page.get_by_label("Collection").fill(file.parent.name)
        page.get_by_label("Name").fill(file.name)
        page.get_by_label("Text", exact=True).fill(file.read_text())
        page.locator("main form button").last.click()
        page.wait_for_url(re.compile("/knowledge/(?!-/add)"))


def _letter(house: House, gate_id: str) -> str:
    """As the reviewer's mail program shows it."""
    told = house.db.read_sync(lambda tx: state.read(tx, NS, gate_id, "email", base_url=house.url))
    assert told is not None
    until = int(house.db.clock().timestamp()) + 86_400
    link = f"{house.url}/mail/personal-link"
    return letter_of(told, to="ana@example.com", link=link, until=until, key="k", thread="t").html


def _named(house: House, names: Names) -> Names:
    """The village without its brake, with the ids that the pictures want."""

    def unit(tx: Any) -> Names:
        pauses.resume(tx, NS, flow_id="order-risk")
        robot = principals.create_service(tx, NS, "Order import")
        keys.create(tx, NS, robot.id, "Orders from the warehouse, each night", ("executions:start", "flows:read"))
        gone = keys.create(tx, NS, house.actors["Cleo"].principal_id, "Laptop", ("flows:read", "flows:write"))
        keys.revoke(tx, NS, gone.key.id)
        failed = executions.list_executions(tx, NS, states=("failed",), limit=1).items[0].id
        waiting = inbox.list_inbox(tx, NS, execution_id=names["execution_id"], limit=20).items
        decided = inbox.list_inbox(tx, NS, state="decided", execution_id=names["execution_id"], limit=1).items
        plain = next(one.id for one in waiting if one.id != names["gate_id"])
        shown = gates.revision(tx, NS, plain, 1)
        assert shown is not None
        mailed = letter(house, _opened(plain, shown.action_digest))
        return {**names, "failed": failed, "plain": plain, "decided": decided[0].id, "mailed": mailed}

    made = house.db.write_sync(unit)
    _more_runs(house)
    return made


def _more_runs(house: House) -> None:
    """So that the list of executions begins with several states."""
    disk = {
        "code": "connector_failed",
        "message": "The sheet could not be written: the disk is full.",
        "remedy": "Free some space, then restart the execution.",
        "task": "triage/review/write[2]",
    }
    for end in ("succeeded", "failed", "succeeded", "running", "waiting"):
        number = house.execute(state="waiting" if end == "waiting" else "running")
        if end == "waiting":
            for key in ("30", "31", "32", "33"):
                house.gate(number, key=key)
        elif end != "running":
            given = (disk, {}) if end == "failed" else (None, {"decided": 60})
            house.db.write_sync(
                lambda tx, n=number, s=end, g=given: executions.set_state(tx, NS, n, s, g[0], outputs=g[1])
            )


def _opened(gate_id: str, digest: str) -> Opened:
    return Opened(gate_id=gate_id, state=GateState.OPEN, revision=1, round=0, action_digest=digest, created=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
