"""Appending: chained, sealed, unique by operation, and part of the transaction of what is recorded."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import rfc8785
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tests.support import rows
from tests.support.rows import NS, OTHER
from workflows.journal import chain, read
from workflows.journal.canonical import NotCanonical, content_bytes, content_value, jcs
from workflows.journal.findings import Verdict
from workflows.journal.kinds import UnknownKind
from workflows.journal.records import AuditConflict, Journal, Record
from workflows.journal.verify import verify
from workflows.store.db import Database
from workflows.store.tables import audit_blob, audit_event, audit_head


def _record(**more: Any) -> Record:
    return Record(**{"namespace": NS, "kind": "task.ended", "execution_id": "e1", **more})


def _count(db: Database) -> int:
    return db.read_sync(lambda tx: tx.conn.execute(sa.select(sa.func.count()).select_from(audit_event)).scalar_one())


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.lists(st.none() | TEXT | st.integers(-(2**53) + 1, 2**53 - 1), min_size=20, max_size=20), TEXT)
def test_the_quick_envelope_encoding_is_rfc_8785(values: list[Any], key: str) -> None:
    """The hand-made encoder and an RFC 8785 library agree on every byte."""
    meta = {key: 1, "a": [True, None, 0.5]}
    position = chain.ENVELOPE.index("meta")
    values[position] = jcs(meta).decode()
    expected = rfc8785.dumps(
        {name: meta if name == "meta" else v for name, v in zip(chain.ENVELOPE, values, strict=True)}
    )
    assert chain.envelope_bytes(values) == expected


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8))  # fmt: skip
def test_contents_survive_whatever_customers_and_models_send(value: Any) -> None:
    """Large numbers, NUL, unpaired surrogates: what is read is what was written."""
    assert content_value(content_bytes(value)) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, {"x": object()}])
def test_what_has_no_json_form_is_refused(value: Any) -> None:
    with pytest.raises(NotCanonical):
        content_bytes(value)


def test_meta_refuses_numbers_that_json_readers_round(database: Database, journal: Journal) -> None:
    with pytest.raises(NotCanonical):
        database.write_sync(lambda tx: journal.append(tx, _record(meta={"n": 2**60})))
    assert _count(database) == 0


def test_records_of_an_execution_form_one_chain(database: Database, journal: Journal) -> None:
    """Sequence without gaps, each record holding the hash of the one before, the head holding the last."""
    for n in range(5):
        database.write_sync(lambda tx, n=n: journal.append(tx, _record(content={"n": n})))
    found = database.read_sync(
        lambda tx: tx.conn.execute(sa.select(audit_event).order_by(audit_event.c.seq)).mappings().all()
    )
    assert [row["seq"] for row in found] == [1, 2, 3, 4, 5]
    assert [row["prev_hash"] for row in found] == [chain.GENESIS, *(row["event_hash"] for row in found[:-1])]
    head = database.read_sync(lambda tx: tx.conn.execute(sa.select(audit_head)).mappings().one())
    assert (head["stream"], head["seq"], head["hash"]) == (f"{NS}/e1", 5, found[-1]["event_hash"])


def test_the_first_record_commits_to_the_revision_that_runs(database: Database, journal: Journal) -> None:
    def unit(tx: Any) -> None:
        rows.flow(tx, sha256="c" * 64)
        rows.execution(tx)
        journal.append(tx, _record(kind="execution.created"))

    database.write_sync(unit)
    assert (
        database.read_sync(lambda tx: tx.conn.execute(sa.select(audit_event.c.revision_sha256)).scalar_one())
        == "c" * 64
    )


def test_contents_are_not_in_the_database_in_clear(database: Database, journal: Journal) -> None:
    """Neither the envelope nor the blob holds a readable byte of a content."""
    secret = "ann.jones@example.org wants a refund"
    database.write_sync(lambda tx: journal.append(tx, _record(content={"text": secret})))
    blob = database.read_sync(lambda tx: tx.conn.execute(sa.select(audit_blob.c.ciphertext)).scalar_one())
    event = database.read_sync(lambda tx: tx.conn.execute(sa.select(audit_event)).one())
    assert secret.encode() not in blob
    assert secret not in str(event)


def test_equal_contents_have_different_commitments(database: Database, journal: Journal) -> None:
    """The salt keeps anybody from guessing a content by hashing candidates."""
    database.write_sync(lambda tx: journal.append_many(tx, [_record(content="yes"), _record(content="yes")]))
    found = database.read_sync(lambda tx: tx.conn.execute(sa.select(audit_event.c.content_commitment)).scalars().all())
    assert len(set(found)) == 2


def test_a_batch_keeps_its_order_over_several_streams(database: Database, journal: Journal) -> None:
    batch = [_record(execution_id=f"e{n % 3}", content={"n": n}) for n in range(9)]
    ids = database.write_sync(lambda tx: journal.append_many(tx, batch))
    contents = database.read_sync(lambda tx: [read.get(tx, journal.keyring, NS, each).content for each in ids])
    assert contents == [{"n": n} for n in range(9)]
    assert verify(database, journal.keyring).verdict is Verdict.VERIFIED


def test_an_operation_recorded_twice_is_one_record(database: Database, journal: Journal) -> None:
    """A repeated append with the same content returns the first one's id, in the same batch too."""
    first = database.write_sync(lambda tx: journal.append(tx, _record(op_key="op", content=[1])))
    again = database.write_sync(lambda tx: journal.append_many(tx, [_record(op_key="op", content=[1])] * 2))
    assert again == [first, first]
    assert _count(database) == 1


