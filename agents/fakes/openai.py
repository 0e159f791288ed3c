"""An OpenAI-compatible provider on real HTTP: chat completions with tools, embeddings, models.

It enforces the real API's rules, misbehaves as its script says, and writes each request to a log *before* it
answers, so that another process can count what was asked. In process::

    async with FakeOpenAI(log=path) as fake:
        settings = {"base_url": fake.base_url}

or on its own: ``python -m agents.fakes.openai --port 0 --log FILE --script FILE`` (prints its address).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import signal
import struct
import sys
import time
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from agents.fakes.openai_checks import Refused, check_auth, check_chat, check_embeddings
from agents.fakes.openai_script import Script, message

Json = Any
MAX_BODY = 32 * 1024 * 1024
EMBEDDING_DIMENSIONS = 1536
CREATED = 1_700_000_000


class RequestLog:
    """Append-only JSON lines, each on disk before the request is answered; ``at`` is in seconds since the epoch."""

    def __init__(self, path: Path | None) -> None:
        self.entries: list[dict[str, Json]] = []
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) if path else None

    def add(self, entry: dict[str, Json]) -> None:
        self.entries.append(entry)
        if self._file is not None:
            stamped = {"at": time.time(), **entry}
            os.write(self._file, json.dumps(stamped, sort_keys=True).encode() + b"\n")
            os.fsync(self._file)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class FakeOpenAI:
    """The server. ``requests`` holds the entries logged so far; each has ``event`` ``request`` or ``answered``.

    ``arrived`` is set by the first request.
    """

    def __init__(
        self,
        script: Iterable[dict[str, Json]] = (),
        *,
        log: Path | None = None,
        port: int = 0,
        keys: frozenset[str] | None = None,
    ) -> None:
        self.script = Script(script)
        self._log = RequestLog(log)
        self._port = port
        self._keys = keys
        self._number = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.arrived = asyncio.Event()

    @property
    def base_url(self) -> str:
        assert self._server is not None, "the server is not started"
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    @property
    def requests(self) -> list[dict[str, Json]]:
        """The chat requests in order of arrival: number, sha256 of the body, body, behaviour."""
        return [e for e in self._log.entries if e["event"] == "request" and e["path"].endswith("/chat/completions")]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        self._log.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        raw = await reader.readexactly(min(int(headers.get("content-length", 0)), MAX_BODY))
        self._number += 1
        number = self._number
        try:
            status, reply, extra = await self._answer(number, method, path, headers, raw)
        except Refused as refused:
            status, reply, extra = refused.status, json.dumps(refused.body).encode(), {}
        cut = extra.pop("cut", None)
        fields = {"content-type": "application/json", "content-length": str(len(reply)), **extra}
        writer.write(f"HTTP/1.1 {status} -\r\n".encode())
        writer.write("".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n")
        writer.write(reply if cut is None else reply[: int(cut)])
        await writer.drain()
        self._log.add({"event": "answered", "number": number, "path": path, "status": status, "complete": cut is None})
        return cut is None

    async def _answer(
        self, number: int, method: str, path: str, headers: dict[str, str], raw: bytes
    ) -> tuple[int, bytes, dict[str, str]]:
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = None
        chat = sum(e["event"] == "request" and e["path"].endswith("/chat/completions") for e in self._log.entries) + 1
        is_chat = (method, path) == ("POST", "/v1/chat/completions")
        do = self.script.decide(body, chat) if is_chat and isinstance(body, dict) else {"kind": "auto"}
        canonical = json.dumps(body, sort_keys=True, ensure_ascii=False).encode() if body is not None else raw
        self._log.add(
            {
                "event": "request",
                "number": number,
                "path": path,
                "sha256": sha256(canonical).hexdigest(),
                "behaviour": do["kind"],
                "body": body,
            }
        )
        self.arrived.set()
        check_auth(headers.get("authorization", ""), self._keys)
        if is_chat:
            return await _chat(check_chat(body), do, number)
        if (method, path) == ("POST", "/v1/embeddings"):
            return 200, json.dumps(_embeddings(check_embeddings(body))).encode(), {}
        if (method, path) == ("GET", "/v1/models"):
            return 200, json.dumps({"object": "list", "data": [{"id": "fake-1", "object": "model"}]}).encode(), {}
        raise Refused(f"Invalid URL ({method} {path})", status=404)


async def _chat(body: dict[str, Json], do: dict[str, Json], number: int) -> tuple[int, bytes, dict[str, str]]:
    kind = do["kind"]
    if kind == "status":
        error = {"message": do.get("message", "scripted"), "type": "scripted", "code": do.get("code"), "param": None}
        extra = {"retry-after": str(do["retry_after"])} if "retry_after" in do else {}
        return int(do["status"]), json.dumps({"error": error}).encode(), extra
    if kind == "html":
        return 200, b"<html><body>Welcome</body></html>", {"content-type": "text/html"}
    if kind == "hang":
        await asyncio.sleep(float(do.get("seconds", 3600)))
    reply = json.dumps(_completion(body, do if kind in _SPOKEN else {"kind": "auto"}, number))
    if kind == "empty_choices":
        reply = json.dumps({**json.loads(reply), "choices": []})
    if kind == "null_choices":
        reply = json.dumps({**json.loads(reply), "choices": None})
    if kind == "half_json":
        reply = reply[: len(reply) // 2]
    if kind == "huge":
        reply = json.dumps({**json.loads(reply), "padding": "x" * int(do.get("bytes", 10 * 1024 * 1024))})
    extra = {"cut": str(do.get("after", len(reply) // 2))} if kind == "cut" else {}
    return 200, reply.encode(), extra


_SPOKEN = {"auto", "text", "answer", "tool_calls", "refusal", "content_filter", "nan", "broken_arguments"}


def _completion(body: dict[str, Json], do: dict[str, Json], number: int) -> dict[str, Json]:
    spoken, reason = message(body, do)
    sent, received = len(json.dumps(body)) // 4, len(json.dumps(spoken)) // 4
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": CREATED,
        "model": body["model"],
        "choices": [{"index": 0, "message": spoken, "finish_reason": reason, "logprobs": None}],
        "usage": {"prompt_tokens": sent, "completion_tokens": received, "total_tokens": sent + received},
    }


def _embeddings(body: dict[str, Json]) -> dict[str, Json]:
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    size = int(body.get("dimensions") or EMBEDDING_DIMENSIONS)
    vectors = [_vector(json.dumps(text), size) for text in texts]
    coded: list[Json] = list(vectors)
    if body.get("encoding_format") == "base64":
        coded = [base64.b64encode(struct.pack(f"<{size}f", *vector)).decode() for vector in vectors]
    data = [{"object": "embedding", "index": place, "embedding": item} for place, item in enumerate(coded)]
    tokens = sum(len(str(text)) // 4 + 1 for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "model": body["model"], "data": data, "usage": usage}


def _vector(text: str, size: int) -> list[float]:
    """A unit vector that depends on the text's words, so that texts with common words are nearer."""
    vector = [0.0] * size
    for word in text.lower().split():
        spot = int.from_bytes(sha256(word.encode()).digest()[:8], "big")
        vector[spot % size] += 1.0 if spot & 1 << 60 else -1.0
    length = sum(x * x for x in vector) ** 0.5
    return [x / length for x in vector] if length else [1.0, *vector[1:]]


async def _serve(args: argparse.Namespace) -> None:
    script = json.loads(args.script.read_text("utf-8")) if args.script else []
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with FakeOpenAI(script, log=args.log, port=args.port) as fake:
        sys.stdout.write(f"{fake.base_url}\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m agents.fakes.openai", description="An OpenAI-compatible fake.")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose; the address is printed")
    parser.add_argument("--log", type=Path, help="append every request to this file")
    parser.add_argument("--script", type=Path, help="a JSON list of rules")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
