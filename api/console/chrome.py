"""The frame around every page: sections that one may open, how much waits, and whether a brake is on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.remembered import Remembered
from workflows.gates.model import GateState
from workflows.store.db import StoreUnavailable, Tx
from workflows.store.repositories import inbox, pauses
from workflows.store.repositories.pauses import Pause

if TYPE_CHECKING:
    from api.console.page import Page

MANY = 99


@dataclass(frozen=True, slots=True)
class Section:
    """A place in the navigation; ``route`` is the policy that its page has."""

    name: str
    path: str
    route: str
    icon: str
    group: str = "work"


@dataclass(frozen=True, slots=True)
class Facts:
    """``waiting`` is how many gates wait for this person, at most one more than ``MANY``."""

    waiting: int = 0
    pauses: tuple[Pause, ...] = ()

    @property
    def badge(self) -> str:
        return f"{MANY}+" if self.waiting > MANY else str(self.waiting)


NOTHING = Facts()
SECTIONS = (
    Section("Inbox", "/inbox", "inbox_page", "inbox"),
    Section("Executions", "/executions", "executions_page", "runs"),
    Section("Flows", "/flows", "flows_page", "flow"),
    Section("Knowledge", "/knowledge", "knowledge_page", "book"),
    Section("Journal", "/journal", "journal_page", "journal"),
    Section("People", "/people", "people_page", "people", "run"),
    Section("Connections", "/connections", "connections_page", "plug", "run"),
    Section("Keys", "/keys", "keys_page", "key", "run"),
    Section("Brakes", "/brakes", "brakes_page", "brake", "run"),
)


def sections(page: Page) -> list[Section]:
    """The sections this person may open."""
    return [section for section in SECTIONS if page.may(section.route)]


async def facts(page: Page) -> Facts:
    """What the frame shows, at most a second old; nothing when the store does not answer."""
    known: Remembered[Facts] = page.request.app.state.console_facts
    found = await known.get(f"{page.namespace}/{page.actor.principal_id}", lambda: _look(page))
    return found or NOTHING


async def _look(page: Page) -> Facts | None:
    try:
        return await page.services.db.read(lambda tx: _facts(tx, page))
    except StoreUnavailable:
        return None


def _facts(tx: Tx, page: Page) -> Facts:
    actor = page.actor
    waiting = inbox.list_inbox(
        tx,
        page.namespace,
        state=GateState.OPEN,
        eligible=(actor.principal_id, actor.groups),
        limit=MANY + 1,
    )
    return Facts(len(waiting.items), tuple(pauses.list_pauses(tx, page.namespace)))
