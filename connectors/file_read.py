"""``file.read`` and ``file.list``: text and JSON files below the files folder."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal, NoReturn

from pydantic import BaseModel, Field

from connectors.base import INLINE_LIMIT_BYTES, ArtifactRef, Call, Connector, ConnectorError, Output, Properties
from connectors.blocking import in_thread
from connectors.paths import EXTENSIONS, MAX_DEPTH, folder, open_at, split
from connectors.sources import open_source, source_name

MAX_BYTES = 16 * 1024 * 1024
_HASH_CHUNK_BYTES = 1024 * 1024


class FileReadProperties(Properties):
    """Which file, and whether it is text or JSON."""

    path: str | ArtifactRef = Field(description="A path below the files folder, or an artifact.")
    format: Literal["auto", "text", "json"] = Field(
        default="auto", description="auto takes files ending in .json as JSON and all others as text."
    )
    encoding: Literal["utf-8", "latin-1", "cp1252"] = Field(
        default="utf-8", description="The text encoding; utf-8 also takes a byte order mark."
    )
    max_bytes: int = Field(default=MAX_BYTES, ge=1, le=MAX_BYTES, description="Refuse files that are larger.")


class FileReadOutput(Output):
    """``content`` is a text or a JSON value, or a reference where the file is larger than 64 KiB."""

    content: Any = Field(description="The text or JSON value; a reference when above 64 KiB.")
    bytes: int = Field(description="The size of the file in bytes.")
    sha256: str = Field(description="The SHA-256 of the file, in hex.")


async def read(call: Call, properties: FileReadProperties) -> FileReadOutput:
    """Read one file whole. Raises ``ConnectorError``."""
    name = source_name(properties.path)
    with await open_source(call, properties.path) as source:
        data = await in_thread(call, lambda: _read_limited(source, properties.max_bytes, name))
    as_json = properties.format == "json" or (properties.format == "auto" and name.endswith(".json"))
    content = _decode(data, properties.encoding, name)
    value = _parse(content, name) if as_json else content
    if len(data) > INLINE_LIMIT_BYTES:
        media_type = "application/json" if as_json else "text/plain; charset=utf-8"
        count = len(value) if isinstance(value, list) else None
        value = await call.artifacts.put(content.encode(), media_type=media_type, count=count)
    return FileReadOutput(content=value, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def _read_limited(source: BinaryIO, limit: int, name: str) -> bytes:
    data = source.read(limit + 1)
    if len(data) > limit:
        _bad(name, f"the file is larger than {limit} bytes", "Raise max_bytes, or split the file.")
    return data


def _decode(data: bytes, encoding: str, name: str) -> str:
    try:
        return data.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        _bad(
            name,
            f"line {line}: byte {problem.start} (0x{data[problem.start]:02x}) is not valid {encoding}",
            "Save the file as UTF-8, or name its encoding.",
        )


def _parse(text: str, name: str) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as problem:
        _bad(name, f"line {problem.lineno}, column {problem.colno}: {problem.msg}", "Correct the JSON.")
    except (ValueError, RecursionError) as problem:
        reason = "it is nested too deeply" if isinstance(problem, RecursionError) else str(problem)
        _bad(name, reason, "Correct the JSON.")


def _bad(name: str, problem: str, remedy: str) -> NoReturn:
    raise ConnectorError(f"{name}: {problem}.", code="bad_file", permanent=True, remedy=remedy)


class FileListProperties(Properties):
    """Where to look, and for what."""

    path: str = Field(default=".", description="A folder below the files folder.")
    glob: str = Field(default="*", max_length=200, description="A pattern for the names, such as *.csv.")
    recursive: bool = Field(default=False, description="Look into the folders below, too.")
    sha256: bool = Field(default=False, description="Compute each file's SHA-256.")
    limit: int = Field(default=1000, ge=1, le=10_000, description="List at most this many files.")


class ListedFile(BaseModel):
    """One file; ``path`` is what ``file.read`` takes."""

    path: str = Field(description="The path below the files folder.")
    size: int = Field(description="The size in bytes.")
    modified: str = Field(description="When it was last changed, in UTC.")
    sha256: str | None = Field(default=None, description="The SHA-256 in hex, when asked for.")


class FileListOutput(Output):
    """The files, sorted by path; ``truncated`` tells that there are more than ``limit``."""

    files: list[ListedFile] = Field(description="The files, sorted by path.")
    count: int = Field(description="How many files are listed.")
    truncated: bool = Field(description="Whether there are more files than the limit.")


async def list_files(call: Call, properties: FileListProperties) -> FileListOutput:
    """List regular files of the types that flows may read. Links are left out. Raises ``ConnectorError``."""
    start = () if properties.path in {".", ""} else split(properties.path)

    def work() -> list[ListedFile]:
        try:
            return sorted(_walk(call.files_root, start, properties), key=lambda file: file.path)
        except FileNotFoundError as error:
            raise ConnectorError(
                f"There is no folder {properties.path!r} in the files folder.",
                code="not_found",
                permanent=True,
                remedy="Check the name, or make the folder first.",
            ) from error

    found = await in_thread(call, work)
    kept = found[: properties.limit]
    return FileListOutput(files=kept, count=len(kept), truncated=len(found) > len(kept))


def _walk(root: Path, parts: tuple[str, ...], properties: FileListProperties) -> Iterator[ListedFile]:
    with folder(root, parts) as parent:
        entries = list(_entries(parent))
        for name, status in entries:
            if stat.S_ISREG(status.st_mode) and fnmatch.fnmatchcase(name, properties.glob) and _allowed(name):
                yield _describe(parent, (*parts, name), status, with_sha256=properties.sha256)
    if properties.recursive and len(parts) < MAX_DEPTH:
        for name, status in entries:
            if stat.S_ISDIR(status.st_mode):
                with suppress(FileNotFoundError):  # removed since it was listed
                    yield from _walk(root, (*parts, name), properties)


def _entries(parent: int) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(parent) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                with suppress(FileNotFoundError):
                    yield entry.name, entry.stat(follow_symlinks=False)


def _allowed(name: str) -> bool:
    return Path(name).suffix.lower() in EXTENSIONS


def _describe(parent: int, parts: tuple[str, ...], status: os.stat_result, *, with_sha256: bool) -> ListedFile:
    path = "/".join(parts)
    modified = datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="milliseconds")
    digest = _digest(open_at(parent, parts[-1], os.O_RDONLY, path=path)) if with_sha256 else None
    return ListedFile(path=path, size=status.st_size, modified=modified, sha256=digest)


def _digest(descriptor: int) -> str:
    digest = hashlib.sha256()
    with os.fdopen(descriptor, "rb") as source:
        while chunk := source.read(_HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


FILE_READ = Connector(
    type="file.read",
    summary="Read a text or JSON file.",
    properties=FileReadProperties,
    output=FileReadOutput,
    effect="read",
    idempotent=True,
    run=read,
)

FILE_LIST = Connector(
    type="file.list",
    summary="List files by pattern.",
    properties=FileListProperties,
    output=FileListOutput,
    effect="read",
    idempotent=True,
    run=list_files,
)
