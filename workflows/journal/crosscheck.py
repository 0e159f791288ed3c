"""What the business rows claim must be in the journal, and what it says of them must hold.

Decisions, votes, what people were asked, answers and erasures without a record are forged; a decision or a vote whose
row is gone was removed. Each table is read once, whatever the number of its rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from workflows.flow.plan import revision_sha256
from workflows.gates.digest import action_digest as digest_of
from workflows.journal.findings import Finding
from workflows.journal.witness import Decided, Voted, Witness, digest, instant
from workflows.store.db import Tx
from workflows.store.tables import (
    audit_key,
    decisions,
    executions,
    gate_revisions,
    gates,
    operations,
    revisions,
    votes,
)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows are compared: everybody's, a namespace's, or one execution's."""

    namespace: str | None = None
    execution_id: str | None = None


_DECISIONS = sa.select(
    decisions.c.id, decisions.c.namespace, decisions.c.execution_id, decisions.c.outcome, decisions.c.action_digest,
    decisions.c.actor_id, decisions.c.undone_at, decisions.c.revoked_reason, decisions.c.reason_code,
    decisions.c.decided_at, decisions.c.fields,
)  # fmt: skip
_VOTES = sa.select(
    votes.c.id, votes.c.namespace, votes.c.gate_id, votes.c.revision, votes.c.principal_id, votes.c.action,
    votes.c.created_at,
)  # fmt: skip
_GATES = sa.select(gates.c.id, gates.c.namespace, gates.c.execution_id, gates.c.state, gates.c.requester_id)
_EXECUTIONS = sa.select(
    executions.c.id, executions.c.namespace, executions.c.state, executions.c.generation, executions.c.requester_id
)
_REVISIONS = sa.select(
    revisions.c.namespace, revisions.c.flow_id, revisions.c.number, revisions.c.sha256, revisions.c.bundle
)
_ASKED = sa.select(
    gate_revisions.c.namespace, gate_revisions.c.gate_id, gate_revisions.c.revision, gate_revisions.c.view,
    gate_revisions.c.action_digest, gate_revisions.c.fields,
)  # fmt: skip
_ANSWERS = sa.select(
    operations.c.namespace, operations.c.execution_id, operations.c.key, operations.c.request_hash, operations.c.answer
).where(operations.c.state == "answered")
_DESTROYED = sa.select(audit_key.c.namespace, audit_key.c.key_id, audit_key.c.subject).where(
    audit_key.c.destroyed_at.is_not(None)
)


def findings(tx: Tx, witness: Witness, scope: Scope) -> Iterator[Finding]:
    """Name the rows that the journal does not bear out."""
    yield from _decisions(tx, witness, scope)
    yield from _votes(tx, witness, scope)
    yield from _asked(tx, witness, scope)
    yield from _gates(tx, witness, scope)
    yield from _executions(tx, witness, scope)
    yield from _answers(tx, witness, scope)
    if scope.execution_id is not None:  # the rest is nobody's own
        return
    yield from _revisions(tx, scope)
    for space, key_id, subject in tx.conn.execute(_within(_DESTROYED, audit_key, scope)):
        if key_id not in witness.destroyed:
            yield Finding(
                f"{space}/admin", None, None, f"the key {key_id} of {subject} was destroyed without an erasure"
            )


def _decisions(tx: Tx, witness: Witness, scope: Scope) -> Iterator[Finding]:
    gone = dict(witness.decisions)
    for row in tx.conn.execute(_within(_DECISIONS, decisions, scope)):
        known = gone.pop(row.id, None)
        wrong = _contradiction(row, known, witness)
        if wrong is not None:
            yield Finding(f"{row.namespace}/{row.execution_id}", None, None, f"decision {row.id} {wrong}")
    for decision, known in gone.items():
        yield Finding(known.stream, None, None, f"decision {decision} ({known.outcome}) is recorded, its row is gone")


def _contradiction(row: sa.Row[Any], known: Decided | None, witness: Witness) -> str | None:
    """What a decision's row claims against its record."""
    if known is None:
        return f"({row.outcome}) has no record"
    at = instant(row.decided_at)
    for differs, wrong in (
        (known.outcome != row.outcome, f"says {row.outcome}, its record {known.outcome}"),
        (known.action_digest != row.action_digest, "is bound to another action than its record"),
        (known.actor_id != row.actor_id, f"names {row.actor_id} as who decided, its record {known.actor_id}"),
        (known.reason_code != row.reason_code, f"gives the reason {row.reason_code}, its record {known.reason_code}"),
        (known.decided_at != at, f"is dated {at}, its record {known.decided_at}"),
        (known.fields not in (None, digest(row.fields)), "holds other fields than its record"),
    ):
        if differs:
            return wrong
    for what, is_so, recorded in (
        ("undone", row.undone_at is not None, row.id in witness.undone),
        ("revoked", row.revoked_reason is not None, row.id in witness.revoked),
    ):
        if is_so != recorded:
            return f"is {what} without a record" if is_so else f"was {what}, and its row does not say so"
    return None


