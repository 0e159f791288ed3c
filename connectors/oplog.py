"""The journal beside a file that Visto writes: one JSON line per step, also the lock of that file."""

from __future__ import annotations

import json
import os
from typing import Any

Json = dict[str, Any]

_CHUNK_BYTES = 1024 * 1024


def read_all(descriptor: int) -> bytes:
    """The whole content, from the start."""
    chunks, offset = [], 0
    while chunk := os.pread(descriptor, _CHUNK_BYTES, offset):
        chunks.append(chunk)
        offset += len(chunk)
    return b"".join(chunks)


def write_all(descriptor: int, data: bytes) -> None:
    """Write at the descriptor's position until nothing is left."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class OpLog:
    """Steps of operations, each ``{op_id, state, ...}``; the entry of an operation is its steps laid over each other.

    Only the holder of the file's lock may construct one. A last line that was cut short never happened: it is removed.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        raw = read_all(descriptor)
        whole = raw[: raw.rfind(b"\n") + 1]
        if len(whole) < len(raw):
            os.ftruncate(descriptor, len(whole))
        self._lines = whole.splitlines()
        self._end = len(whole)

    def find(self, op_id: str) -> Json | None:
        """The entry of an operation. Only its own lines are decoded: the journal may be long."""
        needle = f'"op_id":{json.dumps(op_id)},'.encode()
        entry: Json = {}
        for line in self._lines:
            if needle in line:
                entry |= json.loads(line)
        return entry or None

    def last(self) -> Json | None:
        """The entry of the operation that was journalled last."""
        return self.find(json.loads(self._lines[-1])["op_id"]) if self._lines else None

    def add(self, step: Json, *, sync: bool) -> None:
        """Append a step. ``sync=False`` is for what can be found out again from the disk."""
        line = json.dumps(step, separators=(",", ":")).encode()
        os.lseek(self._descriptor, self._end, os.SEEK_SET)
        write_all(self._descriptor, line + b"\n")
        if sync:
            os.fsync(self._descriptor)
        self._lines.append(line)
        self._end += len(line) + 1
