"""The journal as auditors use it: searching in words, one record, what was seen, exporting, erasing."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from workflows.gates.digest import action_digest
from workflows.gates.model import Actor
from workflows.journal import erase as erasing
from workflows.journal import read
from workflows.journal.erase import Erasure
from workflows.journal.export import export as write_archive
from workflows.journal.kinds import KINDS
from workflows.journal.records import ADMIN
from workflows.store.db import Tx
from workflows.store.paging import Page
from workflows.store.refusals import NotFound
from workflows.store.repositories import gates, principals, streams
from workflows.usecases import results
from workflows.usecases.recording import record
from workflows.usecases.services import Services
from workflows.usecases.told import Told, tell

ABOUT: dict[str, tuple[str, tuple[str, ...]]] = {
    "decisions": ("Decisions and votes", ("decision.",)),
    "asked": ("What people were asked, saw and said", ("approval.", "claim.", "comment.", "gate.")),
    "models": ("Model calls", ("llm.", "agent.", "privacy.")),
    "lookups": ("Look-ups and tools", ("retrieval", "embedding", "tool.", "knowledge.")),
    "effects": ("Effects", ("action.", "permit.", "secret.", "budget.", "breaker.", "message.")),
    "flows": ("Flows and executions", ("flow.", "execution.", "task.", "webhook.", "trigger.")),
    "operation": ("People, keys, brakes, sign-in", ("auth.", "config.")),
    "journal": ("Exports, erasures, verifications", ("export", "erasure", "verify.")),
}
"""What one may search for: a word, what it means, and how the kinds begin that belong to it."""


ENDING = tuple(kind for kind in KINDS if kind.startswith(("decision.", "execution.", "task.", "verify.")))
"""The kinds that have outcomes which people search for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is searched for; ``who`` is a principal's id, e-mail or name, ``about`` a key of ``ABOUT`` or a kind."""

    who: str | None = None
    flow: str | None = None
    execution: str | None = None
    about: str | None = None
    outcome: str | None = None
    model: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """A record with its place: the length of its stream, and the ids of its neighbours there."""

    told: Told
    length: int
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What people were shown: the very text, or None when it was erased. ``digest`` is computed from it now.

    ``recorded`` is the digest in the journal and ``decided`` the one that the decision was bound to, if there is one.
    """

    gate_id: str
    title: str
    execution_id: str
    revision: int
    newest: int
    text: str | None
    digest: str | None
    recorded: str | None
    decided: str | None
    event_id: str


def kinds_of(about: str | None) -> tuple[str, ...]:
    """The kinds that ``about`` means; none for everything and for what is neither a word of ours nor a kind."""
    if about in KINDS:
        return (about or "",)
    starts = ABOUT[about][1] if about in ABOUT else ()
    return tuple(kind for kind in KINDS if kind.startswith(starts)) if starts else ()


async def search(services: Services, namespace: str, asked: Asked, *, cursor: str | None = None) -> Page[Told]:
    """Records without contents, newest first. Nobody and nothing is found for a person who is not here.

    Raises ``InvalidCursor``.
    """

    def unit(tx: Tx) -> Page[Told]:
        who = _who(tx, namespace, asked.who) if asked.who else None
        if asked.who and who is None:
            return Page((), None)
        page = read.search(
            tx,
            namespace,
            kinds=kinds_of(asked.about) or (ENDING if asked.outcome else ()),
            execution_id=asked.execution,
            flow_id=asked.flow,
            actor_id=who,
            outcome=asked.outcome,
            model=asked.model,
            since=asked.since,
            until=asked.until,
            cursor=cursor,
        )
        return Page(tuple(tell(tx, services.journal.keyring, namespace, page.items)), page.next_cursor)

    return await services.db.read(unit)


async def one(services: Services, namespace: str, event_id: str) -> Placed:
    """A record with its content and its place. Raises ``NotFound``."""

    def unit(tx: Tx) -> Placed:
        entry = read.entry(tx, namespace, event_id)
        if entry is None:
            raise NotFound("record", event_id)
        told = tell(tx, services.journal.keyring, namespace, [entry], contents=True)[0]
        around = streams.around(tx, namespace, entry.stream, entry.seq)
        return Placed(told, around.length, around.before, around.after)

    return await services.db.read(unit)


async def as_seen(services: Services, namespace: str, gate_id: str, revision: int | None) -> Seen:
    """What people were shown, by default the newest revision. Raises ``NotFound``, ``Unreadable``, ``KeyringError``."""

    def unit(tx: Tx) -> Seen:
        gate = gates.get(tx, namespace, gate_id)
        if gate is None:
            raise NotFound("gate", gate_id)
        number = revision or gate.revision
        found = read.shown(tx, namespace, gate, number)
        if found is None:
            raise NotFound("recorded view of gate", f"{gate_id} revision {number}")
        seen = read.as_seen(tx, services.journal.keyring, namespace, gate_id, number)
        text = seen if isinstance(seen, str) else None
        return Seen(
            gate_id,
            gate.title,
            gate.execution_id,
            number,
            gate.revision,
            text,
            None if text is None else action_digest(text),
            found.action_digest,
            streams.decided_digest(tx, namespace, gate_id, number),
            found.event_id,
        )

    return await services.db.read(unit)


async def export(
    services: Services, namespace: str, actor: Actor, *, execution_id: str | None, contents: bool
) -> IO[bytes]:
    """The records as ``tar.gz``, opened; that somebody took them is recorded. Raises ``Refused`` 404."""

    def write(tx: Tx) -> IO[bytes]:
        if execution_id is not None:
            results.load(tx, namespace, execution_id)
        keyring = services.journal.keyring if contents else None
        # no name of the archive is left, so that nothing has to be cleaned up
        with tempfile.TemporaryDirectory(prefix="visto-export-") as folder:
            target = Path(folder) / "journal.tar.gz"
            write_archive(tx, keyring, namespace, target, execution_id=execution_id)
            return target.open("rb")

    archive = await services.db.read(write)
    meta = {"execution": execution_id, "contents": contents}
    await services.db.write(lambda tx: record(tx, services.journal, namespace, "export", actor, meta=meta))
    return archive


async def kept(services: Services, namespace: str, subject: str) -> int:
    """How many contents about ``subject`` an erasure would destroy."""
    return await services.db.read(lambda tx: erasing.kept(tx, namespace, subject))


async def erase(services: Services, namespace: str, actor: Actor, subject: str, legal_basis: str) -> Erasure:
    """Destroy every content about ``subject``, for ever. Raises ``NotFound`` when nothing is kept."""
    return await services.db.write(
        lambda tx: erasing.erase(
            tx, services.journal, namespace, subject, by=actor.principal_id, via=actor.via, legal_basis=legal_basis
        )
    )


def admin_stream(namespace: str) -> str:
    """The stream of what belongs to no execution."""
    return f"{namespace}/{ADMIN}"


def _who(tx: Tx, namespace: str, text: str) -> str | None:
    """The id of whom ``text`` means, by id, e-mail or an unambiguous name."""
    wanted = text.strip()
    if principals.get(tx, namespace, wanted) is not None:
        return wanted
    found = principals.find_by_identity(tx, namespace, "email", wanted.lower())
    if found is not None:
        return found.id
    named: Sequence[principals.Principal] = [
        one
        for one in principals.list_principals(tx, namespace)
        if wanted.casefold() in (one.name.casefold(), (one.email or "").casefold())
    ]
    return named[0].id if len(named) == 1 else None
