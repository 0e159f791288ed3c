"""Verification: whatever is edited, deleted, inserted, moved or cut is found, and the first bad record is named."""

from __future__ import annotations

import base64
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support import rows, tamper
from tests.support.rows import NS
from workflows.gates.digest import action_digest
from workflows.journal import effects
from workflows.journal.findings import Verdict
from workflows.journal.keyring import Keyring
from workflows.journal.records import Journal, Record
from workflows.journal.verify import verify
from workflows.store import tables
from workflows.store.db import Database, Tx
from workflows.store.repositories import decisions, gates
from workflows.store.tables import audit_event

STREAMS, LENGTH = 3, 8


@pytest.fixture
def filled(database: Database, journal: Journal) -> Database:
    """Three streams of eight records, each with a content."""
    batch = [
        Record(namespace=NS, kind="task.ended", execution_id=f"e{n % STREAMS}", actor_id="ann", content={"n": n})
        for n in range(STREAMS * LENGTH)
    ]
    database.write_sync(lambda tx: journal.append_many(tx, batch))
    return database


def _event_id(db: Database, stream: str, seq: int) -> str:
    query = sa.select(audit_event.c.event_id).where(audit_event.c.stream == stream, audit_event.c.seq == seq)
    return db.read_sync(lambda tx: str(tx.conn.execute(query).scalar_one()))


def test_an_untouched_journal_verifies(filled: Database, journal: Journal) -> None:
    report = verify(filled, journal.keyring)
    assert (report.verdict, report.verdict.exit_code) == (Verdict.VERIFIED, 0)
    assert (report.streams, report.events, report.contents) == (STREAMS, STREAMS * LENGTH, STREAMS * LENGTH)
    assert report.lines()[-1] == "RESULT: VERIFIED"


def test_an_empty_journal_verifies(database: Database, journal: Journal) -> None:
    assert verify(database, journal.keyring).verdict is Verdict.VERIFIED


EDITS = (
    "actor_id = 'eve'", "actor_id = null", "kind = 'task.started'", "meta = '{}x'", "meta = '{} '", "meta = '[]'",
    "meta = 'broken'", "occurred_at = '2020-01-01T00:00:00.000000Z'", "outcome = 'ok'", "action_digest = 'x'",
    "path = 'other'", "op_key = 'forged'", "execution_id = 'e9'", "flow_id = 'f'", "via = 'api'", "attempt = 7",
    "schema_v = 2", "event_hash = 'abc'", "content_commitment = null", "event_id = event_id || 'x'", "namespace = 'other'",
)  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_field_is_found_and_its_record_named(filled: Database, journal: Journal, edit: str) -> None:
    """Any field, at any position."""
    stream, seq = f"{NS}/e{random.Random(edit).randrange(STREAMS)}", random.Random(edit).randint(1, LENGTH)
    assert tamper.run(filled, f"update audit_event set {edit} where stream = :s and seq = :q", s=stream, q=seq) == 1
    report = verify(filled, journal.keyring)
    assert (report.verdict, report.verdict.exit_code) == (Verdict.TAMPERED, 1)
    assert (report.findings[0].stream, report.findings[0].seq) == (stream, seq)
    assert _event_id(filled, stream, seq) == report.findings[0].event_id


@pytest.mark.parametrize("seq", range(1, LENGTH))
def test_a_deleted_record_is_found_at_the_next_one(filled: Database, journal: Journal, seq: int) -> None:
    tamper.run(filled, "delete from audit_event where stream = :s and seq = :q", s=f"{NS}/e1", q=seq)
    finding = verify(filled, journal.keyring).findings[0]
    assert (finding.stream, finding.seq) == (f"{NS}/e1", seq + 1)
    assert "missing" in finding.what


@pytest.mark.parametrize("kept", [0, 1, LENGTH - 1])
def test_a_cut_tail_is_found_by_the_head(filled: Database, journal: Journal, kept: int) -> None:
    """Even when nothing but the head is left."""
    tamper.run(filled, "delete from audit_event where stream = :s and seq > :q", s=f"{NS}/e2", q=kept)
    finding = verify(filled, journal.keyring).findings[0]
    assert (finding.stream, finding.seq) == (f"{NS}/e2", kept + 1)


