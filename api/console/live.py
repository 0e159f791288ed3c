"""What changes while a page is open, as server-sent events: gates, executions and brakes of the viewer's namespace.

The journal is the feed: each process reads what was added to it, however many pages listen, so replicas need not know
of each other. A record may commit after one that was made later, hence each look reaches back a little and tells
nothing twice. A page that begins to listen hears first what happened since it was made.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from workflows.store.db import StoreUnavailable
from workflows.store.repositories import changes
from workflows.store.repositories.changes import Change
from workflows.usecases.services import Services

log = logging.getLogger("visto.console")

EVERY = timedelta(milliseconds=400)
REACH_BACK = timedelta(seconds=5)
CAUGHT_UP = timedelta(minutes=5)
"""How old a page may be when it begins to listen; an older one is told to ask how things stand."""
KEEP_ALIVE = timedelta(seconds=15)
LOOK_UP = timedelta(seconds=0.5)
TOLD = 4096
BACKLOG = 1000
MAX_CHANGES = 500

Json = dict[str, Any]


@dataclass(eq=False)
class Listener:
    """One open page. When it is too slow, ``lost`` tells it to ask how things stand."""

    namespace: str
    queue: asyncio.Queue[tuple[datetime, Json]] = field(default_factory=lambda: asyncio.Queue(BACKLOG))
    lost: bool = False

    def tell(self, heard: datetime, event: Json) -> None:
        """``heard`` is up to when it has heard everything, even if it hears nothing after this."""
        try:
            self.queue.put_nowait((heard, event))
        except asyncio.QueueFull:
            self.lost = True


class Feed:
    """Looks while anybody listens, and only then. One per process, in ``app.state.feed``."""

    def __init__(self, services: Services) -> None:
        self._db = services.db
        self._listeners: set[Listener] = set()
        self._looking: asyncio.Task[None] | None = None
        self._told: OrderedDict[str, None] = OrderedDict()
        self._from = self._db.clock()
        self.stopping: Callable[[], bool] = lambda: False
        """Whether the server is on its way down: it waits for its connections, and these would stay for ever."""

    async def stream(self, namespace: str, since: datetime) -> AsyncIterator[str]:
        """Events from ``since`` on in the wire's form until the reader goes away; now and then one without data."""
        listener = Listener(namespace)
        self._listen(listener)
        try:
            yield _message(since, {}, event="hello", more="retry: 2000\n")
            await self._catch_up(listener, since)
            quiet = timedelta(0)
            while not listener.lost and not (self.stopping() and listener.queue.empty()):
                try:
                    heard, event = await asyncio.wait_for(listener.queue.get(), LOOK_UP.total_seconds())
                except TimeoutError:
                    quiet += LOOK_UP
                    if quiet >= KEEP_ALIVE:
                        quiet = timedelta(0)
                        yield f"id: {self._from.isoformat()}\n\n"
                    continue
                yield _message(heard, event)
            if listener.lost:
                yield _message(self._db.clock(), {}, event="reload")
        finally:
            self._leave(listener)

    def _listen(self, listener: Listener) -> None:
        self._listeners.add(listener)
        if self._looking is None or self._looking.done():
            self._from = self._db.clock()
            self._looking = asyncio.create_task(self._look_on(), name="console-feed")

    def _leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        if self._looking is not None and not self._listeners:
            self._looking.cancel()
            self._looking = None

    async def _catch_up(self, listener: Listener, since: datetime) -> None:
        """Tell one page what happened since it was made; the others have heard it."""
        try:
            missed = None if since < self._db.clock() - CAUGHT_UP else await self._changes(listener.namespace, since)
        except StoreUnavailable:
            missed = None
        if missed is None or len(missed) >= MAX_CHANGES:
            listener.lost = True
            return
        for event in _events(missed):
            listener.tell(since, event)

    async def _changes(self, namespace: str, since: datetime) -> list[Change]:
        at = since - REACH_BACK
        return await self._db.read(partial(changes.since, namespace=namespace, at=at, limit=MAX_CHANGES))

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(EVERY.total_seconds())
            try:
                await self._look()
            except StoreUnavailable:
                continue
            except Exception:  # else every page of this process would hear nothing more, and nobody would know
                log.exception("what has changed could not be read; open pages hear of it with the next look")

    async def _look(self) -> None:
        started = self._db.clock()
        for namespace in {listener.namespace for listener in self._listeners}:
            found = await self._changes(namespace, self._from)
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
        events = _events(found)
        for listener in self._listeners:
            if listener.namespace == namespace:
                for event in events:
                    listener.tell(self._from, event)

    async def close(self) -> None:
        """Stop looking."""
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)


def _message(heard: datetime, data: Json, *, event: str = "", more: str = "") -> str:
    """One message on the wire. ``heard`` comes back from a browser that has lost the connection."""
    named = f"event: {event}\n" if event else ""
    return f"{more}id: {heard.isoformat()}\n{named}data: {json.dumps(data, separators=(',', ':'))}\n\n"


def _events(found: Iterable[Change]) -> list[Json]:
    """What to tell of these changes, each once: that somebody looked must not hide that somebody else decided."""
    events = [event_of(change) for change in found]
    return list({tuple(event.items()): event for event in events}.values())


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
