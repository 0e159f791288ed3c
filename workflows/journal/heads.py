"""The heads of the streams: where each chain ends. Locking a head orders the writers of its stream."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.journal.chain import GENESIS
from workflows.journal.sealing import LIVE_KEY
from workflows.store.db import Tx
from workflows.store.prepared import Prepared
from workflows.store.sql import insert_ignore
from workflows.store.tables import audit_event, audit_head, executions, revisions


@dataclass(slots=True)
class Head:
    """The last record's place and hash, and the id of the key that seals the stream's usual subject."""

    seq: int
    hash: str
    live_key: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """A record with an ``op_key`` that exists; ``content`` when this very transaction wrote it."""

    event_id: str
    stream: str
    kind: str
    action_digest: str | None
    commitment: str | None
    content: bytes | None = None


_MINE = sa.and_(audit_head.c.stream == bindparam("of"), audit_head.c.namespace == bindparam("ns"))
# the key by subject comes with the head, so that an append costs no statement more
_LOCK = Prepared(sa.select(audit_head.c.seq, audit_head.c.hash, LIVE_KEY).where(_MINE).with_for_update(of=audit_head))
_MOVE = Prepared(audit_head.update().where(_MINE))
_RECORDED = sa.select(
    audit_event.c.op_key, audit_event.c.event_id, audit_event.c.stream, audit_event.c.kind,
    audit_event.c.action_digest, audit_event.c.content_commitment,
).where(audit_event.c.namespace == bindparam("ns"))  # fmt: skip
# a list of keys is rendered anew for every call, which costs more than the look-up: one key has its own statement
_KNOWN_ONE = Prepared(_RECORDED.where(audit_event.c.op_key == bindparam("keys")))
_KNOWN = _RECORDED.where(audit_event.c.op_key.in_(bindparam("keys", expanding=True)))
_REVISION = Prepared(
    sa.select(revisions.c.sha256)
    .join(
        executions,
        sa.and_(
            executions.c.namespace == revisions.c.namespace,
            executions.c.flow_id == revisions.c.flow_id,
            executions.c.revision == revisions.c.number,
        ),
    )
    .where(executions.c.namespace == bindparam("ns"), executions.c.id == bindparam("execution"))
)


def lock(tx: Tx, namespace: str, stream: str, subject: str) -> Head:
    """Lock the stream's head until the transaction ends, making it if the stream is new."""
    params = {"of": stream, "ns": namespace, "subject": subject}
    row = _LOCK.row(tx, params)
    if row is None:
        new = {"stream": stream, "namespace": namespace, "seq": 0, "hash": GENESIS}
        insert_ignore(tx, audit_head, new, ("stream",))
        row = _LOCK.row(tx, params)
    if row is None:
        raise ValueError(f"stream {stream!r} belongs to another namespace than {namespace!r}")
    return Head(*row)


def move(tx: Tx, namespace: str, stream: str, head: Head) -> None:
    _MOVE.change(tx, {"of": stream, "ns": namespace, "seq": head.seq, "hash": head.hash})


def known(tx: Tx, namespace: str, op_keys: list[str]) -> dict[str, Known]:
    """The records that exist under these keys."""
    if not op_keys:
        return {}
    if len(op_keys) == 1:
        rows = _KNOWN_ONE.rows(tx, {"ns": namespace, "keys": op_keys[0]})
    else:
        rows = list(tx.conn.execute(_KNOWN, {"ns": namespace, "keys": op_keys}))
    return {op_key: Known(*rest) for op_key, *rest in rows}


def revision_sha256(tx: Tx, namespace: str, execution_id: str | None) -> str | None:
    """The digest of the revision that an execution runs; a stream's first record commits to it."""
    if execution_id is None:
        return None
    digest: str | None = _REVISION.value(tx, {"ns": namespace, "execution": execution_id})
    return digest
