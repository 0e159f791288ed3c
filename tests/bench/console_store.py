"""A store as large as a busy year makes it, copied from what the product wrote for a few gates. Filled in half a minute.

Gates, revisions, votes, decisions and operations are copies of rows under other names; the journal's records go through
``Journal.append_many``, so that their chains and sealed contents are what they would be.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from tests.bench.console_samples import TABLES, Row, Sample, Started, said, samples, started
from tests.browser.house import EXAMPLES, NS, House
from workflows.journal.records import Record
from workflows.store.db import Database, Tx
from workflows.store.ids import new_id
from workflows.store.repositories import principals
from workflows.store.repositories.inbox import audience_of, sort_key_of
from workflows.store.tables import executions, gates

CHUNK = 1000
AUDIENCES = ("fraud",) * 7 + ("legal", "board", "night-shift")
BATCHES = ((4, 10), (20, 90), (200, 1200))
"""So many executions with an open gate for so many of all; what remains waits in executions of its own."""
ENDS = ("succeeded",) * 6 + ("warning", "failed", "failed", "rejected", "cancelled", "timed_out")
MIX = ("open",) * 60 + ("approved",) * 30 + ("rejected",) * 9 + ("lost",)
DAYS = 90
REASON = {
    "code": "connector_failed",
    "message": "csv.read could not read orders.csv: line 17 has 5 columns instead of 6.",
    "remedy": "Correct the file and restart the execution.",
    "task": "orders",
}


@dataclass(frozen=True)
class Size:
    """How large. ``gates`` are open; ``elements`` are those of one execution."""

    executions: int = 10_000
    gates: int = 50_000
    elements: int = 10_000
    flows: int = 20
    revisions: int = 30
    people: int = 200


@dataclass(frozen=True)
class Item:
    """A gate to be made: a copy of which sample, under which key, asking whom."""

    sample: str
    key: str
    group: str = "fraud"


@dataclass
class Filled:
    """What addresses are made of: the execution with the most elements, and how much there is of everything."""

    big: str = ""
    counts: dict[str, int] = field(default_factory=dict)


def fill(house: House, size: Size) -> Filled:
    """Fill the house's store."""
    people = house.db.write_sync(lambda tx: _people(tx, size.people))
    flows = _flows(house, size)
    copier = Copier(house, samples(house), started(house), people, flows, timedelta(days=DAYS) / size.executions)
    filled = Filled()
    for state, items in _runs(size):
        number = copier.execution(state, items)
        filled.big = number if len(items) == size.elements else filled.big
    copier.flush()
    filled.counts = _counts(house.db)
    _analysed(house.db)
    return filled


def _people(tx: Tx, count: int) -> list[str]:
    for name in ("legal", "board", "night-shift"):
        principals.create_group(tx, NS, name)
    made = []
    for number in range(count):
        person = principals.create_person(tx, NS, f"Person {number}", f"person-{number}@example.com")
        principals.grant_role(tx, NS, person.id, "reviewer" if number % 3 else "viewer")
        principals.add_member(tx, NS, AUDIENCES[number % len(AUDIENCES)], person.id)
        made.append(person.id)
    return made


def _flows(house: House, size: Size) -> list[str]:
    """``order-risk`` and others like it, each with its revisions."""
    text = (EXAMPLES / "order-risk.yaml").read_text()
    names = ["order-risk", *(f"order-risk-{number:02d}" for number in range(1, size.flows))]
    for name in names:
        own = text.replace("id: order-risk", f"id: {name}", 1)
        for revision in range(1, size.revisions + 1):
            house.save(own.replace("default: 20", f"default: {revision}"))
    return names


