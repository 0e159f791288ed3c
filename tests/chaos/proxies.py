"""A TCP proxy that loses answers: it lets a request be carried out, then drops the connection instead of the reply."""

from __future__ import annotations

import asyncio
import gzip
import random
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Self

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
CHUNK = 65_536
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
FRAME, DATA, COMPRESSED = 9, 0, 1


class Fate(Enum):
    """What happens to what the client sent."""

    PASS = "it is forwarded"
    LOSE_ANSWER = "it is forwarded, and the connection is dropped when the answer comes"
    CUT = "the connection is dropped before it is forwarded"


@dataclass
class Proxy:
    """Listens on ``port`` and asks ``rule`` about everything that a client sends. ``connect`` opens the other side."""

    rule: Callable[[bytes], Fate]
    connect: Callable[[], Awaitable[Streams]] | None = None
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        assert self.connect is not None
        self._open.add(task)
        try:
            there = await self.connect()
        except OSError:
            writer.transport.abort()
        else:
            await self._between((reader, writer), there)
        finally:
            self._open.discard(task)

    async def _between(self, here: Streams, there: Streams) -> None:
        lost = asyncio.Event()
        pumps = [asyncio.create_task(self._up(here, there, lost)), asyncio.create_task(_down(here, there, lost))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for _, writer in (here, there):
                writer.transport.abort()

    async def _up(self, here: Streams, there: Streams, lost: asyncio.Event) -> None:
        with suppress(OSError):
            while data := await here[0].read(CHUNK):
                fate = self.rule(data)
                if fate is Fate.CUT:
                    return
                if fate is Fate.LOSE_ANSWER:
                    lost.set()
                there[1].write(data)
                await there[1].drain()


async def _down(here: Streams, there: Streams, lost: asyncio.Event) -> None:
    with suppress(OSError):
        while (data := await there[0].read(CHUNK)) and not lost.is_set():
            here[1].write(data)
            await here[1].drain()


@dataclass
class Losses:
    """Loses the answers to a seeded share of what ``concerns`` picks, ``most`` in all; ``note`` hears of each."""

    seed: int
    share: float
    most: int
    concerns: Callable[[bytes], bool]
    note: Callable[[], None]
    count: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def __call__(self, data: bytes) -> Fate:
        if self.count == self.most or not self.concerns(data) or self._random.random() >= self.share:
            return Fate.PASS
        self.count += 1
        self.note()
        return Fate.LOSE_ANSWER


def is_commit(data: bytes) -> bool:
    """Whether a PostgreSQL client commits."""
    return data == COMMIT


def is_call(data: bytes) -> bool:
    """Whether a gRPC client sends a message."""
    return any(True for _ in messages(data))


def messages(data: bytes) -> Iterator[bytes]:
    """The gRPC messages in whole HTTP/2 frames, unpacked; what is cut in pieces is left out."""
    while len(data) >= FRAME:
        length, kind = int.from_bytes(data[:3], "big"), data[3]
        body, data = data[FRAME : FRAME + length], data[FRAME + length :]
        if kind != DATA or len(body) < length or length <= 5:
            continue
        packed, size = struct.unpack(">BI", body[:5])
        if size == length - 5:
            yield gzip.decompress(body[5:]) if packed == COMPRESSED else body[5:]


def to_tcp(address: str) -> Callable[[], Awaitable[Streams]]:
    """Opens connections to ``host:port``."""
    host, _, port = address.rpartition(":")
    return lambda: asyncio.open_connection(host, int(port))


def to_socket(path: Path) -> Callable[[], Awaitable[Streams]]:
    """Opens connections to a Unix socket."""
    return lambda: asyncio.open_unix_connection(path)
