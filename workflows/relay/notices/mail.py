"""Mail as a channel: one letter for each person and revision that is asked, each with a link of that person's own.

A letter cannot change once it is sent, so nothing is said in it that time makes false: the link shows how the gate
stands. Who is written to: those the flow names under ``notify`` (addresses and groups; without ``to`` everybody asked),
everybody asked where the installation says so (``VISTO_MAIL_TO=asked``), and whoever a gate is assigned to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from connectors.email.config import MailConfig
from connectors.email.letter import message_of, reference_of
from connectors.email.post import MailRefused, send
from workflows.arbiter import people
from workflows.relay.notices import mail_letter
from workflows.relay.notices.channel import Gone, Message, NotTold, Told
from workflows.store.db import Tx
from workflows.store.repositories import principals
from workflows.usecases import mail_links
from workflows.usecases.mail_links import Grant
from workflows.usecases.services import Services

NAME = "email"
EMAIL = "email"
MOST = 200
"""People written to about one gate; more is a mistake in the flow, not a wish."""


class MailChannel:
    """See ``channel.Channel``. An address is a person's id, or ``mailto:`` and an address that nobody here has."""

    name = NAME
    changes = False

    def __init__(self, services: Services, config: MailConfig) -> None:
        self._services = services
        self._config = config

    async def wanted(self, told: Told) -> Sequence[Message]:
        if not told.is_open:
            return []
        part = f"asked:{told.detail.revision}:{told.detail.stage}"
        asked = await self._services.db.read(lambda tx: _recipients(tx, told))
        made = [Message(place, part, {"to": to}) for place, to in asked.items()]
        if told.reminders:
            part = f"reminder:{told.detail.revision}:{told.reminders}"
            made += [Message(place, part, {"to": to, "reminder": told.reminders}) for place, to in asked.items()]
        return made[: 2 * MOST]

    async def ready(self, message: Message) -> None:
        """Mail servers queue by themselves."""

    async def post(self, told: Told, message: Message) -> str:
        grant = self._grant(told, message.address, str(message.content["to"]))
        link = told.link if grant is None else f"{self._base}{mail_links.make(self._services, grant)}"
        letter = mail_letter.letter_of(
            told,
            to=str(message.content["to"]),
            link=link,
            until=None if grant is None else grant.until,
            key=f"{message.part.replace(':', '.')}.{told.detail.id}.{_short(message.address)}",
            thread=f"asked.{told.detail.revision}.0.{told.detail.id}.{_short(message.address)}",
            reminder="reminder" in message.content,
        )
        try:
            ready = message_of(letter, self._config.sender, told.now)
        except ValueError as error:
            raise NotTold(f"{letter.to!r} is no mail address: {error}") from error
        try:
            await send(self._config, ready)
        except MailRefused as error:
            raise NotTold(str(error), again_in=error.again_in) from error
        return reference_of(letter.key, self._config.sender)

    async def change(self, told: Told, message: Message, reference: str) -> None:  # noqa: ARG002  none can
        raise Gone("a letter that was sent cannot be changed")

    async def find(self, told: Told, message: Message, since: datetime) -> str | None:  # noqa: ARG002  nobody can look
        return None

    async def close(self) -> None:
        """Every letter has a connection of its own."""

    @property
    def _base(self) -> str:
        return self._services.settings.api_url.rstrip("/")

    def _grant(self, told: Told, address: str, to: str) -> Grant | None:
        if address.startswith("mailto:"):
            return None
        latest = told.now + mail_links.LIFE
        until = min(latest, told.detail.expires_at or latest)
        return Grant(
            namespace=told.namespace,
            gate=told.detail.id,
            revision=told.detail.revision,
            digest=told.detail.action_digest,
            person=address,
            sent_to=mail_links.mark(self._services, to),
            until=int(until.timestamp()),
        )


def _short(address: str) -> str:
    return "".join(c for c in address if c.isalnum())[-32:]


def _recipients(tx: Tx, told: Told) -> dict[str, str]:
    """Mail addresses by the place they have in the table of notices."""
    stage = told.plan.approve.stages[min(told.detail.stage, len(told.plan.approve.stages) - 1)]
    found: dict[str, str] = {}
    for one in told.notify:
        targets = one.get("to")
        if targets is None:
            _add(tx, told, found, people.members(tx, told.namespace, stage))
            continue
        for target in targets:
            _named(tx, told, found, str(target))
    if told.detail.assigned_to is not None:
        _add(tx, told, found, [told.detail.assigned_to])
    return dict(list(found.items())[:MOST])


def _named(tx: Tx, told: Told, found: dict[str, str], target: str) -> None:
    if "@" not in target:
        _add(tx, told, found, [one.id for one in principals.members(tx, told.namespace, target)])
        return
    person = principals.find_by_identity(tx, told.namespace, EMAIL, target.strip().lower())
    if person is None:
        found[f"mailto:{target}"] = target
    else:
        _add(tx, told, found, [person.id], wanted=target.strip().lower())


def _add(tx: Tx, told: Told, found: dict[str, str], ids: Iterable[str], *, wanted: str | None = None) -> None:
    """To the address that was wanted, else to their own, else to any by which they are recognised."""
    for person_id in ids:
        person = principals.get(tx, told.namespace, person_id)
        if person is None or person.kind != "person" or person.disabled_at is not None:
            continue
        known = [one.subject for one in principals.identities_of(tx, told.namespace, person_id) if one.kind == EMAIL]
        if wanted in known:
            found[person_id] = wanted
        elif known:
            found.setdefault(person_id, person.email if person.email in known else known[0])
