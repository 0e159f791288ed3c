"""What is left after a run, read from where it lies: journal of operations, database, provider's log, sheet, histories."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from workflows.journal.keyring import Keyring
from workflows.journal.read import Entry, timeline
from workflows.journal.verify import verify
from workflows.settings import Settings
from workflows.store import tables
from workflows.store.db import Database, Tx

Json = Any
Row = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Rows as plain mappings. ``journal`` has the records of each execution in order; ``asked`` the chat requests."""

    ops: list[Row]
    asked: list[Row]
    sheet: list[list[str]]
    executions: list[Row]
    gates: list[Row]
    decisions: list[Row]
    operations: list[Row]
    outbox: list[Row]
    journal: dict[str, list[Entry]]
    verdict: str
    findings: list[str]
    histories: dict[str, Json]

    def done(self, op: str) -> list[Row]:
        """The lines of ``ops.jsonl`` of one kind."""
        return [line for line in self.ops if line["op"] == op]


def load(folder: Path, database_url: str | None = None) -> Evidence:
    """Read everything. A half line at the end of a log is what a kill may leave, and is left out."""
    settings = Settings(home=folder / "home", database_url=database_url)
    keyring = Keyring.from_file(settings.keys / "journal.key")
    db = Database(settings.database)
    try:
        report = verify(db, keyring)
        rows = db.read_sync(_rows)
        found = [row["id"] for row in rows["executions"]]
        journal = db.read_sync(lambda tx: {id_: timeline(tx, keyring, settings.namespace, id_) for id_ in found})
    finally:
        db.close()
    return Evidence(
        ops=_lines(folder / "ops.jsonl"),
        asked=[
            line
            for line in _lines(folder / "provider.jsonl")
            if line["event"] == "request" and line["path"].endswith("/chat/completions")
        ],
        sheet=_sheet(settings.files / settings.namespace / "sheet.csv"),
        journal=journal,
        verdict=str(report.verdict),
        findings=[str(finding) for finding in report.findings],
        histories={path.stem: json.loads(path.read_text()) for path in sorted((folder / "histories").glob("*.json"))},
        **rows,
    )


def seconds(stamp: str) -> float:
    """A journal's instant in seconds since the epoch."""
    return datetime.fromisoformat(stamp).timestamp()


def _rows(tx: Tx) -> dict[str, list[Row]]:
    read = ("executions", "gates", "decisions", "operations", "outbox")
    return {
        name: [dict(row) for row in tx.conn.execute(sa.select(tables.metadata.tables[name])).mappings()]
        for name in read
    }


def _lines(path: Path) -> list[Row]:
    text = path.read_text(encoding="utf-8")
    whole = text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]
    return [json.loads(line) for line in whole]


def _sheet(path: Path) -> list[list[str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]