def _votes(tx: Tx, witness: Witness, scope: Scope) -> Iterator[Finding]:
    """Every vote has a record of its own, or the decision that it brought about."""
    left = {cast: sorted(voted, key=lambda one: not one.exact) for cast, voted in witness.votes.items()}
    for row in tx.conn.execute(_within(_VOTES, votes, scope)):
        known = left.get((row.gate_id, row.revision, row.principal_id, instant(row.created_at)), [])
        match = next((one for one in known if row.action in one.actions), None)
        if match is None:
            yield Finding(f"{row.namespace}/gates", None, None, f"vote {row.id} {_unlike(row, known)}")
        if known:
            known.remove(match or known[0])
    for (gate, _, principal, _), voted in left.items():
        for one in (one for one in voted if one.exact):
            yield Finding(
                one.stream, None, None, f"the vote of {principal} on gate {gate} is recorded, its row is gone"
            )


def _unlike(row: sa.Row[Any], known: list[Voted]) -> str:
    if not known:
        return f"({row.action} by {row.principal_id}) has no record"
    return f"says {row.action}, its record {' or '.join(sorted(known[0].actions))}"


def _gates(tx: Tx, witness: Witness, scope: Scope) -> Iterator[Finding]:
    for row in tx.conn.execute(_within(_GATES, gates, scope)):
        place, state = f"{row.namespace}/{row.execution_id}", witness.gates.get(row.id, row.state)
        if state != row.state:
            yield Finding(place, None, None, f"gate {row.id} is {row.state}, its records leave it {state}")
        requester = witness.requesters.get(row.execution_id, row.requester_id)
        if requester != row.requester_id:
            what = f"gate {row.id} names {row.requester_id} as requester, the execution's record {requester}"
            yield Finding(place, None, None, what)


def _executions(tx: Tx, witness: Witness, scope: Scope) -> Iterator[Finding]:
    for row in tx.conn.execute(_within(_EXECUTIONS, executions, scope)):
        place, ended = f"{row.namespace}/{row.id}", witness.ended.get(row.id)
        if ended is not None and row.generation <= ended.generation and row.state != ended.state:
            yield Finding(
                place, None, None, f"execution {row.id} is {row.state}, its record says it ended {ended.state}"
            )
        requester = witness.requesters.get(row.id, row.requester_id)
        if requester != row.requester_id:
            what = f"execution {row.id} names {row.requester_id} as requester, its record {requester}"
            yield Finding(place, None, None, what)


def _revisions(tx: Tx, scope: Scope) -> Iterator[Finding]:
    """A revision is what its identity was computed from."""
    for row in tx.conn.execute(_within(_REVISIONS, revisions, scope)):
        if not _is_identity(row.sha256, row.bundle):
            what = f"revision {row.number} of flow {row.flow_id} is not the content that its sha256 names"
            yield Finding(f"{row.namespace}/admin", None, None, what)


def _is_identity(sha256: str, bundle: Any) -> bool:
    try:
        return revision_sha256(bundle) == sha256
    except ValueError:  # no canonical form, which nothing that was saved lacks
        return False


def _asked(tx: Tx, witness: Witness, scope: Scope) -> Iterator[Finding]:
    """What people were asked: the view is the one that was recorded, and what would become final is what it shows."""
    for row in tx.conn.execute(_within(_ASKED, gate_revisions, scope)):
        place = f"revision {row.revision} of gate {row.gate_id}"
        if digest_of(row.view) != row.action_digest or row.action_digest not in witness.asked:
            yield Finding(f"{row.namespace}/gates", None, None, f"{place} is not what people were asked")
        elif json.loads(row.view)["suggestion"] != row.fields:
            yield Finding(f"{row.namespace}/gates", None, None, f"{place} has other fields than were shown")


def _answers(tx: Tx, witness: Witness, scope: Scope) -> Iterator[Finding]:
    for space, execution, key, request_hash, answer in tx.conn.execute(_within(_ANSWERS, operations, scope)):
        event_id = (answer or {}).get("event")
        if event_id not in witness.answers:
            yield Finding(
                f"{space}/{execution}", None, event_id, f"operation {key} is answered and has no sound record"
            )
        elif witness.answers[event_id] != request_hash:
            yield Finding(f"{space}/{execution}", None, event_id, f"operation {key} points to another call's answer")


def _within(statement: sa.Select[Any], table: sa.Table, scope: Scope) -> sa.Select[Any]:
    if scope.namespace is not None:
        statement = statement.where(table.c.namespace == scope.namespace)
    if scope.execution_id is None:
        return statement
    if table is executions:
        return statement.where(table.c.id == scope.execution_id)
    if "execution_id" in table.c:
        return statement.where(table.c.execution_id == scope.execution_id)
    own = sa.select(gates.c.id).where(gates.c.execution_id == scope.execution_id)
    return statement.where(table.c.gate_id.in_(own))
