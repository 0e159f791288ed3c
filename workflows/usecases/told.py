"""Records as people read them: who did what, when, about which revision; and a content that may be gone or unreadable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from workflows.journal import sealing
from workflows.journal.keyring import Keyring, KeyringError
from workflows.journal.read import Entry
from workflows.journal.sealing import ERASED, Unreadable
from workflows.store.db import Tx
from workflows.store.repositories import names

Json = Any
SOMEBODY = "somebody "
ACTORS = {"system": "Visto", "policy": "the policy", "timeout": "the deadline", "model": "a model"}
DETAILS: dict[str, tuple[str, ...]] = {
    "config.changed": ("what", "role", "group"),
    "config.paused": ("scope",),
    "config.resumed": ("scope",),
    "knowledge.ingested": ("collection",),
    "knowledge.removed": ("collection",),
    "erasure": ("subject",),
    "verify.run": ("scope",),
}
"""Which facts of a record's meta belong behind its sentence."""


@dataclass(frozen=True, slots=True)
class Content:
    """``state``: ``none`` was recorded, ``sealed`` was not asked for, ``erased`` is gone, ``unreadable`` says why."""

    state: Literal["none", "sealed", "shown", "erased", "unreadable"]
    value: Json = None


@dataclass(frozen=True, slots=True)
class Told:
    """A record, the name of who acted, and the number of the flow's revision that it happened under."""

    entry: Entry
    who: str
    flow_revision: int | None
    content: Content

    @property
    def sentence(self) -> str:
        """``Ana voted``; ``The decision was made, by Ana``."""
        says = self.entry.says
        if says.startswith(SOMEBODY):
            return _capital(f"{self.who} {says.removeprefix(SOMEBODY)}")
        return _capital(f"{says}, by {self.who}" if self.entry.actor_id else says)

    @property
    def detail(self) -> str:
        """What the sentence leaves open, in a few words: which setting, which collection, how far a brake reached."""
        meta = self.entry.meta
        told = [_plain(meta.get(name)) for name in DETAILS.get(self.entry.kind, ())]
        return " ".join(part for part in told if part)

    @property
    def gate_id(self) -> str | None:
        found = self.entry.meta.get("gate_id")
        return found if isinstance(found, str) else None

    @property
    def gate_revision(self) -> int | None:
        """The revision of the gate's view that the record is about."""
        found = self.entry.meta.get("revision")
        return found if self.gate_id is not None and isinstance(found, int) else None

    @property
    def model(self) -> str | None:
        found = self.entry.meta.get("model")
        return found if isinstance(found, str) else None


def tell(tx: Tx, keyring: Keyring, namespace: str, entries: Iterable[Entry], *, contents: bool = False) -> list[Told]:
    """The records with names and revisions, in three statements; each content costs two more."""
    listed = list(entries)
    who = names.of_principals(tx, namespace, {one.actor_id for one in listed if one.actor_id})
    runs = names.revisions_run(tx, namespace, {one.execution_id for one in listed if one.execution_id})
    return [
        Told(
            one,
            who.get(one.actor_id or "", one.actor_id or ACTORS.get(one.actor_kind, one.actor_kind)),
            runs.get(one.execution_id or ""),
            content_of(tx, keyring, namespace, one) if contents else _untouched(one),
        )
        for one in listed
    ]


def content_of(tx: Tx, keyring: Keyring, namespace: str, entry: Entry) -> Content:
    """The content of a record; never raises for what is wrong with it."""
    if entry.content_commitment is None:
        return Content("none")
    try:
        found = sealing.read(tx, keyring, namespace, entry.event_id)
        if found is None:
            return Content("unreadable", "The content is missing; verify the journal.")
        return Content("erased") if found is ERASED else Content("shown", _value(found))
    except (Unreadable, KeyringError, ValueError) as error:
        return Content("unreadable", f"{error}")


def _value(found: sealing.Opened | sealing.Erased) -> Json:
    assert isinstance(found, sealing.Opened)
    return found.value


def _untouched(entry: Entry) -> Content:
    return Content("none" if entry.content_commitment is None else "sealed")


def _plain(value: Json) -> str:
    """``role.granted`` as ``role granted``; ids are long and tell nobody anything, so they stay in the record."""
    return value.replace(".", " ") if isinstance(value, str) else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
