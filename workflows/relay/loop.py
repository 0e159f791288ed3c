"""The relay: takes due outbox rows and delivers each, in the API process, one leader at a time.

It looks every ``relay_every`` with one cheap read and writes only when there is something to do. Taking a row needs the
leader's lease, which lasts three seconds: after a kill the next process delivers within five.
A row that cannot be delivered is put off with a growing pause; a slow callback holds up nobody, since each row is a task.
What gates tell in other channels (``notices``) is handed to a desk of its own and never waits here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from workflows.gateway import TemporalUnavailable
from workflows.relay.callbacks import CallbackFailed, CallbackGivenUp, deliver_callback
from workflows.relay.notices.channel import Channel
from workflows.relay.notices.desk import Desk
from workflows.relay.notices.table import channels_of
from workflows.relay.reconcile import Reconciler
from workflows.store.db import StoreUnavailable, Tx
from workflows.store.repositories import leases, outbox
from workflows.store.repositories.outbox import Item
from workflows.usecases import delivery
from workflows.usecases.services import Services

log = logging.getLogger("visto.relay")

EVERYWHERE = "*"
LEADER = "leader"
NAME = "relay"
NOTIFICATION = "notification"
LEASE = timedelta(seconds=3)
BATCH = 64
AT_ONCE = 32

Deliver = Callable[[Services, Item], Awaitable[None]]


async def _start(services: Services, item: Item) -> None:
    await delivery.deliver_start(services, item.namespace, item.payload["execution_id"])


async def _doorbell(services: Services, item: Item) -> None:
    await delivery.deliver_doorbell(services, item.target, item.payload.get("gate_id") or item.payload["what"])


async def _cancel(services: Services, item: Item) -> None:
    payload = item.payload
    await delivery.deliver_cancel(services, item.namespace, payload["execution_id"], payload["generation"])


DELIVERIES: dict[str, Deliver] = {
    delivery.START: _start,
    delivery.DOORBELL: _doorbell,
    delivery.CANCEL: _cancel,
    delivery.CALLBACK: deliver_callback,
}


class Relay:
    """Start with ``run`` in a task, wake with ``poke``, end by cancelling the task.

    ``channels`` are those that show gates; by default the ones that are set up here.
    """

    def __init__(
        self, services: Services, *, lease: timedelta = LEASE, channels: Mapping[str, Channel] | None = None
    ) -> None:
        self._services = services
        self._lease = lease
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._poked = asyncio.Event()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()
        self._reconciler = Reconciler(services)
        shown_in = channels_of(services) if channels is None else channels
        self._notices = Desk(services, shown_in)
        if shown_in:
            services.wakes.append(self.poke)

    def poke(self) -> None:
        """Look now instead of at the next tick."""
        self._poked.set()

    async def run(self) -> None:
        """Work until cancelled. A store or a Temporal that is down is waited for."""
        try:
            while True:
                try:
                    await self.tick()
                except StoreUnavailable as error:
                    log.warning("the relay waits for the store: %s", error)
                except Exception:
                    log.exception("the relay failed once and goes on")
                await self._sleep()
        finally:
            await self._stop()

    async def tick(self) -> None:
        """Mark what was delivered in line, deliver everything that is due, reconcile when it is time."""
        await self._flush()
        while items := await self._take():
            await self._notices.accept([item for item in items if item.kind == NOTIFICATION])
            for item in (item for item in items if item.kind != NOTIFICATION):
                await self._room.acquire()
                task = asyncio.create_task(self._deliver(item))
                self._running.add(task)
                task.add_done_callback(self._finished)
        await self._reconciler.maybe()

    async def settled(self) -> None:
        """Wait until every delivery that was begun has ended."""
        while self._running:
            await asyncio.gather(*self._running)
        await self._notices.settled()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._room.release()

    async def _sleep(self) -> None:
        # not wait_for: in Python 3.11 it swallows a cancellation that comes together with the poke
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._services.settings.relay_every.total_seconds()):
                await self._poked.wait()
        self._poked.clear()

    async def _take(self) -> list[Item]:
        db = self._services.db
        next_due = await db.read(outbox.next_due)
        if next_due is None or next_due > db.clock():
            return []
        return await db.write(self._take_as_leader)

    def _take_as_leader(self, tx: Tx) -> list[Item]:
        slot = leases.acquire(tx, EVERYWHERE, NAME, self._owner, limit=1, ttl=self._lease, kind=LEADER, queue=False)
        return outbox.due(tx, limit=BATCH) if slot.held else []

    async def _deliver(self, item: Item) -> None:
        deliver = DELIVERIES.get(item.kind)
        try:
            if deliver is None:
                await self._put_off(item, f"nobody delivers {item.kind!r} rows here")
                return
            await deliver(self._services, item)
            await self._services.db.write(lambda tx: delivery.mark(tx, item.namespace, item.id))
        except (TemporalUnavailable, CallbackFailed, delivery.NotYet) as error:
            await self._put_off(item, str(error))
        except CallbackGivenUp as error:
            log.warning("the callback %s was given up: %s", item.id, error)
            reason = str(error)
            await self._services.db.write(lambda tx: outbox.drop(tx, item.namespace, item.id, reason))
        except StoreUnavailable as error:
            log.warning("the row %s waits for the store: %s", item.id, error)  # it falls due again by itself
        except Exception as error:
            log.exception("the row %s (%s) could not be delivered", item.id, item.kind)
            await self._put_off(item, type(error).__name__)

    async def _put_off(self, item: Item, error: str) -> None:
        with contextlib.suppress(StoreUnavailable):
            await self._services.db.write(lambda tx: outbox.failed(tx, item.namespace, item.id, error))

    async def _flush(self) -> None:
        rung = self._services.rung
        done = [rung.popleft() for _ in range(len(rung))]
        if not done:
            return
        try:
            await self._services.db.write(lambda tx: _mark(tx, done))
        except StoreUnavailable:
            rung.extend(done)
            raise

    async def _stop(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._notices.close()
        with contextlib.suppress(StoreUnavailable):
            await self._flush()
            await self._services.db.write(self._resign)

    def _resign(self, tx: Tx) -> None:
        leases.release(tx, EVERYWHERE, NAME, self._owner, kind=LEADER)


def _mark(tx: Tx, rows: list[tuple[str, str]]) -> None:
    for namespace, row in rows:
        delivery.mark(tx, namespace, row)
