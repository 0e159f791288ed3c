"""What a person looks for in the inbox, as the query of its address: shareable, and the same for pages and fragments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from workflows.gates.model import Actor
from workflows.store.repositories.inbox import Narrowing

MAX_VALUE = 300
MAX_PRIORITY = 1_000_000
ME, YES = "me", "1"
DUE = {"hour": ("Within an hour", timedelta(hours=1)), "soon": ("Within a day", timedelta(hours=24))}
"""Which deadlines one can look for: as the address says it, as the form says it, and how soon that is."""


@dataclass(frozen=True, slots=True)
class InboxQuery:
    """``everything`` shows what others decide too; ``priority`` is the least. Empty texts and 0 narrow nothing."""

    everything: bool = False
    flow: str = ""
    execution: str = ""
    batch: str = ""
    assigned: bool = False
    claimed: bool = False
    due: str = ""
    priority: int = 0
    text: str = ""

    @classmethod
    def of(cls, sent: Mapping[str, str]) -> InboxQuery:
        """Read it from an address; what is unknown or too long is left out."""

        def text(name: str) -> str:
            value = sent.get(name, "").strip()
            return value if len(value) <= MAX_VALUE and "\0" not in value else ""

        return cls(
            everything=sent.get("all") == YES,
            flow=text("flow"),
            execution=text("execution"),
            batch=text("batch"),
            assigned=sent.get("assigned") == ME,
            claimed=sent.get("claimed") == ME,
            due=sent.get("due", "") if sent.get("due") in DUE else "",
            priority=_number(sent.get("priority", "")),
            text=text("q"),
        )

    @classmethod
    def parse(cls, query: str) -> InboxQuery:
        """Read it from the text after an address's ``?``."""
        return cls.of(dict(parse_qsl(query)))

    def pairs(self) -> dict[str, str]:
        """The parameters that say it, in one order."""
        said = {
            "all": YES if self.everything else "",
            "flow": self.flow,
            "execution": self.execution,
            "batch": self.batch,
            "assigned": ME if self.assigned else "",
            "claimed": ME if self.claimed else "",
            "due": self.due,
            "priority": str(self.priority or ""),
            "q": self.text,
        }
        return {name: value for name, value in said.items() if value}

    def encoded(self, **more: str) -> str:
        """As the query of an address."""
        return urlencode({**self.pairs(), **{name: value for name, value in more.items() if value}})

    def address(self, **more: str) -> str:
        query = self.encoded(**more)
        return f"/inbox?{query}" if query else "/inbox"

    @property
    def mine(self) -> InboxQuery:
        """The same among what one may decide."""
        return replace(self, everything=False)

    @property
    def all(self) -> InboxQuery:
        """The same among everything that one may see."""
        return replace(self, everything=True)

    @property
    def batchless(self) -> InboxQuery:
        """The same in all batches."""
        return replace(self, batch="")

    @property
    def narrows(self) -> bool:
        """Whether it leaves out more than other people's gates."""
        return bool(self.mine.pairs())

    def narrowing(self, actor: Actor, now: datetime) -> Narrowing:
        """What the store is asked for."""
        me = actor.principal_id
        return Narrowing(
            eligible=None if self.everything else (me, actor.groups),
            flow_id=self.flow or None,
            execution_id=self.execution or None,
            batch_key=self.batch or None,
            assigned_to=me if self.assigned else None,
            claimed_by=me if self.claimed else None,
            due_before=now + DUE[self.due][1] if self.due else None,
            priority=self.priority or None,
            text=self.text or None,
        )


def _number(text: str) -> int:
    whole = text.strip()
    return min(int(whole), MAX_PRIORITY) if whole.isascii() and whole.isdigit() and len(whole) < MAX_VALUE else 0
