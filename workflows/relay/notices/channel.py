"""What a channel is, and what it is told. See the package's docstring for how to add one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from workflows.flow.planned import GatePlan
from workflows.gates.digest import canonical
from workflows.gates.model import View
from workflows.store.repositories.notices import Notice
from workflows.store.repositories.principals import Identity, Principal
from workflows.usecases.gate_views import DecisionShown, GateDetail

Json = Any


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody the gate speaks of, with the identities they are known by in other places."""

    principal: Principal
    identities: tuple[Identity, ...]

    def subjects(self, kind: str) -> tuple[str, ...]:
        """Their identities of one kind (``slack``: ``team:user``; ``email``: an address)."""
        return tuple(identity.subject for identity in self.identities if identity.kind == kind)


@dataclass(frozen=True, slots=True)
class Told:
    """A gate as it is now, and what about it may have to be said.

    ``notify`` is what the flow names for this channel. ``reminders`` counts the reminders that went out. ``link`` is
    the gate's page. ``people`` holds whoever it is assigned to or claimed by.
    """

    namespace: str
    detail: GateDetail
    view: View
    plan: GatePlan
    notify: tuple[dict[str, Json], ...]
    people: dict[str, Person]
    places: tuple[Notice, ...]
    reminders: int
    link: str
    now: datetime

    @property
    def is_open(self) -> bool:
        return self.detail.state == "open"

    @property
    def assignee(self) -> Person | None:
        return self.people.get(self.detail.assigned_to or "")

    @property
    def claimer(self) -> Person | None:
        """Who is working on it now."""
        until = self.detail.claim_until
        return self.people.get(self.detail.claimed_by or "") if until is not None and until > self.now else None

    @property
    def decision(self) -> DecisionShown | None:
        """What the gate was decided with, if that stands."""
        if self.detail.state != "decided":
            return None
        standing = [one for one in self.detail.decisions if one.undone_at is None]
        final = [one for one in standing if one.outcome != "changes_requested"]
        return next(iter(final or standing[-1:]), None)


@dataclass(frozen=True, slots=True)
class Message:
    """One message that should exist. ``content`` is JSON; equal content is never sent twice to one place.

    Without ``posts`` it is only kept up to date where it exists (a decided gate is not announced anew).
    """

    address: str
    part: str
    content: dict[str, Json]
    posts: bool = True

    @property
    def rendering(self) -> str:
        return hashlib.sha256(canonical(self.content).encode()).hexdigest()


class NotTold(Exception):
    """The other side did not take the message. ``again_in`` is when it wants to be asked again, if it said so."""

    def __init__(self, message: str, *, again_in: timedelta | None = None) -> None:
        super().__init__(message)
        self.again_in = again_in


class Gone(Exception):
    """The message that should change is not there any more."""


class Channel(Protocol):
    """One way of showing gates to people. ``changes`` says whether a message can be changed after it was posted."""

    name: str
    changes: bool

    async def wanted(self, told: Told) -> Sequence[Message]:
        """The messages that should exist now. Raises ``NotTold`` when that cannot be said yet."""

    async def ready(self, message: Message) -> None:
        """Wait until a further message may be posted at this address."""

    async def post(self, told: Told, message: Message) -> str:
        """Post, and return the message's reference. Raises ``NotTold`` if it certainly was not taken."""

    async def change(self, told: Told, message: Message, reference: str) -> None:
        """Make the message show this content. Raises ``Gone``, ``NotTold``."""

    async def find(self, told: Told, message: Message, since: datetime) -> str | None:
        """The reference of this message if it was posted after ``since``. Raises ``NotTold``."""

    async def close(self) -> None:
        """Let go of connections."""
