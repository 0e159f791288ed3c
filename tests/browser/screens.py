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

from playwright.sync_api import Page, sync_playwright

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
from workflows.store.repositories import executions, gates, inbox, pauses

QUALITY = 72
HOME = Path(tempfile.gettempdir()) / "visto"
"""Shown on pages that say where a file belongs, hence not a folder with a random name."""
Names = dict[str, str]


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


PICTURES: dict[str, tuple[str, str, bool, bool, Callable[[Page], None] | None]] = {
    "journal": ("Dora", "/journal", False, False, None),
    "inbox": ("Ana", "/inbox", False, False, _wait_for_panel),
    "inbox-phone": ("Ana", "/inbox", True, True, None),
    "inbox-empty": ("Vic", "/inbox", False, False, None),
    "gate": ("Ana", "/gates/{plain}", False, False, None),
    "gate-long": ("Ana", "/gates/{gate_id}", False, True, None),
    "gate-phone": ("Ana", "/gates/{plain}", True, False, None),
    "gate-decided": ("Root", "/gates/{decided}", False, False, None),
    "gate-edit": ("Ana", "/gates/{plain}?act=edit", False, False, None),
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
    "journal-verification": ("Dora", "/journal/verification", False, True, None),
    "journal-as-seen": ("Dora", "/journal/gates/{gate_id}/as-seen", False, False, None),
    "journal-erase": ("Root", "/journal/erase", False, False, None),
    "group": ("Root", "/people/groups/fraud", False, False, None),
    "person-new": ("Root", "/people/new", False, False, None),
    "person-link": ("Root", "/people/{principal_id}", False, False, _make_a_link),
    "key-new": ("Root", "/keys", False, False, _make_a_key),
    "letter": ("", "letter", False, False, None),
    "inbox-selected": ("Ana", "/inbox", False, False, _select_three),
}
"""Name: who looks, at what, on a phone, in the dark, and what happens before the picture."""


def main(folder: Path) -> None:
    """Take all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        database = f"sqlite:///{Path(scratch) / 'visto.db'}"
        migrate.upgrade(database)
        with House(database, HOME, f"127.0.0.1:{held.getsockname()[1]}") as house:
            names = _named(house, settle(house))
            knowledge = house.run(_knowledge(house, Path(scratch)))
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                visitors = Visitors(browser, house)
                _hand_in(visitors("Cleo"))
                for name, (who, path, phone, dark, before) in PICTURES.items():
                    page = visitors(who or None, phone=phone, dark=dark)
                    if path == "letter":
                        page.set_content(_letter(house, names["gate_id"]))
                    else:
                        page.goto(re.sub(r"\{([\w.]+)\}", lambda match: names[match.group(1)], path))
                    if before is not None:
                        before(page)
                    page.wait_for_timeout(400)
                    page.screenshot(path=folder / f"{name}.jpg", type="jpeg", quality=QUALITY)
                    page.context.close()
                browser.close()
            house.run(knowledge.close())


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
        failed = executions.list_executions(tx, NS, states=("failed",), limit=1).items[0].id
        waiting = inbox.list_inbox(tx, NS, execution_id=names["execution_id"], limit=20).items
        decided = inbox.list_inbox(tx, NS, state="decided", execution_id=names["execution_id"], limit=1).items
        plain = next(one.id for one in waiting if one.id != names["gate_id"])
        shown = gates.revision(tx, NS, plain, 1)
        assert shown is not None
        mailed = letter(house, _opened(plain, shown.action_digest))
        return {**names, "failed": failed, "plain": plain, "decided": decided[0].id, "mailed": mailed}

    return house.db.write_sync(unit)


def _opened(gate_id: str, digest: str) -> Opened:
    return Opened(gate_id=gate_id, state=GateState.OPEN, revision=1, round=0, action_digest=digest, created=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
