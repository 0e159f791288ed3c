"""Gates, records and executions as the product itself left them: what a large store is copied from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from tests.browser.house import NS, PATH, House
from workflows.arbiter import handling, settling
from workflows.arbiter.current import read as current_of
from workflows.arbiter.model import Opened, Viewed
from workflows.gates.ids import batch_key, effect_path, gate_id, op_id
from workflows.journal import effects, read
from workflows.journal.effects import Effect
from workflows.journal.records import Record
from workflows.store.db import Tx
from workflows.store.tables import audit_event, decisions, executions, gate_revisions, gates, operations, votes

Json = Any
Row = dict[str, Any]
KEY, ORDER = "KEY-OF-ITEM", "ORDER-OF-ITEM"
"""Of the item in every sample; they stand for nothing else in its rows."""
NOTES = (
    "Called twice from another number; asks for delivery to a parcel station. Invoice and address do not match. " * 3
)
TABLES = (gate_revisions, decisions, votes, operations)


@dataclass(frozen=True)
class Sample:
    """One gate with everything about it. ``renamed`` makes another gate of it."""

    execution: str
    gate: Row
    rows: Mapping[str, Sequence[Row]]
    records: Sequence[Record]
    events: Sequence[str]

    @property
    def view(self) -> str:
        return str(self.rows["gate_revisions"][0]["view"])

    def names(self, execution: str, key: str, order: str) -> dict[str, str]:
        """What is called otherwise in the copy, the digest of what it shows included."""
        own, other = ((self.execution, KEY), (execution, key))
        names = {self.execution: execution, ORDER: order, KEY: key}
        names[self.gate["id"]] = gate_id(execution, PATH, key)
        names |= dict(zip(_derived(*own), _derived(*other), strict=True))
        view = said(self.view, names)
        return {**names, self.gate_digest: hashlib.sha256(view.encode()).hexdigest()}

    @property
    def gate_digest(self) -> str:
        return str(self.rows["gate_revisions"][0]["action_digest"])


def _derived(execution: str, key: str) -> tuple[str, str]:
    return batch_key(execution, PATH), op_id(execution, PATH, key, 1, "write")


def said(value: Json, names: Mapping[str, str]) -> Json:
    """The same value with other names."""
    if isinstance(value, str):
        for was, now in names.items():
            if was in value:
                value = value.replace(was, now)
        return value
    if isinstance(value, dict | list):
        text = json.dumps(value)
        changed = said(text, names)
        return value if changed is text else json.loads(changed)
    return value


def samples(house: House) -> dict[str, Sample]:
    """An open gate, one decided either way with its effect, and one whose effect was lost."""
    return {
        "open": _sample(house, None),
        "approved": _sample(house, "approve", effect="applied"),
        "rejected": _sample(house, "reject"),
        "lost": _sample(house, "approve", effect="lost"),
    }


@dataclass(frozen=True)
class Started:
    """An execution as the product starts it, with what the journal says of the start."""

    row: Row
    records: Sequence[Record]


def started(house: House) -> Started:
    """Start one."""
    number = house.execute(state="waiting")

    def take(tx: Tx) -> Started:
        entries = read.timeline(tx, house.journal.keyring, NS, number)
        row = _rows(tx, executions, executions.c.id == number)[0]
        return Started(row, [_record(tx, entry) for entry in entries])

    return house.db.read_sync(take)


def _sample(house: House, action: str | None, effect: str | None = None) -> Sample:
    execution = house.execute(state="waiting")
    order = {
        "order_id": ORDER,
        "email": "someone@example.com",
        "amount": 1234.5,
        "country": "NL",
        "purchases_24h": 3,
        "notes": NOTES,
    }
    opened = house.gate(execution, order, key=KEY)
    house.db.write_sync(lambda tx: handling.viewed(tx, house.journal, _look(house, opened)))
    if action is not None:
        house.decide(opened, "Ana", action, comment="Checked by phone.")
        house.db.write_sync(lambda tx: _settled(tx, house, opened.gate_id))
    if effect is not None:
        house.db.write_sync(lambda tx: _effect(tx, house, execution, opened, effect))
    return house.db.read_sync(lambda tx: _taken(tx, house, execution, opened.gate_id))


def _look(house: House, opened: Opened) -> Viewed:
    return Viewed(namespace=NS, gate_id=opened.gate_id, actor=house.actors["Ana"], revision=opened.revision)


def _settled(tx: Tx, house: House, gate: str) -> None:
    current = current_of(tx, NS, gate)
    assert current.decision is not None
    settling.settle(tx, house.journal, current, current.decision)


def _effect(tx: Tx, house: House, execution: str, opened: Opened, outcome: str) -> None:
    request = {"path": "sheets/order-risk.csv", "rows": [[ORDER, "medium", "Over 1,000 EUR."]]}
    effect = Effect(
        namespace=NS,
        execution_id=execution,
        flow_id="order-risk",
        path=f"{effect_path(PATH, 'write')}[{KEY}]",
        op_id=op_id(execution, PATH, KEY, 1, "write"),
        request=request,
        request_hash=hashlib.sha256(json.dumps(request).encode()).hexdigest(),
        action_digest=opened.action_digest,
        meta={"connector": "csv", "op": "write"},
    )
    state = effects.intent(tx, house.journal, effect, idempotent=True)
    if outcome == "applied":
        effects.applied(tx, house.journal, replace(effect, fence=state.fence), {"rows": 1})


def _taken(tx: Tx, house: House, execution: str, gate: str) -> Sample:
    found = read.timeline(tx, house.journal.keyring, NS, execution)
    about = [entry for entry in found if entry.path is not None]
    rows = {
        table.name: _rows(
            tx, table, (table.c.execution_id == execution) if table is operations else (table.c.gate_id == gate)
        )
        for table in TABLES
    }
    return Sample(
        execution=execution,
        gate=_rows(tx, gates, gates.c.id == gate)[0],
        rows=rows,
        records=[_record(tx, entry) for entry in about],
        events=[entry.event_id for entry in about],
    )


def _record(tx: Tx, entry: read.Entry) -> Record:
    op_key = tx.conn.execute(sa.select(audit_event.c.op_key).where(audit_event.c.event_id == entry.event_id)).scalar()
    return Record(
        namespace=NS,
        kind=entry.kind,
        actor_kind=entry.actor_kind,
        actor_id=entry.actor_id,
        via=entry.via,
        flow_id=entry.flow_id,
        execution_id=entry.execution_id,
        path=entry.path,
        attempt=entry.attempt,
        outcome=entry.outcome,
        action_digest=entry.action_digest,
        meta=entry.meta,
        content=entry.content,
        op_key=op_key,
    )


def _rows(tx: Tx, table: sa.Table, which: sa.ColumnElement[bool]) -> list[Row]:
    return [dict(row) for row in tx.conn.execute(sa.select(table).where(which)).mappings()]
