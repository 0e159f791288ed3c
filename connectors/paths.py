"""Paths that flows name, opened below one folder and nowhere else.

Every component is opened relative to its parent's descriptor with ``O_NOFOLLOW``, so a symbolic link is refused even
when it appears between two steps; nothing is ever looked up twice by name. Names that begin with a dot are ours.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.base import ConnectorError

EXTENSIONS = frozenset({".csv", ".json", ".jsonl", ".md", ".txt", ".yaml"})
"""Types of files that flows may read and write."""

MAX_NAME_BYTES = 200
"""Below the file systems' 255, so that the names of side files fit too."""

MAX_DEPTH = 32

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_REMEDY = "Name a file below the files folder with a relative path such as inbox/orders.csv."


def _refused(path: str, why: str, remedy: str = _REMEDY) -> ConnectorError:
    return ConnectorError(f"The path {path!r} {why}.", code="bad_request", permanent=True, remedy=remedy)


def split(path: str) -> tuple[str, ...]:
    """Split a flow's path into safe components, or refuse it with ``ConnectorError``."""
    if not path or path.startswith(("/", "~")):
        raise _refused(path, "is empty or absolute")
    if any(ord(char) < ord(" ") or char in "\\:\x7f" or "\ud800" <= char <= "\udfff" for char in path):
        raise _refused(path, "contains a backslash, a colon or a control character")
    parts = tuple(part for part in path.split("/") if part != ".")
    if not parts or len(parts) > MAX_DEPTH:
        raise _refused(path, f"must name a file at most {MAX_DEPTH} folders deep")
    for part in parts:
        if not part or part == "..":
            raise _refused(path, "leaves its folder or has an empty part")
        if part.startswith("."):
            raise _refused(path, "has a part that begins with a dot")
        if len(part.encode()) > MAX_NAME_BYTES:
            raise _refused(path, f"has a part longer than {MAX_NAME_BYTES} bytes")
    return parts


def check_extension(path: str) -> None:
    """Refuse file types outside ``EXTENSIONS``."""
    if Path(path).suffix.lower() not in EXTENSIONS:
        allowed = ", ".join(sorted(extension[1:] for extension in EXTENSIONS))
        raise _refused(path, "is of a file type that flows may not touch", f"Use one of: {allowed}.")


def _open_folder(name: str, parent: int, *, create: bool, path: str) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        if not create:
            raise
    except OSError as error:
        raise _refused(path, f"goes through {name!r}, which is not a plain folder") from error
    try:
        os.mkdir(name, 0o755, dir_fd=parent)
        os.fsync(parent)
    except FileExistsError:
        pass  # another writer made it first; opening decides what it is
    return _open_folder(name, parent, create=False, path=path)


@contextmanager
def folder(root: Path, parts: tuple[str, ...], *, create: bool = False) -> Iterator[int]:
    """Yield a descriptor of the folder ``parts`` below ``root``; raise ``FileNotFoundError`` when it is missing.

    ``create`` makes what is missing. ``root`` itself is ours and may be a link.
    """
    if create:
        root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            below = _open_folder(part, descriptor, create=create, path="/".join(parts))
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def open_at(parent: int, name: str, flags: int, *, path: str, mode: int = 0o644) -> int:
    """Open a regular file in an opened folder. Links, devices and pipes are refused; nothing blocks."""
    try:
        descriptor = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode, dir_fd=parent)
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError as error:
        raise _refused(path, f"can not be opened: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _refused(path, "is not a regular file")
    return descriptor


def open_for_reading(root: Path, path: str) -> int:
    """Open a file that a flow names. The errors are ``ConnectorError`` and name the path."""
    parts = split(path)
    check_extension(path)
    try:
        with folder(root, parts[:-1]) as parent:
            return open_at(parent, parts[-1], os.O_RDONLY, path=path)
    except FileNotFoundError as error:
        raise ConnectorError(
            f"There is no file {path!r} in the files folder.",
            code="not_found",
            permanent=True,
            remedy="Check the name, or put the file there first.",
        ) from error
