"""Whether a server answers, asked over plain HTTP without a client library (the supervisor stays small)."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from visto.supervisor.ports import HOST

_TIMEOUT_S = 2.0


async def get(port: int, path: str) -> tuple[int, bytes] | None:
    """Status and body of a GET on this machine; ``None`` when nobody answers in time."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\nHost: {HOST}:{port}\r\nAccept: application/json\r\n\r\n".encode())
                await writer.drain()
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    with suppress(IndexError, ValueError):
        return int(head.split(b" ", 2)[1]), body
    return None


async def answers(port: int, path: str) -> bool:
    """Whether a GET of this path succeeds."""
    found = await get(port, path)
    return found is not None and found[0] == 200  # noqa: PLR2004


async def polled(http_port: int, queue: str, pid: int) -> bool:
    """Whether the worker that is process ``pid`` has asked Temporal for work on ``queue``.

    Temporal names pollers that are long gone, too; a worker's name there is ``pid@host``.
    """
    path = f"/api/v1/namespaces/default/task-queues/{queue}?taskQueueType=TASK_QUEUE_TYPE_WORKFLOW"
    found = await get(http_port, path)
    if found is None or found[0] != 200:  # noqa: PLR2004
        return False
    try:
        answer: dict[str, Any] = json.loads(found[1])
    except ValueError:
        return False
    return any(str(poller.get("identity", "")).startswith(f"{pid}@") for poller in answer.get("pollers", []))
