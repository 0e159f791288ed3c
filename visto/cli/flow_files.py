"""Flow files on disk: which ones are meant, and what they say."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from visto.cli.errors import CommandError, Exit

LIMIT_BYTES = 16 * 1024 * 1024
"""Far above what a flow may have, so that the check can say how large a file is."""
SUFFIXES = (".yaml", ".yml")


def find(paths: Iterable[Path]) -> list[Path]:
    """Expand folders to the flows inside them (``*.test.yaml`` is not a flow). ``-`` is standard input.

    Raises ``CommandError`` for a path that does not exist, or a folder without flows.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*")) if file.suffix in SUFFIXES and not _is_test(file)]
            if not inside:
                raise CommandError(
                    f"There is no flow in {path}.", exit_code=Exit.USAGE, remedy="Name a folder that holds .yaml files."
                )
            found += inside
        elif str(path) == "-" or path.is_file():
            found.append(path)
        else:
            raise CommandError(
                f"{path} does not exist.",
                exit_code=Exit.USAGE,
                remedy="Check the path; it is relative to the current folder.",
            )
    return found


def text_of(path: Path) -> str:
    """Read a flow's text. Raises ``CommandError`` when it is no text or is far too large to be a flow."""
    try:
        data = sys.stdin.buffer.read(LIMIT_BYTES + 1) if str(path) == "-" else _read(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.", remedy="Check its permissions.") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise CommandError(f"{path}:{line}: this is not UTF-8 text.", remedy="Save the file as UTF-8.") from error


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LIMIT_BYTES + 1)


def _is_test(path: Path) -> bool:
    return path.stem.endswith(".test")
