"""Writes to a file that happen exactly once per ``op_id``, wherever the process is killed.

Each target has a side file ``.<name>.visto-ops``: it is the lock (``flock``) and the journal. An intent is on disk
before the first byte of the target changes, and says enough to tell afterwards what happened:

append    offset, length and sha256 of the bytes to come. Equal bytes there: applied. Else: cut off, not applied.
replace   a complete, synced temporary file stands ready. Gone: it was renamed, so applied. Still there: not applied.
create    as replace, but linked. The target is the same file: applied.

Whoever takes the lock first settles the last intent, so at most one is ever open. While one is open, only carrying it
out may remove the temporary file: its absence is the evidence.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from connectors import once_refusals as refuse
from connectors.locks import locked
from connectors.oplog import Json, OpLog, write_all
from connectors.paths import check_extension, folder, open_at, split

Mode = Literal["replace", "append", "create"]


@dataclass(frozen=True, slots=True)
class Existing:
    """The target before an append. ``last`` is the result of the last write, if the file still ends where it did."""

    descriptor: int | None = None
    size: int = 0
    last: Json | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What to write, and the result to remember and return."""

    data: bytes
    result: Json


Render = Callable[[Existing], Content]


def write_once(root: Path, path: str, *, op_id: str, mode: Mode, request: bytes, render: Render) -> Json:
    """Write what ``render`` makes of the existing file, once per ``op_id``; return its result, also on a repetition.

    ``request`` identifies what was asked for: the same ``op_id`` with another request is refused.
    ``create`` refuses an existing file. Raises ``ConnectorError``.
    """
    parts = split(path)
    check_extension(path)
    digest = hashlib.sha256(f"{mode}\0".encode() + request).hexdigest()
    try:
        with folder(root, parts[:-1], create=True) as parent, locked(parent, _side(parts[-1], "ops"), path) as journal:
            target = _Target(parent, parts[-1], path, OpLog(journal))
            target.settle()
            entry = target.log.find(op_id)
            if entry is None or entry["state"] == "void":
                return target.apply(mode, op_id, digest, render)
    except OSError as error:
        raise refuse.io_error(path, error) from error
    if entry["request"] != digest:
        raise refuse.other_request(path)
    return dict(entry["result"])


def _side(name: str, kind: str) -> str:
    return f".{name}.visto-{kind}"


@dataclass(frozen=True, slots=True)
class _Target:
    """A file by its opened folder, with its journal, while the lock is held."""

    parent: int
    name: str
    path: str
    log: OpLog

    @property
    def temporary(self) -> str:
        return _side(self.name, "new")

    def settle(self) -> None:
        """Decide from the disk whether the last intent, if it is open, was carried out."""
        entry = self.log.last()
        if entry is None or entry["state"] != "intended":
            return
        applied = self._appended(entry) if entry["mode"] == "append" else self._swapped()
        self.log.add({"op_id": entry["op_id"], "state": "applied" if applied else "void"}, sync=True)

    def apply(self, mode: Mode, op_id: str, digest: str, render: Render) -> Json:
        intent = {"op_id": op_id, "state": "intended", "mode": mode, "request": digest}
        result = self._append(intent, render) if mode == "append" else self._swap(intent, render)
        self.log.add({"op_id": op_id, "state": "applied"}, sync=False)
        return result

    def _append(self, intent: Json, render: Render) -> Json:
        descriptor = open_at(self.parent, self.name, os.O_RDWR | os.O_CREAT, path=self.path)
        try:
            size = os.fstat(descriptor).st_size
            content = render(Existing(descriptor if size else None, size, self._last_result(size)))
            span = {"offset": size, "length": len(content.data), "sha256": hashlib.sha256(content.data).hexdigest()}
            os.fsync(self.parent)
            self.log.add(intent | span | {"end": size + len(content.data), "result": content.result}, sync=True)
            os.lseek(descriptor, size, os.SEEK_SET)
            write_all(descriptor, content.data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return content.result

    def _last_result(self, size: int) -> Json | None:
        last = self.log.last()
        return last["result"] if last and last["state"] == "applied" and last["end"] == size else None

    def _appended(self, intent: Json) -> bool:
        try:
            descriptor = open_at(self.parent, self.name, os.O_RDWR, path=self.path)
        except FileNotFoundError:
            return False
        try:
            written = os.pread(descriptor, intent["length"], intent["offset"])
            applied: bool = hashlib.sha256(written).hexdigest() == intent["sha256"]
            size = os.fstat(descriptor).st_size
            if not applied and size > intent["end"]:
                raise refuse.changed_by_others(self.path, _side(self.name, "ops"))
            if not applied and size > intent["offset"]:
                os.ftruncate(descriptor, intent["offset"])
            os.fsync(descriptor)
            return applied
        finally:
            os.close(descriptor)

    def _swap(self, intent: Json, render: Render) -> Json:
        if intent["mode"] == "create" and self._stat(self.name) is not None:
            raise refuse.already_there(self.path)
        content = render(Existing())
        # It may be a second name of the target, left by a kill: never write into it, make a new one.
        self._remove_temporary()
        descriptor = open_at(self.parent, self.temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, path=self.path)
        try:
            write_all(descriptor, content.data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.fsync(self.parent)
        self.log.add(intent | {"end": len(content.data), "result": content.result}, sync=True)
        if intent["mode"] == "create":
            self._link(intent["op_id"])
        else:
            os.rename(self.temporary, self.name, src_dir_fd=self.parent, dst_dir_fd=self.parent)
        os.fsync(self.parent)
        return content.result

    def _link(self, op_id: str) -> None:
        names = {"src_dir_fd": self.parent, "dst_dir_fd": self.parent}
        try:
            os.link(self.temporary, self.name, **names, follow_symlinks=False)
        except FileExistsError:
            self.log.add({"op_id": op_id, "state": "void"}, sync=True)
            raise refuse.already_there(self.path) from None
        self._remove_temporary()

    def _swapped(self) -> bool:
        temporary, target = self._stat(self.temporary), self._stat(self.name)
        if temporary is None:
            return True
        return target is not None and (temporary.st_dev, temporary.st_ino) == (target.st_dev, target.st_ino)

    def _stat(self, name: str) -> os.stat_result | None:
        try:
            return os.stat(name, dir_fd=self.parent, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def _remove_temporary(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self.temporary, dir_fd=self.parent)