def test_a_removed_head_is_found(filled: Database, journal: Journal) -> None:
    tamper.run(filled, "delete from audit_head where stream = :s", s=f"{NS}/e0")
    assert "head" in verify(filled, journal.keyring).findings[0].what


def test_two_records_that_change_places_are_found(filled: Database, journal: Journal) -> None:
    stream = f"{NS}/e0"
    for old, new in ((3, 100), (5, 3), (100, 5)):
        tamper.run(filled, "update audit_event set seq = :n where stream = :s and seq = :o", s=stream, o=old, n=new)
    assert (verify(filled, journal.keyring).findings[0].stream, verify(filled, journal.keyring).findings[0].seq) == (
        stream,
        3,
    )


def test_a_record_copied_to_the_end_is_found(filled: Database, journal: Journal) -> None:
    columns = [c.name for c in audit_event.columns]
    new = {"event_id": "'forged'", "seq": str(LENGTH + 1), "prev_hash": "event_hash"}
    values = ", ".join(new.get(name, name) for name in columns)
    sql = f"insert into audit_event ({', '.join(columns)}) select {values} from audit_event where stream = :s and seq = :q"
    assert tamper.run(filled, sql, s=f"{NS}/e1", q=LENGTH) == 1
    report = verify(filled, journal.keyring)
    assert (report.findings[0].stream, report.findings[0].seq) == (f"{NS}/e1", LENGTH + 1)


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("delete from audit_blob where event_id = :e", "missing"),
        ("update audit_blob set ciphertext = nonce where event_id = :e", "altered"),
        ("update audit_blob set key_id = 'gone' where event_id = :e", "key is missing"),
    ],
)
def test_a_content_that_was_touched_is_found(filled: Database, journal: Journal, sql: str, says: str) -> None:
    event = _event_id(filled, f"{NS}/e1", 4)
    tamper.run(filled, sql, e=event)
    finding = verify(filled, journal.keyring).findings[0]
    assert (finding.event_id, says in finding.what) == (event, True)


def test_contents_that_change_places_are_found(filled: Database, journal: Journal) -> None:
    """A content opens only in its own record."""
    event = _event_id(filled, f"{NS}/e1", 4)
    other = _event_id(filled, f"{NS}/e1", 5)
    tamper.run(filled, "delete from audit_blob where event_id = :e", e=event)
    tamper.run(filled, "update audit_blob set event_id = :e where event_id = :o", e=event, o=other)
    assert verify(filled, journal.keyring).findings[0].event_id == event


def test_a_key_destroyed_without_a_recorded_erasure_is_found(filled: Database, journal: Journal) -> None:
    """Erasing is an act with a name and a reason; wiping a key quietly is tampering."""
    tamper.run(filled, "update audit_key set wrapped = null, destroyed_at = created_at where subject = 'execution:e1'")
    report = verify(filled, journal.keyring)
    assert report.verdict is Verdict.TAMPERED
    assert "without an erasure" in report.findings[0].what


VIEW = '{"suggestion":{"risk":"high"}}'


def _decide(db: Database, journal: Journal, *, record: bool = True) -> None:
    """Ask and decide, as the arbiter does: the rows and their records."""

    def unit(tx: Tx) -> None:
        asked = action_digest(VIEW)
        made = rows.decision(tx, action_digest=asked)
        gate = rows.gate(tx)
        tx.conn.execute(sa.update(tables.gate_revisions).values(view=VIEW, action_digest=asked))
        journal.append(tx, Record(namespace=NS, kind="approval.requested", execution_id="e1", action_digest=asked))
        decisions.add(tx, NS, made)
        gates.update(tx, NS, gate.id, state="decided")
        if record:
            meta = {"decision_id": made.id, "gate_id": gate.id, "revision": 1}
            journal.append(tx, Record(namespace=NS, kind="decision.submitted", actor_kind="person", actor_id=made.actor_id,
                                      execution_id="e1", outcome=made.outcome, action_digest=asked, meta=meta))  # fmt: skip

    db.write_sync(unit)


