"""What changes while a page is open, as server-sent events: gates, executions and brakes of the viewer's namespace.

The journal is the feed: each process reads what was added to it, however many pages listen, so replicas need not know
of each other. A record may commit after one that was made later, hence each look reaches back a little and tells
nothing twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from workflows.store.db import StoreUnavailable
from workflows.store.repositories import changes
from workflows.store.repositories.changes import Change
from workflows.usecases.services import Services

log = logging.getLogger("visto.console")

EVERY = timedelta(milliseconds=400)
REACH_BACK = timedelta(seconds=5)
KEEP_ALIVE = timedelta(seconds=15)
LOOK_UP = timedelta(seconds=0.5)
TOLD = 4096
BACKLOG = 1000
MAX_CHANGES = 500

Json = dict[str, Any]


@dataclass(eq=False)
class Listener:
    """One open page. When it is too slow, ``lost`` tells it to load itself anew."""

    namespace: str
    queue: asyncio.Queue[Json] = field(default_factory=lambda: asyncio.Queue(BACKLOG))
    lost: bool = False

    def tell(self, event: Json) -> None:
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            self.lost = True


class Feed:
    """Looks while anybody listens, and only then. One per process, in ``app.state.feed``."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._listeners: set[Listener] = set()
        self._looking: asyncio.Task[None] | None = None
        self._told: OrderedDict[str, None] = OrderedDict()
        self._from = datetime.now(UTC)
        self.stopping: Callable[[], bool] = lambda: False
        """Whether the server is on its way down: it waits for its connections, and these would stay for ever."""

    async def stream(self, namespace: str) -> AsyncIterator[str]:
        """Events in the wire's form until the reader goes away; a comment now and then keeps the way open."""
        listener = Listener(namespace)
        self._listen(listener)
        try:
            yield "retry: 2000\nevent: hello\ndata: {}\n\n"
            quiet = timedelta(0)
            while not listener.lost and not self.stopping():
                try:
                    event = await asyncio.wait_for(listener.queue.get(), LOOK_UP.total_seconds())
                except TimeoutError:
                    quiet += LOOK_UP
                    if quiet >= KEEP_ALIVE:
                        quiet = timedelta(0)
                        yield ": still here\n\n"
                    continue
                yield f"data: {json.dumps(event, separators=(',', ':'))}\n\n"
            if listener.lost:
                yield "event: reload\ndata: {}\n\n"
        finally:
            self._listeners.discard(listener)

    def _listen(self, listener: Listener) -> None:
        self._listeners.add(listener)
        if self._looking is None or self._looking.done():
            self._from = datetime.now(UTC)
            self._looking = asyncio.create_task(self._look_on(), name="console-feed")

    async def _look_on(self) -> None:
        while self._listeners:
            await asyncio.sleep(EVERY.total_seconds())
            with contextlib.suppress(StoreUnavailable):
                await self._look()

    async def _look(self) -> None:
        started = datetime.now(UTC)
        since = self._from - REACH_BACK
        for namespace in {listener.namespace for listener in self._listeners}:
            found = await self._services.db.read(
                partial(changes.since, namespace=namespace, at=since, limit=MAX_CHANGES)
            )
            self._tell(namespace, [change for change in found if self._is_new(change)])
        self._from = started

    def _is_new(self, change: Change) -> bool:
        if change.event_id in self._told:
            return False
        self._told[change.event_id] = None
        while len(self._told) > TOLD:
            self._told.popitem(last=False)
        return True

    def _tell(self, namespace: str, found: list[Change]) -> None:
        events: dict[tuple[str, str], Json] = {}
        for change in found:
            event = event_of(change)
            events[(event["topic"], event["id"])] = event
        for listener in self._listeners:
            if listener.namespace == namespace:
                for event in events.values():
                    listener.tell(event)

    async def close(self) -> None:
        """Stop looking."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)


def event_of(change: Change) -> Json:
    """``{topic: gate|execution|brakes, id, kind, ...}``: ids and kinds only; a page fetches what it may see."""
    if change.gate_id is not None:
        return {
            "topic": "gate",
            "id": change.gate_id,
            "kind": change.kind,
            "execution": change.execution_id,
            "by": change.actor_id,
        }
    if change.execution_id is not None:
        return {"topic": "execution", "id": change.execution_id, "kind": change.kind}
    return {"topic": "brakes", "id": change.kind, "kind": change.kind}
