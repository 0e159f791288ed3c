"""Our own readers of Markdown, text, CSV and JSONL, chosen by extension; every error names the file and the line."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rag.filters import is_field
from rag.model import Record, Scalar, SourceDocument, UnreadableDocument

MAX_BYTES = 64 * 1024 * 1024
"""Largest file that is read, in bytes."""

_TEXT_KEYS = ("text", "body", "content")
_FRONT_MATTER = re.compile(r"---\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t#]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to read, and the name under which its passages will be cited."""

    path: Path
    source: str


def find_files(paths: Sequence[Path], *, root: Path | None = None) -> tuple[list[FoundFile], list[str]]:
    """The files below ``paths`` in a stable order, and the names of those in folders that no reader knows.

    A file is named by its own name, a file in a folder by its path below that folder. With ``root`` nothing outside
    of it is read. Symbolic links that lead out of a folder, and anything but regular files, are refused; hidden
    files and folders are passed over.
    """
    found: dict[str, FoundFile] = {}
    skipped: list[str] = []
    for path in paths:
        base = _resolve(path, root)
        for file in _walk(base, path):
            source = file.name if file == base else file.relative_to(base).as_posix()
            if file.suffix.lower() not in READERS:
                if file == base:
                    raise UnreadableDocument(f"{path}: no reader for {file.suffix or 'this file'}.", remedy=_known())
                skipped.append(source)
                continue
            real = _resolve(file, root or (base if base.is_dir() else None))
            if source in found and found[source].path != real:
                raise UnreadableDocument(
                    f"{file} and {found[source].path} would both be called {source!r}.",
                    remedy="Ingest the folder that holds both.",
                )
            found[source] = FoundFile(real, source)
    return list(found.values()), skipped


def _known() -> str:
    return f"Known are {', '.join(sorted(READERS))}."


def _resolve(path: Path, root: Path | None) -> Path:
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise UnreadableDocument(f"{path}: no such file or folder.", remedy="Check the path.") from error
    if root is not None and not real.is_relative_to(root.resolve()):
        raise UnreadableDocument(f"{path} leads outside of {root}.", remedy="Copy the file into that folder.")
    return real


def _walk(base: Path, given: Path) -> Iterator[Path]:
    if base.is_file():
        yield base
    elif base.is_dir():
        for folder, names, files in os.walk(base):
            names[:] = sorted(name for name in names if not name.startswith("."))
            yield from (Path(folder, name) for name in sorted(files) if not name.startswith("."))
    else:
        raise UnreadableDocument(f"{given} is neither a file nor a folder.", remedy="Check the path.")


def read(file: FoundFile) -> SourceDocument:
    """Read one file. Raises ``UnreadableDocument`` naming file and line."""
    return READERS[file.path.suffix.lower()](file.source, _text(file))


def _text(file: FoundFile) -> str:
    try:
        if not file.path.is_file():
            raise UnreadableDocument(f"{file.source} is not a regular file.", remedy="Only regular files are read.")
        if file.path.stat().st_size > MAX_BYTES:
            raise UnreadableDocument(
                f"{file.source} is larger than {MAX_BYTES // 2**20} MB.", remedy="Split it into smaller files."
            )
        data = file.path.read_bytes()
    except OSError as error:
        raise UnreadableDocument(
            f"{file.source} cannot be read: {error.strerror}.", remedy="Check that it exists and may be read."
        ) from error
    return decode(file.source, data)


