"""Blocking work off the event loop, with a heartbeat while it lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from connectors.base import Call

T = TypeVar("T")

HEARTBEAT_SECONDS = 2.0


async def in_thread(call: Call, work: Callable[[], T]) -> T:
    """Run ``work`` in a thread. The heartbeat beats on the event loop, where its callback belongs.

    A cancelled call stops waiting; the thread ends its work, and what becomes of it then interests nobody.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work))
    running.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    while True:
        done, _ = await asyncio.wait({running}, timeout=HEARTBEAT_SECONDS)
        if done:
            return running.result()
        call.heartbeat(None)
