"""CSV text to typed rows, streamed. Every error names the file, the line, the column and the remedy."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, NoReturn

from connectors.base import ConnectorError
from connectors.cells import BadCell, Cell, ColumnType, parse

MAX_LINE_BYTES = 1024 * 1024
MAX_COLUMNS = 2000
_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_LIKELY_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the file is written. ``encoding`` ``utf-8`` also takes a byte order mark."""

    delimiter: str = ","
    encoding: str = "utf-8"
    header: bool = True


@dataclass(slots=True)
class CsvTable:
    """A CSV file being read: iterate over ``rows``. ``columns`` are known once the table is opened."""

    name: str
    source: BinaryIO
    dialect: Dialect
    wanted: Mapping[str, ColumnType] | None
    columns: dict[str, ColumnType] = field(init=False)
    _width: int = field(init=False)
    _picks: list[tuple[int, str, ColumnType]] = field(init=False)
    _records: Iterator[tuple[int, list[str]]] = field(init=False)

    def __post_init__(self) -> None:
        self._records = self._read_records()
        header = self._read_header()
        types: dict[str, ColumnType] = dict(self.wanted or {})
        if self.wanted is None:
            types.update(dict.fromkeys(header, "string"))
        self._width = len(header)
        self._picks = [(self._position(name, header), name, kind) for name, kind in types.items()]
        self.columns = types

    @property
    def rows(self) -> Iterator[dict[str, Cell]]:
        """The remaining rows, once. Lines that are empty are skipped."""
        for line, record in self._records:
            if len(record) != self._width:
                self._fail(
                    f"line {line} has {len(record)} cells where the header has {self._width}",
                    'Put cells that contain the delimiter, or a line break, in "double quotes".',
                )
            yield {name: self._cell(record[at], kind, name, line) for at, name, kind in self._picks}

    def _cell(self, text: str, type: ColumnType, column: str, line: int) -> Cell:
        try:
            return parse(text, type)
        except BadCell as problem:
            shown = text if len(text) <= 60 else text[:60] + "…"  # noqa: PLR2004 - as much as fits a message
            self._fail(
                f"line {line}, column {column!r}: {shown!r} is not of type {type}", f"In this column, {problem}."
            )

    def _read_header(self) -> list[str]:
        if not self.dialect.header:
            return list(self.wanted or {})
        first = next(self._records, None)
        if first is None:
            self._fail("the file is empty", "It needs a first line with the names of the columns.")
        line, header = first[0], [name.strip() for name in first[1]]
        if len(header) > MAX_COLUMNS:
            self._fail(f"line {line} names {len(header)} columns", f"At most {MAX_COLUMNS} are read.")
        for at, name in enumerate(header):
            if not name:
                self._fail(f"line {line}: column {at + 1} has no name", "Name it, or remove the trailing delimiter.")
            if name in header[:at]:
                self._fail(
                    f"line {line}: the column {name!r} appears twice, as number {header.index(name) + 1} and {at + 1}",
                    "Give each column its own name.",
                )
        return header

    def _position(self, name: str, header: list[str]) -> int:
        if name in header:
            return header.index(name)
        near = difflib.get_close_matches(name.lower(), [known.lower() for known in header], n=1, cutoff=0.5)
        if len(header) == 1 and (other := self._other_delimiter(header[0])):
            remedy = f"The file seems to be delimited by {other!r}: say delimiter: {other!r}."
        elif near:
            remedy = f"Did you mean {next(known for known in header if known.lower() == near[0])!r}?"
        else:
            remedy = f"The file has: {', '.join(header[:20])}."
        return self._fail(f"line 1: there is no column {name!r}", remedy)

    def _other_delimiter(self, header: str) -> str | None:
        others = (mark for mark in _LIKELY_DELIMITERS if mark != self.dialect.delimiter)
        return next((mark for mark in others if mark in header), None)

    def _read_records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each record with the number of its first line."""
        reader = csv.reader(self._read_lines(), delimiter=self.dialect.delimiter, strict=True)
        line = 1
        try:
            for record in reader:
                if record:
                    yield line, record
                line = reader.line_num + 1
        except csv.Error as problem:
            self._fail(
                f"line {line}: {_in_plain_words(str(problem))}",
                'Write a double quote inside a quoted cell as "", and end lines with a line feed.',
            )

    def _read_lines(self) -> Iterator[str]:
        number, offset = 0, 0
        while raw := self.source.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(raw) > MAX_LINE_BYTES:
                self._fail(f"line {number} is longer than {MAX_LINE_BYTES} bytes", "Is this a CSV file?")
            start = offset
            offset += len(raw)
            if number == 1 and raw.startswith(_UTF16_BOMS):
                self._fail("the file is UTF-16", "Save it as UTF-8.")
            if number == 1 and raw.startswith(_BOM) and self.dialect.encoding == "utf-8":
                raw = raw[len(_BOM) :]
                start += len(_BOM)
            if (at := raw.find(b"\0")) >= 0:
                self._fail(f"line {number} has a NUL byte at byte {start + at}", "Save the file as plain UTF-8 text.")
            yield self._decode(raw, number, start)

    def _decode(self, raw: bytes, number: int, start: int) -> str:
        try:
            return raw.decode(self.dialect.encoding)
        except UnicodeDecodeError as problem:
            byte = raw[problem.start]
            self._fail(
                f"line {number}: byte {start + problem.start} (0x{byte:02x}) is not valid {self.dialect.encoding}",
                "Save the file as UTF-8, or name its encoding, often encoding: cp1252 for files from Excel.",
            )

    def _fail(self, problem: str, remedy: str) -> NoReturn:
        raise ConnectorError(f"{self.name}: {problem}.", code="bad_file", permanent=True, remedy=remedy)


def _in_plain_words(problem: str) -> str:
    if "unexpected end of data" in problem:
        return "a quoted cell that begins here never ends"
    if "field larger" in problem:
        return "a cell is longer than 128 KiB"
    if "new-line character" in problem:
        return "a line ends with a bare carriage return"
    return problem
