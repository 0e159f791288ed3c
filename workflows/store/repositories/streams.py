"""Where a record stands in its stream, and to which digest a gate was decided."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.tables import audit_event, audit_head, decisions


@dataclass(frozen=True, slots=True)
class Around:
    """``length`` is how many records the stream has; the neighbours' ids are None at its ends."""

    length: int
    before: str | None
    after: str | None


_STREAM = sa.and_(audit_event.c.namespace == bindparam("ns"), audit_event.c.stream == bindparam("of"))
_NEAR = sa.select(audit_event.c.seq, audit_event.c.event_id).where(
    _STREAM, audit_event.c.seq.in_((bindparam("seq_before"), bindparam("seq_after")))
)
_LENGTH = sa.select(audit_head.c.seq).where(
    audit_head.c.namespace == bindparam("ns"), audit_head.c.stream == bindparam("of")
)
_DECIDED = (
    sa.select(decisions.c.action_digest)
    .where(
        decisions.c.namespace == bindparam("ns"),
        decisions.c.gate_id == bindparam("gate"),
        decisions.c.revision == bindparam("n"),
        decisions.c.undone_at.is_(None),
    )
    .order_by(decisions.c.decided_at.desc())
    .limit(1)
)


def around(tx: Tx, namespace: str, stream: str, seq: int) -> Around:
    """The neighbours of record ``seq`` and the length of its stream."""
    params = {"ns": namespace, "of": stream, "seq_before": seq - 1, "seq_after": seq + 1}
    near = {row.seq: row.event_id for row in tx.conn.execute(_NEAR, params)}
    length = tx.conn.execute(_LENGTH, {"ns": namespace, "of": stream}).scalar_one_or_none()
    return Around(int(length or 0), near.get(seq - 1), near.get(seq + 1))


def decided_digest(tx: Tx, namespace: str, gate_id: str, revision: int) -> str | None:
    """The digest that a standing decision about this revision was bound to."""
    found: str | None = tx.conn.execute(
        _DECIDED, {"ns": namespace, "gate": gate_id, "n": revision}
    ).scalar_one_or_none()
    return found
