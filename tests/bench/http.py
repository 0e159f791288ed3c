"""A keep-alive HTTP client that costs a tenth of a comfortable one: the load generator must not be what is measured."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

Json = Any
_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Http:
    """JSON calls to one API with one key; connections are kept and shared."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._head = f"Host: {parts.netloc}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        self._idle: list[_Connection] = []

    async def get(self, path: str) -> Json:
        return await self._call("GET", path, b"")

    async def post(self, path: str, body: Json) -> Json:
        return await self._call("POST", path, json.dumps(body).encode())

    async def _call(self, method: str, path: str, body: bytes) -> Json:
        connection = reader, writer = await self._connection()
        head = f"{method} /api/v1{path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        status, *headers = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        sizes = [int(line.split(":")[1]) for line in headers if line.lower().startswith("content-length:")]
        answer = await reader.readexactly(sizes[0])
        self._idle.append(connection)
        code = int(status.split()[1])
        assert 200 <= code < 300, f"{method} {path}: {code} {answer.decode()}"
        return json.loads(answer)

    async def _connection(self) -> _Connection:
        while self._idle:
            kept = self._idle.pop()
            if not kept[0].at_eof():
                return kept
            kept[1].close()  # the server closes what nobody has used for a while
        return await asyncio.open_connection(self._host, self._port)

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()
