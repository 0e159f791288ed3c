"""Takes notification rows from the relay and has gates shown, apart from everything else that the relay delivers.

Each channel has two lines. In the *quick* one messages that exist are changed; what needs a new post moves to the *slow*
one, where it may wait for its turn (Slack takes one post a second and channel). So a decision is seen at once while a
hundred cards are still being posted, and a channel that does not answer holds up neither doorbells nor other channels.
Rows of one gate that wait together are one piece of work.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import timedelta

from workflows.relay.notices.channel import Channel, NotTold
from workflows.relay.notices.show import Gate, Shower
from workflows.store.db import StoreUnavailable, Tx
from workflows.store.repositories import gates, outbox
from workflows.store.repositories.outbox import Item
from workflows.usecases.services import Services

log = logging.getLogger("visto.notices")

AT_ONCE = 4
WAITING_AT_ONCE = 100
"""So many may wait for their turn to post: those of a busy place hold up no other place."""
LONGEST_LINE = 200
FULL = timedelta(seconds=30)
NOT_SET_UP = timedelta(minutes=10)
WAITS = "many others wait to be shown before this one"

Key = tuple[str, str]


class Desk:
    """``accept`` what the relay took; work goes on in tasks until ``close``."""

    def __init__(self, services: Services, channels: Mapping[str, Channel]) -> None:
        self._services = services
        self._channels = dict(channels)
        self._lines = {name: _Channel(services, channel) for name, channel in self._channels.items()}

    async def accept(self, items: Iterable[Item]) -> None:
        """Queue the rows. Those of a channel that is full or not set up are put off."""
        missing: list[Item] = []
        full: list[Item] = []
        for item in items:
            line = self._lines.get(item.target)
            if line is None:
                missing.append(item)
            elif not line.quick.add(item):
                full.append(item)
        if missing or full:
            with contextlib.suppress(StoreUnavailable):
                await self._services.db.write(lambda tx: _put_off(tx, missing, full))

    async def settled(self) -> None:
        """Wait until nothing is being shown or waits to be."""
        while any(line.busy for line in self._lines.values()):
            await asyncio.gather(*(line.settled() for line in self._lines.values()))

    async def close(self) -> None:
        """Stop at once and hand the rows back; what was interrupted is looked for before it is posted again."""
        left = [item for line in self._lines.values() for item in await line.close()]
        if left:
            with contextlib.suppress(StoreUnavailable):
                await self._services.db.write(lambda tx: _hand_back(tx, left))
        for channel in self._channels.values():
            await channel.close()


def _hand_back(tx: Tx, items: list[Item]) -> None:
    for item in items:
        outbox.put_off(tx, item.namespace, item.id, timedelta(0), "handed over by a process that ended")


def _put_off(tx: Tx, missing: list[Item], full: list[Item]) -> None:
    for item in full:
        outbox.put_off(tx, item.namespace, item.id, FULL, WAITS)
    for item in missing:
        why = f"the channel {item.target!r} is not set up here"
        if _is_over(tx, item):
            outbox.drop(tx, item.namespace, item.id, why)
        else:
            outbox.put_off(tx, item.namespace, item.id, NOT_SET_UP, why)


def _is_over(tx: Tx, item: Item) -> bool:
    """Whether nobody needs to be told any more: a gate that is closed was never shown where nothing is set up."""
    gate = gates.get(tx, item.namespace, str(item.payload.get("gate_id")))
    return gate is None or gate.state != "open"


class _Channel:
    """The two lines of one channel."""

    def __init__(self, services: Services, channel: Channel) -> None:
        shower = Shower(services, channel)
        self.slow = _Line(services, shower, posting=True, at_once=WAITING_AT_ONCE)
        self.quick = _Line(services, shower, posting=False, at_once=AT_ONCE, slow=self.slow)

    @property
    def busy(self) -> bool:
        return self.quick.busy or self.slow.busy

    async def settled(self) -> None:
        await self.quick.settled()
        await self.slow.settled()

    async def close(self) -> list[Item]:
        return [*await self.quick.close(), *await self.slow.close()]


class _Line:
    """Gates that wait to be shown, each with the rows that asked for it."""

    def __init__(
        self, services: Services, shower: Shower, *, posting: bool, at_once: int, slow: _Line | None = None
    ) -> None:
        self._services = services
        self._shower = shower
        self._posting = posting
        self._at_once = at_once
        self._slow = slow
        self._waiting: OrderedDict[Key, dict[str, Item]] = OrderedDict()
        self._working: dict[Key, dict[str, Item]] = {}
        self._workers: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        return bool(self._workers)

    def knows(self, item: Item) -> bool:
        """Whether the row waits or is worked on here: one that is taken again meanwhile is not news."""
        key = _key(item)
        return item.id in self._waiting.get(key, {}) or item.id in self._working.get(key, {})

    def add(self, item: Item) -> bool:
        """False when the line is full."""
        if self.knows(item) or (self._slow is not None and self._slow.knows(item)):
            return True
        key = _key(item)
        if key not in self._waiting and len(self._waiting) >= LONGEST_LINE:
            return False
        self._waiting.setdefault(key, {})[item.id] = item
        if len(self._workers) < self._at_once:
            worker = asyncio.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        return True

    async def settled(self) -> None:
        while self._workers:
            await asyncio.gather(*self._workers)

    async def close(self) -> list[Item]:
        """Stop, and return the rows that were not finished."""
        left = [item for items in (*self._waiting.values(), *self._working.values()) for item in items.values()]
        self._waiting.clear()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        return left

    async def _work(self) -> None:
        while (key := self._next()) is not None:
            items = self._working[key] = self._waiting.pop(key)
            try:
                await self._show(key, list(items.values()))
            finally:
                del self._working[key]

    def _next(self) -> Key | None:
        return next((key for key in self._waiting if key not in self._working), None)

    async def _show(self, key: Key, items: list[Item]) -> None:
        gate = Gate(
            namespace=key[0],
            id=key[1],
            reminders=max(int(item.payload.get("number") or 0) for item in items),
            force=any(item.payload.get("force") is True for item in items),
        )
        try:
            done = await self._shower.show(gate, posting=self._posting)
            if not done and self._slow is not None:
                items = [item for item in items if not self._slow.add(item)]
                if items:
                    await self._later(items, WAITS, FULL)
                return
            await self._services.db.write(lambda tx: _delivered(tx, items))
        except NotTold as error:
            log.warning("the gate %s could not be shown: %s", gate.id, error)
            await self._later(items, str(error), error.again_in)
        except StoreUnavailable as error:
            log.warning("the gate %s waits for the store to be shown: %s", gate.id, error)
        except Exception as error:
            log.exception("the gate %s could not be shown", gate.id)
            await self._later(items, type(error).__name__, None)

    async def _later(self, items: list[Item], why: str, pause: timedelta | None) -> None:
        def put_off(tx: Tx) -> None:
            for item in items:
                if pause is None:
                    outbox.failed(tx, item.namespace, item.id, why)
                else:
                    outbox.put_off(tx, item.namespace, item.id, pause, why)

        with contextlib.suppress(StoreUnavailable):
            await self._services.db.write(put_off)


def _key(item: Item) -> Key:
    return item.namespace, str(item.payload.get("gate_id"))


def _delivered(tx: Tx, items: list[Item]) -> None:
    for item in items:
        outbox.delivered(tx, item.namespace, item.id)
