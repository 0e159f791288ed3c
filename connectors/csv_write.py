"""``csv.write``: rows to a CSV file, once, and harmless to open in a spreadsheet."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn

from pydantic import Field

from connectors.base import ArtifactRef, Call, Connector, ConnectorError, Output, Properties
from connectors.blocking import in_thread
from connectors.cells import Cell, harmless
from connectors.csv_parse import CsvTable, Dialect
from connectors.once import Content, Existing, write_once

Row = dict[str, Cell] | list[Cell]

_NEEDS_QUOTES = re.compile(r'[",\r\n]|^\s|\s$')


class CsvWriteProperties(Properties):
    """Where to write which rows."""

    path: str = Field(description="A path below the files folder, ending in .csv.", pattern=r"\.csv$")
    rows: list[Row] | ArtifactRef = Field(description="Mappings from column to cell, or lists of cells.")
    mode: Literal["replace", "append"] = Field(
        default="replace", description="replace writes the whole file; append adds rows below what is there."
    )
    columns: list[str] | None = Field(
        default=None, min_length=1, description="The header; by default the keys of the first mapping."
    )


class CsvWriteOutput(Output):
    """What was written, and what the file now holds."""

    path: str = Field(description="The file that was written.")
    rows_written: int = Field(description="Rows that this step wrote.")
    total_rows: int = Field(description="Rows in the file afterwards, without the header.")


async def write(call: Call, properties: CsvWriteProperties) -> CsvWriteOutput:
    """Write the rows once per ``call.op_id``. Raises ``ConnectorError``."""
    rows = properties.rows
    if isinstance(rows, ArtifactRef):
        rows = list(await call.artifacts.slice_rows(rows, 0, rows.count or 0))
    _check_columns(properties.path, properties.columns or [])
    request = json.dumps([properties.columns, rows], sort_keys=True).encode()

    def render(existing: Existing) -> Content:
        return _render(properties.path, rows, properties.columns, existing)

    def work() -> Mapping[str, Any]:
        return write_once(
            call.files_root,
            properties.path,
            op_id=call.op_id,
            mode=properties.mode,
            request=request,
            render=render,
        )

    return CsvWriteOutput(**await in_thread(call, work))


def _render(path: str, rows: Sequence[Row], columns: list[str] | None, existing: Existing) -> Content:
    wanted = columns or next((list(row) for row in rows if isinstance(row, dict)), None)
    lines = []
    header, before = _present(path, existing)
    if header is None:
        header = wanted
        if header is None and rows:
            _refuse(path, "rows that are lists need names for their columns", "Say columns: [first, second, ...].")
        _check_columns(path, header or [])
        if header is not None:
            lines.append(_line(header))
    elif columns is not None and columns != header:
        _refuse(
            path, f"has the columns {', '.join(header)}", "Give the same columns in the same order, or leave them out."
        )
    elif _lacks_line_end(existing):
        lines.append("\n")
    lines += (_line(_cells(path, number, row, header)) for number, row in enumerate(rows, start=1))
    result = {"path": path, "rows_written": len(rows), "total_rows": before + len(rows)}
    try:
        return Content("".join(lines).encode(), result)
    except UnicodeEncodeError:
        _refuse(path, "a cell has half of a character pair, which no file can hold", "Remove it from the text.")


def _check_columns(path: str, columns: list[str]) -> None:
    for at, name in enumerate(columns):
        if not name or name != name.strip() or name != harmless(name) or "\0" in name:
            _refuse(path, f"{name!r} can not be a column's name", "Begin with a letter, without spaces around it.")
        if name in columns[:at]:
            _refuse(path, f"the column {name!r} is named twice", "Give each column its own name.")


def _present(path: str, existing: Existing) -> tuple[list[str] | None, int]:
    """The header and the number of rows of the file that is appended to."""
    if existing.descriptor is None:
        return None, 0
    with os.fdopen(os.dup(existing.descriptor), "rb") as source:
        source.seek(0)
        table = CsvTable(path, source, Dialect(), None)
        count = existing.last["total_rows"] if existing.last else sum(1 for _ in table.rows)
    return list(table.columns), count


def _lacks_line_end(existing: Existing) -> bool:
    return existing.descriptor is not None and os.pread(existing.descriptor, 1, existing.size - 1) != b"\n"


def _cells(path: str, number: int, row: Row, header: list[str] | None) -> list[Cell]:
    if isinstance(row, list):
        if header is not None and len(row) != len(header):
            _refuse(
                path, f"row {number} has {len(row)} cells, the header has {len(header)}", "Give one cell per column."
            )
        return row
    assert header is not None
    if unknown := [name for name in row if name not in header]:
        _refuse(path, f"row {number} has no column for {unknown[0]!r}", f"The columns are: {', '.join(header)}.")
    return [row.get(name) for name in header]


def _line(cells: Sequence[Cell]) -> str:
    """One record. (The standard writer leaves a carriage return unquoted, which no reader takes back.)"""
    return (",".join(map(_quoted, cells)) or '""') + "\n"


def _quoted(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if not isinstance(cell, str):
        return str(cell)
    text = harmless(cell.replace("\0", "\ufffd"))
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text


def _refuse(path: str, problem: str, remedy: str) -> NoReturn:
    raise ConnectorError(f"{path}: {problem}.", code="bad_request", permanent=True, remedy=remedy)


CSV_WRITE = Connector(
    type="csv.write",
    summary="Write rows to a CSV file, replacing it or adding to it.",
    properties=CsvWriteProperties,
    output=CsvWriteOutput,
    effect="write",
    idempotent=True,
    quick=True,
    run=write,
)
