"""A small real HTTP server whose next answers a test scripts; it counts what it was asked."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Self


class Remote:
    """``answers`` holds status codes to give, in turn; when it is empty, 200. ``pause_s`` delays every answer."""

    def __init__(self) -> None:
        self.answers: deque[int] = deque()
        self.headers: dict[str, str] = {}
        self.requests: list[str] = []
        self.keys: list[str] = []
        self.pause_s = 0.0
        self._open: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client left
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            self._open.discard(task)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(head.splitlines()[0])
        self.keys += [
            line.split(": ", 1)[1] for line in head.splitlines() if line.lower().startswith("idempotency-key:")
        ]
        status = self.answers.popleft() if self.answers else 200
        await asyncio.sleep(self.pause_s)
        more = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        body = b'{"ok": true}'
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}"
            "Connection: close\r\n\r\n".encode()
            + body
        )
        await writer.drain()
