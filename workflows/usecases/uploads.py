"""Files that people hand in: kept where the file tasks of their namespace read, under a name that says their content.

The same content under the same name is kept once, so handing it in again changes nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from pathlib import Path

from connectors.base import ConnectorError
from connectors.paths import MAX_NAME_BYTES, check_extension, folder, open_at, split
from workflows.usecases.refusals import Refused
from workflows.usecases.services import Services

INBOX = "inbox"
MAX_LISTED = 200
MAX_DEPTH = 3
_UNFIT = re.compile(r"[^\w.()+ -]+")


async def keep(services: Services, namespace: str, name: str, content: bytes) -> str:
    """Keep a file and return the path by which a flow reads it. Raises ``Refused`` (``invalid_file``)."""
    root = services.settings.files / namespace
    try:
        return await asyncio.to_thread(_keep, root, name, content)
    except ConnectorError as error:
        raise Refused("invalid_file", str(error), status=422, remedy=error.remedy) from error


async def listed(services: Services, namespace: str) -> list[str]:
    """Paths of files that a flow may read, newest first, as far as a list is useful."""
    return await asyncio.to_thread(_listed, services.settings.files / namespace)


def _keep(root: Path, name: str, content: bytes) -> str:
    plain = _UNFIT.sub("_", name.replace("\\", "/").rpartition("/")[2]).strip(". ") or "file.txt"
    stem, dot, ending = plain.rpartition(".")
    digest = hashlib.sha256(content).hexdigest()[:12]
    room = MAX_NAME_BYTES - len(ending.encode()) - 20
    stem = stem.encode()[:room].decode(errors="ignore") if dot else plain
    path = f"{INBOX}/{digest}-{stem}{dot}{ending if dot else ''}"
    parts = split(path)
    check_extension(path)
    with folder(root, parts[:-1], create=True) as parent:
        _write(parent, parts[-1], path, content)
    return path


def _write(parent: int, name: str, path: str, content: bytes) -> None:
    draft = f".{name[:120]}.{os.getpid()}.{os.urandom(4).hex()}"
    descriptor = open_at(parent, draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, path=path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(draft, name, src_dir_fd=parent, dst_dir_fd=parent)
    except BaseException:
        os.unlink(draft, dir_fd=parent)
        raise


def _listed(root: Path) -> list[str]:
    found: list[tuple[float, str]] = []
    open_folders = [(root, 0)]
    while open_folders:
        at, depth = open_folders.pop()
        try:
            entries = list(os.scandir(at))
        except OSError:
            continue
        for entry in entries:
            if entry.name.startswith(".") or entry.is_symlink():
                continue
            if entry.is_dir() and depth < MAX_DEPTH:
                open_folders.append((Path(entry.path), depth + 1))
            elif entry.is_file():
                found.append((entry.stat().st_mtime, Path(entry.path).relative_to(root).as_posix()))
    return [path for _, path in sorted(found, reverse=True)[:MAX_LISTED]]
