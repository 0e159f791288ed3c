"""``csv.read``: a CSV file as typed rows."""

from __future__ import annotations

import tempfile
from itertools import islice
from pathlib import Path
from typing import IO, Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from connectors.artifacts import ROWS_MEDIA_TYPE, encode_rows
from connectors.base import INLINE_LIMIT_BYTES, ArtifactRef, Call, Connector, Output, Properties
from connectors.blocking import in_thread
from connectors.cells import ColumnType
from connectors.csv_parse import CsvTable, Dialect
from connectors.sources import open_source, source_name

Delimiter = Annotated[str, StringConstraints(pattern=r"^[^\"\r\n]$")]


class CsvReadProperties(Properties):
    """What to read, and which columns of which types."""

    from_: str | ArtifactRef = Field(
        alias="from", description="A path below the files folder, an artifact address, or a file input."
    )
    columns: dict[str, ColumnType] | None = Field(
        default=None,
        min_length=1,
        description="The columns to keep and their types; without it every column is kept as string. "
        "An empty cell is null, except in a column of strings.",
    )
    delimiter: Delimiter = Field(default=",", description="The character between cells.")
    encoding: Literal["utf-8", "utf-8-sig", "latin-1", "cp1252", "iso-8859-15"] = Field(
        default="utf-8", description="The text encoding; utf-8 also takes a byte order mark."
    )
    header: bool = Field(
        default=True, description="Whether the first line names the columns; if not, `columns` does, in order."
    )
    limit: int | None = Field(default=None, ge=1, description="Read at most this many rows.")

    @model_validator(mode="after")
    def _names_come_from_somewhere(self) -> Self:
        if not self.header and self.columns is None:
            raise ValueError("header: false needs columns")
        return self


class CsvReadOutput(Output):
    """``rows`` is a list of mappings, or a reference to them where they are larger than 64 KiB as JSON."""

    rows: list[dict[str, Any]] | ArtifactRef = Field(description="The rows; a reference when above 64 KiB.")
    count: int = Field(description="How many rows there are.")
    columns: list[str] = Field(description="The names of the columns, in order.")


def _spool(table: CsvTable, limit: int | None, spool: IO[bytes]) -> tuple[list[dict[str, Any]] | None, int]:
    """Write the rows to ``spool`` as JSONL; return them too while they are small enough to travel inline."""
    kept: list[dict[str, Any]] | None = []
    count = size = 0
    for row in islice(table.rows, limit):
        line = b"".join(encode_rows([row]))
        spool.write(line)
        size += len(line)
        count += 1
        if kept is not None:
            kept.append(row)
        if size > INLINE_LIMIT_BYTES:
            kept = None
    spool.flush()
    return kept, count


async def read(call: Call, properties: CsvReadProperties) -> CsvReadOutput:
    """Read and check the whole file. Raises ``ConnectorError`` with file, line, column and remedy."""
    dialect = Dialect(properties.delimiter, properties.encoding, properties.header)
    with await open_source(call, properties.from_) as source, tempfile.NamedTemporaryFile(suffix=".jsonl") as spool:

        def work() -> tuple[CsvTable, list[dict[str, Any]] | None, int]:
            table = CsvTable(source_name(properties.from_), source, dialect, properties.columns)
            return table, *_spool(table, properties.limit, spool.file)

        table, rows, count = await in_thread(call, work)
        columns = list(table.columns)
        if rows is not None:
            return CsvReadOutput(rows=rows, count=count, columns=columns)
        ref = await call.artifacts.put_file(Path(spool.name), media_type=ROWS_MEDIA_TYPE, count=count)
        schema = {name: str(kind) for name, kind in table.columns.items()}
        return CsvReadOutput(rows=ref.model_copy(update={"schema_": schema}), count=count, columns=columns)


CSV_READ = Connector(
    type="csv.read",
    summary="Read a CSV file as typed rows.",
    properties=CsvReadProperties,
    output=CsvReadOutput,
    effect="read",
    idempotent=True,
    run=read,
)
