"""Verifies the journal of a store: every chain, every readable content, and that the business rows agree with it.

One streaming pass over a consistent snapshot; appends go on meanwhile. Memory grows with decisions and answers only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from workflows.journal import chain, crosscheck
from workflows.journal.findings import Finding, Report
from workflows.journal.keyring import Keyring, KeyringError
from workflows.journal.sealing import Opened, Unreadable, unseal
from workflows.journal.walk import Walk
from workflows.journal.witness import Witness
from workflows.store.db import Database, StoreUnavailable, Tx
from workflows.store.tables import audit_blob, audit_event, audit_head, audit_key

_BATCH = 2_000
_WIDTH = len(chain.ENVELOPE)
_NAMES = {name: index for index, name in enumerate(chain.ENVELOPE)}
_EVENTS = (
    sa.select(
        *(audit_event.c[name] for name in chain.ENVELOPE),
        audit_event.c.prev_hash,
        audit_event.c.event_hash,
        audit_blob.c.key_id,
        audit_blob.c.nonce,
        audit_blob.c.ciphertext,
        audit_key.c.wrapped,
        audit_key.c.kek_id,
        sa.cast(audit_key.c.destroyed_at, sa.Text),
    )
    .outerjoin(audit_blob, audit_blob.c.event_id == audit_event.c.event_id)
    .outerjoin(audit_key, audit_key.c.key_id == audit_blob.c.key_id)
    .order_by(audit_event.c.stream, audit_event.c.seq)
)
_HEADS = sa.select(audit_head.c.stream, audit_head.c.seq, audit_head.c.hash)


Progress = Callable[[int], None]


@dataclass(slots=True)
class _Pass:
    keyring: Keyring | None
    report: Report
    progress: Progress = lambda _: None
    witness: Witness = field(default_factory=Witness)


def verify(
    db: Database,
    keyring: Keyring | None,
    *,
    namespace: str | None = None,
    execution_id: str | None = None,
    progress: Progress = lambda _: None,
) -> Report:
    """Verify one namespace, or (None) all of them, or of a namespace one execution.

    Never raises for what it finds, nor for a store that is away. Without the ``keyring`` the contents are counted as
    unreadable and the verdict is at best ``INCOMPLETE``. ``progress`` is told now and then how many records were read.
    """
    report = Report()
    scope = crosscheck.Scope(namespace, execution_id)
    try:
        db.read_sync(lambda tx: _verify(tx, _Pass(keyring, report, progress), scope))
    except StoreUnavailable as error:
        report.unchecked = f"{error} {error.remedy}"
    except sa.exc.DatabaseError as error:
        report.unchecked = f"The store cannot be read: {str(error.orig).strip()}. Run: visto doctor"
    return report


def _verify(tx: Tx, run: _Pass, scope: crosscheck.Scope) -> None:
    heads, events = _HEADS, _EVENTS
    if scope.namespace is not None:
        heads = heads.where(audit_head.c.namespace == scope.namespace)
        events = events.where(audit_event.c.namespace == scope.namespace)
    if scope.execution_id is not None:
        stream = f"{scope.namespace}/{scope.execution_id}"
        heads, events = heads.where(audit_head.c.stream == stream), events.where(audit_event.c.stream == stream)
    walk = Walk({stream: (seq, hash_) for stream, seq, hash_ in tx.conn.execute(heads)}, run.report)
    for row in _stream(tx, events):
        if walk.feed(row[:_WIDTH], row[_WIDTH], row[_WIDTH + 1]):
            opened = _content(run, row)
            run.witness.note({name: row[index] for name, index in _NAMES.items()}, opened)
        if run.report.events % _BATCH == 0:
            run.progress(run.report.events)
    walk.close()
    for finding in crosscheck.findings(tx, run.witness, scope):
        run.report.found(finding)


def _stream(tx: Tx, statement: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
    result = tx.conn.execution_options(stream_results=True, yield_per=_BATCH).execute(statement)
    for part in result.partitions():
        yield from part


def _content(run: _Pass, row: sa.Row[Any]) -> Opened | None:
    """Check that a content is there and is the one committed to; returns it if it can be read and is."""
    committed = row[_NAMES["content_commitment"]]
    key_id, nonce, ciphertext, wrapped, kek_id, destroyed_at = row[_WIDTH + 2 :]
    wrong: str | None = None
    opened: Opened | None = None
    if committed is None:
        wrong = "the record has a content that it never committed to" if key_id is not None else None
    elif key_id is None:
        wrong = "the content is missing"
    elif destroyed_at is not None:
        run.report.erased += 1
    elif wrapped is None:
        wrong = "the content's key is missing"
    else:
        opened, wrong = _opened(run, row[_NAMES["event_id"]], committed, key_id, nonce, ciphertext, wrapped, kek_id)
    if wrong is not None:
        run.report.found(Finding(row[_NAMES["stream"]], row[_NAMES["seq"]], row[_NAMES["event_id"]], wrong))
    return opened


def _opened(
    run: _Pass, event_id: str, committed: str, key_id: str, nonce: bytes, ciphertext: bytes, wrapped: bytes, kek_id: str
) -> tuple[Opened | None, str | None]:
    """The content, or what is wrong with it; neither when it is sealed under another key than ours."""
    if run.keyring is None or run.keyring.kek_id != kek_id:
        run.report.unreadable += 1
        return None, None
    try:
        opened = unseal(run.keyring.unwrap(key_id, wrapped, kek_id), event_id, nonce, ciphertext)
    except (Unreadable, KeyringError) as error:
        return None, str(error)
    run.report.contents += 1
    if opened.commitment != committed:
        return None, "the content is not the one committed to"
    return opened, None