@pytest.mark.parametrize(
    "other",
    [{"content": [2]}, {"content": None}, {"kind": "task.started"}, {"action_digest": "x"}, {"execution_id": "e2"}],
)
def test_an_operation_recorded_as_something_else_is_a_conflict(
    database: Database, journal: Journal, other: dict[str, Any]
) -> None:
    """Nothing of the second transaction remains."""
    database.write_sync(lambda tx: journal.append(tx, _record(op_key="op", content=[1])))
    with pytest.raises(AuditConflict) as caught:
        database.write_sync(
            lambda tx: journal.append_many(tx, [_record(), _record(**{"op_key": "op", "content": [1], **other})])
        )
    assert caught.value.permanent
    assert _count(database) == 1


def test_two_tenants_may_use_the_same_operation_key(database: Database, journal: Journal) -> None:
    for namespace in (NS, OTHER):
        database.write_sync(lambda tx, ns=namespace: journal.append(tx, _record(namespace=ns, op_key="op", content=ns)))
    assert _count(database) == 2


def test_a_stream_cannot_be_written_from_another_namespace(database: Database, journal: Journal) -> None:
    database.write_sync(lambda tx: journal.append(tx, _record()))
    with pytest.raises(ValueError, match="another namespace"):
        database.write_sync(lambda tx: journal.append(tx, _record(namespace=OTHER, stream=f"{NS}/e1")))


def test_an_unknown_kind_is_refused_and_nothing_is_written(database: Database, journal: Journal) -> None:
    with pytest.raises(UnknownKind, match=r"kinds\.py"):
        database.write_sync(lambda tx: journal.append_many(tx, [_record(), _record(kind="task.finnished")]))
    assert _count(database) == 0


def test_what_is_rolled_back_leaves_no_record_no_key_and_no_gap(database: Database, journal: Journal) -> None:
    """A key made in a transaction that failed is not used by the next one."""

    def failing(tx: Any) -> None:
        journal.append(tx, _record(content="lost"))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        database.write_sync(failing)
    event_id = database.write_sync(lambda tx: journal.append(tx, _record(content="kept")))
    assert database.read_sync(lambda tx: read.get(tx, journal.keyring, NS, event_id)).content == "kept"
    assert verify(database, journal.keyring).verdict is Verdict.VERIFIED


def test_writers_of_one_stream_and_of_many_never_fork_it(database: Database, journal: Journal) -> None:
    """Sixteen threads, two hundred appends over four streams: one chain each, nothing lost."""
    rng = random.Random(7)
    jobs = [[f"e{rng.randrange(4)}" for _ in range(1 + n % 3)] for n in range(100)]

    def work(job: list[str]) -> None:
        batch = [_record(execution_id=each, subject="person:ann", content={"job": job}) for each in job]
        database.write_sync(lambda tx: journal.append_many(tx, batch))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, jobs))
    report = verify(database, journal.keyring)
    assert (report.verdict, report.events) == (Verdict.VERIFIED, sum(map(len, jobs)))


def test_one_operation_raced_by_many_is_one_record(database: Database, journal: Journal) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(
            pool.map(
                lambda _: database.write_sync(lambda tx: journal.append(tx, _record(op_key="op", content=1))), range(16)
            )
        )
    assert len(set(ids)) == 1
    assert _count(database) == 1


@pytest.mark.parametrize("sql", ["update audit_event set actor_id = 'eve'", "delete from audit_event"])
def test_the_database_itself_refuses_to_change_records(database: Database, journal: Journal, sql: str) -> None:
    database.write_sync(lambda tx: journal.append(tx, _record()))
    with pytest.raises(sa.exc.DatabaseError, match="append-only"):
        database.write_sync(lambda tx: tx.conn.execute(sa.text(sql)))


def test_only_the_tree_index_may_be_set_and_once(database: Database, journal: Journal) -> None:
    """That is how a notary numbers records later."""
    database.write_sync(lambda tx: journal.append(tx, _record()))
    database.write_sync(lambda tx: tx.conn.execute(sa.text("update audit_event set tree_index = 0")))
    for sql in ("update audit_event set tree_index = 1", "update audit_event set tree_index = null, kind = 'x'"):
        with pytest.raises(sa.exc.DatabaseError, match="append-only"):
            database.write_sync(lambda tx, sql=sql: tx.conn.execute(sa.text(sql)))
    assert verify(database, journal.keyring).verdict is Verdict.VERIFIED


def test_meta_is_stored_canonically(database: Database, journal: Journal) -> None:
    database.write_sync(lambda tx: journal.append(tx, _record(meta={"b": 1, "a": "é"})))
    text = database.read_sync(lambda tx: tx.conn.execute(sa.select(audit_event.c.meta)).scalar_one())
    assert text == '{"a":"é","b":1}'
    assert json.loads(text) == {"a": "é", "b": 1}
