"""Makes one gate's messages in one channel show its present state. Safe to repeat, to interrupt and to do twice at once.

For each message: hold its row (nobody else touches it meanwhile), read the gate *then*, and post or change what differs.
Before a post the row says ``unsure``; whoever finds it so looks for the message first, so a kill between the post and
its record makes no second one.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from workflows.journal.records import Record
from workflows.relay.notices import state
from workflows.relay.notices.channel import Channel, Gone, Message, NotTold, Told
from workflows.store.db import StoreUnavailable, Tx
from workflows.store.repositories import notices
from workflows.store.repositories.notices import Notice
from workflows.usecases.services import Services

HOLD = timedelta(seconds=30)
TIME = timedelta(seconds=20)
"""What one post, change or search may take; well below the hold."""
BUSY = timedelta(seconds=1)
SKEW = timedelta(minutes=1)
"""How much another side's clock may be behind ours."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Which gate, and what its events asked for beyond its state. ``force`` shows it again although nothing changed."""

    namespace: str
    id: str
    reminders: int = 0
    force: bool = False


class Shower:
    """Shows gates in one channel."""

    def __init__(self, services: Services, channel: Channel) -> None:
        self._services = services
        self._channel = channel
        self._me = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"

    async def show(self, gate: Gate, *, posting: bool = True) -> bool:
        """Bring every message up to date. Without ``posting`` nothing new is posted; returns whether all was done.

        Raises ``NotTold`` with the first thing that went wrong, after every message had its turn.
        """
        told = await self._read(gate)
        if told is None:
            return True
        done, errors = True, list[NotTold]()
        for message in await self._wanted(told):
            try:
                done &= await self._message(gate, told, message, posting=posting)
            except NotTold as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return done

    async def _read(self, gate: Gate) -> Told | None:
        base = self._services.settings.api_url

        return await self._services.db.read(
            lambda tx: state.read(
                tx, gate.namespace, gate.id, self._channel.name, base_url=base, reminders=gate.reminders
            )
        )

    async def _wanted(self, told: Told) -> Sequence[Message]:
        try:
            async with asyncio.timeout(TIME.total_seconds()):
                return await self._channel.wanted(told)
        except TimeoutError as error:
            raise NotTold("the channel did not answer in time") from error

    async def _message(self, gate: Gate, told: Told, message: Message, *, posting: bool) -> bool:
        place = _place(told, message)
        exists = place is not None and place.reference is not None
        if exists and not self._differs(gate, place, message):
            return True
        if not exists and not message.posts and not (place is not None and place.unsure):
            return True
        if not exists and not posting:
            return False
        if not exists:
            await self._channel.ready(message)
        await self._held(gate, message)
        return True

    def _differs(self, gate: Gate, place: Notice | None, message: Message) -> bool:
        if place is None or place.reference is None:
            return True
        return self._channel.changes and (gate.force or place.rendering != message.rendering)

    async def _held(self, gate: Gate, message: Message) -> None:
        """Hold the message, see what it should be by now, and make it so."""
        db, name = self._services.db, self._channel.name
        place = await db.write(
            lambda tx: notices.hold(
                tx, gate.namespace, gate.id, name, message.address, message.part, holder=self._me, for_=HOLD
            )
        )
        if place is None:
            raise NotTold("somebody else is showing this gate right now", again_in=BUSY)
        try:
            async with asyncio.timeout(TIME.total_seconds()):
                told = await self._read(gate)
                now = None if told is None else _same(await self._channel.wanted(told), message)
                if told is None or now is None or not self._differs(gate, place, now):
                    await db.write(lambda tx: notices.release(tx, gate.namespace, place.id, self._me))
                    return
                if place.reference is not None:
                    reference = await self._change(gate, told, now, place, place.reference)
                else:
                    reference = await self._post(gate, told, now, place, look=place.unsure)
                if reference is None:
                    await db.write(lambda tx: notices.release(tx, gate.namespace, place.id, self._me))
                    return
        except NotTold as error:
            await self._failed(gate, place, str(error), unsure=place.unsure)
            raise
        except StoreUnavailable:
            raise
        except Exception as error:
            # whether it arrived is not known: the next one looks before it posts
            why = str(error) or type(error).__name__
            await self._failed(gate, place, why, unsure=True)
            raise NotTold(why) from error
        await self._shown(gate, told, place, reference, now)

    async def _shown(self, gate: Gate, told: Told, place: Notice, reference: str, message: Message) -> None:
        """Note what is shown. That people were told for the first time is on record."""

        def note(tx: Tx) -> None:
            noted = notices.shown(
                tx, gate.namespace, place.id, self._me,
                reference=reference, revision=told.detail.revision, rendering=message.rendering,
            )  # fmt: skip
            if noted and place.reference is None:
                self._services.journal.append(tx, self._record(gate, told, place))

        await self._services.db.write(note)

    def _record(self, gate: Gate, told: Told, place: Notice) -> Record:
        meta = {"gate_id": gate.id, "revision": told.detail.revision, "channel": self._channel.name, "part": place.part}
        return Record(
            namespace=gate.namespace,
            kind="approval.notified",
            flow_id=told.detail.flow,
            execution_id=told.detail.execution,
            path=told.detail.path,
            action_digest=told.detail.action_digest,
            meta=meta,
            content={"address": place.address},
        )

    async def _change(self, gate: Gate, told: Told, message: Message, place: Notice, reference: str) -> str | None:
        try:
            await self._channel.change(told, message, reference)
        except Gone:
            await self._services.db.write(lambda tx: notices.lost(tx, gate.namespace, place.id, self._me))
            return await self._post(gate, told, message, place, look=False)
        return reference

    async def _post(self, gate: Gate, told: Told, message: Message, place: Notice, *, look: bool) -> str | None:
        """The reference of the message, posted now unless it is there already; ``None`` if it is not to be posted."""
        found = await self._channel.find(told, message, place.created_at - SKEW) if look else None
        if found is not None:
            if self._channel.changes:
                await self._channel.change(told, message, found)
            return found
        if not message.posts:
            return None
        if not await self._services.db.write(lambda tx: notices.posting(tx, gate.namespace, place.id, self._me)):
            raise NotTold("somebody else is showing this gate right now", again_in=BUSY)
        return await self._channel.post(told, message)

    async def _failed(self, gate: Gate, place: Notice, why: str, *, unsure: bool) -> None:
        await self._services.db.write(
            lambda tx: notices.failed(tx, gate.namespace, place.id, self._me, why, unsure=unsure)
        )


def _place(told: Told, message: Message) -> Notice | None:
    return next((one for one in told.places if (one.address, one.part) == (message.address, message.part)), None)


def _same(wanted: Sequence[Message], message: Message) -> Message | None:
    return next((one for one in wanted if (one.address, one.part) == (message.address, message.part)), None)