def test_a_decision_without_its_record_is_found(database: Database, journal: Journal) -> None:
    _decide(database, journal, record=False)
    assert "has no record" in verify(database, journal.keyring).findings[0].what


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ("update decisions set outcome = 'rejected'", "says rejected, its record approved"),
        ("update decisions set action_digest = 'other'", "bound to another action"),
        ("update decisions set actor_id = 'bob'", "names bob as who decided, its record ann"),
        ("update decisions set undone_at = decided_at", "is undone without a record"),
        ("update decisions set revoked_reason = 'x'", "is revoked without a record"),
        ("delete from decisions", "is recorded, its row is gone"),
        ("update gate_revisions set view = '{}'", "is not what people were asked"),
        ("update gate_revisions set action_digest = 'other'", "is not what people were asked"),
        ("""update gate_revisions set fields = '{"risk": "low"}'""", "other fields than were shown"),
    ],
)
def test_a_row_that_differs_from_its_record_is_found(
    database: Database, journal: Journal, edit: str, says: str
) -> None:
    _decide(database, journal)
    assert verify(database, journal.keyring).verdict is Verdict.VERIFIED
    tamper.run(database, edit)
    report = verify(database, journal.keyring)
    assert report.verdict is Verdict.TAMPERED
    assert says in report.findings[0].what


def test_an_answered_operation_without_its_record_is_found(database: Database, journal: Journal) -> None:
    effect = effects.Effect(
        namespace=NS, execution_id="e1", flow_id=None, path="write", op_id="op", request={}, request_hash="h"
    )
    database.write_sync(lambda tx: effects.intent(tx, journal, effect, idempotent=False))
    database.write_sync(lambda tx: effects.applied(tx, journal, effect, {"rows": 1}))
    assert verify(database, journal.keyring).verdict is Verdict.VERIFIED
    answer = '{"event": "made-up"}'
    tamper.run(
        database, "update operations set answer = " + ("cast(:a as json)" if not database.is_sqlite else ":a"), a=answer
    )
    assert "no sound record" in verify(database, journal.keyring).findings[0].what


@pytest.mark.parametrize("other", [None, Keyring(b"w" * 32)])
def test_without_the_right_key_the_chain_is_checked_and_the_verdict_is_incomplete(
    filled: Database, other: Keyring | None
) -> None:
    report = verify(filled, other)
    assert (report.verdict, report.verdict.exit_code) == (Verdict.INCOMPLETE, 2)
    assert report.unreadable == STREAMS * LENGTH


def test_a_store_that_cannot_be_read_cannot_be_checked(tmp_path: Any, journal: Journal) -> None:
    db = Database(f"sqlite:///{tmp_path / 'none.db'}")
    report = verify(db, journal.keyring)
    db.close()
    assert (report.verdict, report.verdict.exit_code) == (Verdict.CANNOT_CHECK, 3)


def test_verification_of_one_namespace_leaves_the_others_alone(filled: Database, journal: Journal) -> None:
    filled.write_sync(lambda tx: journal.append(tx, Record(namespace="other", kind="task.ended")))
    tamper.run(filled, "update audit_event set kind = 'x' where namespace = 'other'")
    assert verify(filled, journal.keyring, namespace=NS).verdict is Verdict.VERIFIED
    assert verify(filled, journal.keyring).verdict is Verdict.TAMPERED


_APPENDER = """
import base64, sys
from workflows.journal.keyring import Keyring
from workflows.journal.records import Journal, Record
from workflows.store.db import Database
db, journal = Database(sys.argv[1]), Journal(Keyring(base64.b64decode(sys.argv[2])))
n = 0
while True:
    batch = [Record(namespace="sales", kind="task.ended", execution_id=f"e{n % 5}", content={"n": n})] * 2
    db.write_sync(lambda tx: journal.append_many(tx, batch))
    n += 1
    print(n, flush=True)
"""


@pytest.mark.slow
def test_killed_writers_leave_whole_chains_and_everything_they_acknowledged(
    store_url: str, journal: Journal, clock: Callable[[], Any]
) -> None:
    """kill -9 at any moment: no gap, no fork, no lost record, and the next writer goes on."""
    rng, acknowledged = random.Random(3), 0
    key = base64.b64encode(bytes(range(32))).decode()
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", _APPENDER, store_url, key], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline()
        time.sleep(rng.uniform(0.01, 0.15))
        os.kill(child.pid, signal.SIGKILL)
        acknowledged += 1 + len(child.communicate()[0].split())
    db = Database(store_url, clock=clock)
    report = verify(db, journal.keyring)
    db.close()
    assert report.verdict is Verdict.VERIFIED
    assert report.events >= 2 * acknowledged