def _runs(size: Size) -> Iterator[tuple[str, list[Item]]]:
    """Each execution's state and its gates: what has ended, what waits alone, batches, and last the large one."""
    chance = random.Random(1)
    groups = itertools.cycle(AUDIENCES)
    in_batches = [max(1, size.gates // share) for count, share in BATCHES for _ in range(count)]
    in_big = sum(MIX[number % len(MIX)] == "open" for number in range(size.elements))
    alone = max(0, size.gates - sum(in_batches) - in_big)
    for _ in range(size.executions - alone - len(in_batches) - 1):
        yield chance.choice(ENDS), [Item(chance.choice(("approved", "approved", "rejected")), "0")]
    for count in [*[1] * alone, *reversed(in_batches)]:
        group = next(groups)
        yield "waiting", [Item("open", str(key), group) for key in range(count)]
    yield "waiting", [Item(MIX[key % len(MIX)], str(key)) for key in range(size.elements)]


class Copier:
    """Copies samples, some thousand in a transaction. Executions come in the order of their ages, the oldest first."""

    def __init__(
        self,
        house: House,
        found: dict[str, Sample],
        start: Started,
        people: Sequence[str],
        flows: Sequence[str],
        step: timedelta,
    ) -> None:
        self._db, self._journal, self._samples, self._start = house.db, house.journal, found, start
        self._people, self._flows, self._step = people, flows, step
        self._now, self._number, self._chance = house.db.clock(), 0, random.Random(2)
        self._rows: dict[str, list[Row]] = {table.name: [] for table in (executions, gates, *TABLES)}
        self._records: list[tuple[datetime, list[Record], list[tuple[Sample, dict[str, str], datetime]]]] = []
        self._pending = 0

    def execution(self, state: str, items: Sequence[Item]) -> str:
        """Add one with its gates; returns its id."""
        at = self._at()
        number, chance = new_id(at), self._chance
        flow = "order-risk" if len(items) > CHUNK else chance.choice(self._flows)
        ended = None if state == "waiting" else at + timedelta(minutes=chance.randint(1, 300))
        shared = {"flow_id": flow, "revision": 1, "created_at": at, "started_at": at + timedelta(seconds=1)}
        own = {"id": number, "workflow_id": number, "state": state, "ended_at": ended}
        more = {"reason": REASON if state == "failed" else None, "requester_id": chance.choice(self._people)}
        self._rows["executions"].append({**self._start.row, **shared, **own, **more})
        names = {self._start.row["id"]: number}
        self._records.append((at, [_copied(one, names, flow) for one in self._start.records], []))
        for some in _chunks(items, CHUNK):
            self._gates(number, flow, some, at)
        return number

    def _at(self) -> datetime:
        self._number += 1
        return self._now - timedelta(days=DAYS) + (self._number - self._chance.random()) * self._step

    def _gates(self, execution: str, flow: str, items: Sequence[Item], at: datetime) -> None:
        records: list[Record] = []
        copies: list[tuple[Sample, dict[str, str], datetime]] = []
        for item in items:
            sample = self._samples[item.sample]
            names = sample.names(execution, item.key, f"A-{10_000 + len(self._rows['gates'])}")
            opened = at + timedelta(milliseconds=7 * int(item.key))
            self._rows["gates"].append(_gate(sample, names, item, flow, opened))
            records += [_copied(record, names, flow) for record in sample.records]
            copies.append((sample, names, opened))
        self._records.append((at, records, copies))
        self._pending += len(items)
        if self._pending >= CHUNK:
            self.flush()

    def flush(self) -> None:
        """Write what has been gathered."""
        with self._db.writer.begin() as conn:
            for at, records, copies in self._records:
                events = iter(self._journal.append_many(Tx(conn, at), records))
                for sample, names, opened in copies:
                    names |= dict(zip(sample.events, events, strict=False))
                    self._others(sample, names, opened)
            for table in (executions, gates, *TABLES):
                if rows := self._rows[table.name]:
                    conn.execute(table.insert(), rows)
        self._rows = {name: [] for name in self._rows}
        self._records, self._pending = [], 0

    def _others(self, sample: Sample, names: dict[str, str], at: datetime) -> None:
        for name, rows in sample.rows.items():
            for row in rows:
                copy = _renamed(row, names, at)
                copy["id"] = new_id(at)
                self._rows[name].append(copy)


def _gate(sample: Sample, names: dict[str, str], item: Item, flow: str, at: datetime) -> Row:
    row = _renamed(sample.gate, names, at)
    priority = int(item.key) % 3
    policy = {**row["policy"], "stages": [{"groups": [item.group], "people": [], "quorum": 1}]}
    due = at + timedelta(days=DAYS + int(item.key) % 72)
    return {
        **row,
        "flow_id": flow,
        "priority": priority,
        "due_at": due,
        "expires_at": due,
        "policy": policy,
        "audience": audience_of(policy, 0, None),
        "sort_key": sort_key_of(priority, due, at, row["id"]),
    }


def _renamed(row: Row, names: dict[str, str], at: datetime) -> Row:
    return {name: at if isinstance(value, datetime) else said(value, names) for name, value in row.items()}


def _copied(record: Record, names: dict[str, str], flow: str) -> Record:
    return replace(
        record,
        flow_id=flow,
        execution_id=said(record.execution_id, names),
        path=said(record.path, names),
        action_digest=said(record.action_digest, names),
        meta=said(record.meta, names),
        content=said(record.content, names),
        op_key=said(record.op_key, names),
    )


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    left = iter(items)
    while some := list(itertools.islice(left, size)):
        yield some


def _counts(db: Database) -> dict[str, int]:
    tables = ("executions", "gates", "revisions", "audit_event", "principals")
    counted: dict[str, Any] = {name: sa.select(sa.func.count()).select_from(sa.table(name)) for name in tables}
    counted["open gates"] = counted["gates"].where(sa.column("state") == "open")
    return db.read_sync(lambda tx: {name: int(tx.conn.execute(query).scalar_one()) for name, query in counted.items()})


def _analysed(db: Database) -> None:
    """As PostgreSQL's own housekeeping would have done by now."""
    if not db.is_sqlite:
        with db.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.exec_driver_sql("vacuum analyze")