def decode(source: str, data: bytes) -> str:
    """UTF-8 (with or without a byte order mark) as text with single line feeds; else an error with the line."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = error.start + (len(data) - len(error.object))
        line = data.count(b"\n", 0, at) + 1
        raise UnreadableDocument(
            f"{source}, line {line}: byte 0x{data[at]:02x} is not UTF-8.",
            remedy="Save the file as UTF-8.",
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UnreadableDocument(f"{source}, line {line}: binary data.", remedy="Only text can be ingested.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _stem(source: str) -> str:
    return Path(source).stem.replace("_", " ").replace("-", " ")


def _markdown(source: str, text: str) -> SourceDocument:
    metadata: dict[str, Scalar] = {}
    title = ""
    if front := _FRONT_MATTER.match(text):
        fields = _front_matter(source, front.group(1))
        title = str(fields.pop("title", ""))
        metadata = _fields(fields)
        text = text[front.end() :]
    heading = _HEADING.search(text)
    title = title or (heading.group(1) if heading else _stem(source))
    return SourceDocument(source, title, text=text, markdown=True, metadata=metadata)


def _front_matter(source: str, text: str) -> dict[str, Any]:
    try:
        fields = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark else 1
        raise UnreadableDocument(
            f"{source}, line {line}: the front matter is not YAML.", remedy="Correct it, or remove the lines of ---."
        ) from error
    return fields if isinstance(fields, dict) else {}


def _plain(source: str, text: str) -> SourceDocument:
    return SourceDocument(source, _stem(source), text=text)


def _csv(source: str, text: str) -> SourceDocument:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        if not all(header) or len(set(header)) != len(header):
            raise UnreadableDocument(
                f"{source}, line 1: the column names are missing, empty or not unique.",
                remedy="Give each column its own name in the first line.",
            )
        records = [_csv_record(source, rows.line_num, header, row) for row in rows if row]
    except csv.Error as error:
        raise UnreadableDocument(
            f"{source}, line {rows.line_num}: {error}.", remedy="Check quotes and separators in that line."
        ) from error
    return SourceDocument(source, _stem(source), records=tuple(records))


def _csv_record(source: str, line: int, header: list[str], row: list[str]) -> Record:
    if len(row) != len(header):
        raise UnreadableDocument(
            f"{source}, line {line}: {len(row)} values for {len(header)} columns.",
            remedy="Quote values that contain a comma.",
        )
    return record(dict(zip(header, row, strict=True)))


def _jsonl(source: str, text: str) -> SourceDocument:
    records = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UnreadableDocument(
                f"{source}, line {number}: not JSON ({getattr(error, 'msg', 'nested too deep')}).",
                remedy="Write one JSON object per line.",
            ) from error
        if not isinstance(value, dict):
            raise UnreadableDocument(
                f"{source}, line {number}: a {type(value).__name__}, not an object.",
                remedy="Write one JSON object per line.",
            )
        records.append(record(value))
    return SourceDocument(source, _stem(source), records=tuple(records))


def record(row: Mapping[str, Any]) -> Record:
    """A row as a passage: its ``text`` (or ``body``, ``content``) if it has one, else all its fields as lines."""
    key = next((key for key in _TEXT_KEYS if isinstance(row.get(key), str) and row[key].strip()), None)
    title = row.get("title") or ""
    rest = {name: value for name, value in row.items() if name not in (key, "title")}
    text = (
        row[key]
        if key
        else "\n".join(f"{name}: {_shown(value)}" for name, value in row.items() if value not in (None, ""))
    )
    return Record(title if isinstance(title, str) else "", text, _fields(rest))


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _fields(values: Mapping[Any, Any]) -> dict[str, Scalar]:
    """The scalar fields that filters may name; others stay in the text only."""
    kept: dict[str, Scalar] = {}
    for key, value in values.items():
        if isinstance(key, str) and is_field(key) and isinstance(value, (str, bool, int, float)):
            kept[key] = value if _storable(value) else str(value)
    return kept


def _storable(value: Scalar) -> bool:
    return not isinstance(value, (int, float)) or -(2**53) <= value <= 2**53


READERS: dict[str, Callable[[str, str], SourceDocument]] = {
    ".md": _markdown,
    ".markdown": _markdown,
    ".txt": _plain,
    ".text": _plain,
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
}
"""Readers by lower-case extension: source name and decoded text in, document out."""
