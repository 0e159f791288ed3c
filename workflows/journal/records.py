"""Appending to the journal, inside the transaction of what is recorded: both happen, or neither.

Errors: ``AuditConflict`` (permanent: the same ``op_key`` came with something else), ``UnknownKind``, ``NotCanonical``,
``KeyringError``, and the store's. Any of them undoes the transaction: no record, no effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import IntegrityError

from workflows.journal import chain, heads, kinds, sealing
from workflows.journal.canonical import content_bytes, jcs
from workflows.journal.keyring import Keyring
from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.prepared import Prepared
from workflows.store.tables import audit_blob, audit_event

ADMIN = "admin"
_EVENT, _BLOB = Prepared(audit_event.insert()), Prepared(audit_blob.insert())


class AuditConflict(Exception):
    """An operation was recorded before under this key, and was something else. Never tried again."""

    permanent = True
    code = "audit_conflict"
    remedy = "Compare both with `visto audit explain`; start a new execution if what runs now is what you want."

    def __init__(self, op_key: str, existing: str | None) -> None:
        super().__init__(f"The journal holds another record for {op_key!r} (event {existing or 'unknown'}).")
        self.op_key = op_key
        self.existing = existing


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing that happened.

    ``meta`` holds nothing personal and is never erased; ``content`` may hold anything and is sealed under the key of
    ``subject`` (by default the execution's). ``op_key`` makes the record unique in its namespace.
    """

    namespace: str
    kind: str
    actor_kind: str = "system"
    actor_id: str | None = None
    via: str | None = None
    stream: str | None = None
    flow_id: str | None = None
    revision_sha256: str | None = None
    execution_id: str | None = None
    path: str | None = None
    attempt: int | None = None
    outcome: str | None = None
    action_digest: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    content: Any = None
    subject: str | None = None
    op_key: str | None = None
    occurred_at: datetime | None = None

    @property
    def place(self) -> str:
        """The stream the record belongs to."""
        return self.stream or f"{self.namespace}/{self.execution_id or ADMIN}"

    @property
    def about(self) -> str:
        """Whose key seals the content."""
        return self.subject or (
            f"execution:{self.execution_id}" if self.execution_id else f"namespace:{self.namespace}"
        )


class Journal:
    """Appends records. One per process; it holds no state but keys."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring

    def append(self, tx: Tx, record: Record) -> str:
        """Append one record and return its event id (the existing one's for a repeated ``op_key``)."""
        return self.append_many(tx, (record,))[0]

    def append_many(self, tx: Tx, records: Sequence[Record]) -> list[str]:
        """Append in order, with one pass per stream; returns the event ids in the order given."""
        places: dict[str, list[int]] = {}
        for index, record in enumerate(records):
            kinds.check(record.kind)
            places.setdefault(record.place, []).append(index)
        ids = [""] * len(records)
        # sorted, so that two transactions lock the same streams in the same order
        for place in sorted(places):
            added = self._extend(tx, place, [records[index] for index in places[place]])
            for index, event_id in zip(places[place], added, strict=True):
                ids[index] = event_id
        return ids

    def _extend(self, tx: Tx, stream: str, records: Sequence[Record]) -> list[str]:
        first = records[0]
        head = heads.lock(tx, first.namespace, stream, first.about)
        known = heads.known(tx, first.namespace, [r.op_key for r in records if r.op_key])
        keys = {first.about: head.live_key} if head.live_key else {}
        events: list[dict[str, Any]] = []
        blobs: list[dict[str, Any]] = []
        ids: list[str] = []
        for record in records:
            if record.namespace != first.namespace:
                raise ValueError(f"stream {stream!r} belongs to {first.namespace!r}, not to {record.namespace!r}")
            if record.op_key and (earlier := known.get(record.op_key)):
                ids.append(self._same(tx, record, earlier))
                continue
            event_id = new_id(tx.now)
            content = None if record.content is None else content_bytes(record.content)
            commitment = None
            if content is not None:
                commitment, blob = self._seal(tx, record, event_id, content, keys)
                blobs.append(blob)
            event = _event(tx, record, stream, event_id, head.seq + 1, commitment)
            if event["seq"] == 1 and event["revision_sha256"] is None:
                event["revision_sha256"] = heads.revision_sha256(tx, record.namespace, record.execution_id)
            event["prev_hash"] = head.hash
            event["event_hash"] = chain.event_hash([event[name] for name in chain.ENVELOPE], head.hash)
            head.seq, head.hash = event["seq"], event["event_hash"]
            events.append(event)
            ids.append(event_id)
            if record.op_key:
                known[record.op_key] = heads.Known(
                    event_id, stream, record.kind, record.action_digest, commitment, content
                )
        _write(tx, first.namespace, stream, head, events, blobs)
        return ids

    def _seal(
        self, tx: Tx, record: Record, event_id: str, content: bytes, keys: dict[str, str]
    ) -> tuple[str, dict[str, Any]]:
        subject, namespace = record.about, record.namespace
        key_id = keys.get(subject) or sealing.live_key(tx, namespace, subject)
        if key_id is None:
            key_id = sealing.make_key(tx, self.keyring, namespace, subject)
        keys[subject] = key_id
        cipher = sealing.cipher(tx, self.keyring, namespace, key_id)
        commitment, nonce, ciphertext = sealing.seal(cipher, event_id, content)
        blob = {"event_id": event_id, "namespace": namespace, "subject": subject, "key_id": key_id}
        return commitment, {**blob, "nonce": nonce, "ciphertext": ciphertext}

    def _same(self, tx: Tx, record: Record, earlier: heads.Known) -> str:
        """The earlier record's id if it says the same; an erased content can no longer differ."""
        same = (earlier.stream, earlier.kind, earlier.action_digest) == (
            record.place,
            record.kind,
            record.action_digest,
        )
        same = same and (earlier.commitment is None) == (record.content is None)
        if same and record.content is not None:
            content = content_bytes(record.content)
            before = earlier.content
            if before is None:
                opened = sealing.read(tx, self.keyring, record.namespace, earlier.event_id)
                before = opened.content if isinstance(opened, sealing.Opened) else content
            same = before == content
        if not same:
            raise AuditConflict(record.op_key or "", earlier.event_id)
        return earlier.event_id


def _event(tx: Tx, record: Record, stream: str, event_id: str, seq: int, commitment: str | None) -> dict[str, Any]:
    at = (record.occurred_at or tx.now).astimezone(UTC)
    return {
        "event_id": event_id,
        "namespace": record.namespace,
        "stream": stream,
        "seq": seq,
        "op_key": record.op_key,
        "kind": record.kind,
        "occurred_at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "actor_kind": record.actor_kind,
        "actor_id": record.actor_id,
        "via": record.via,
        "flow_id": record.flow_id,
        "revision_sha256": record.revision_sha256,
        "execution_id": record.execution_id,
        "path": record.path,
        "attempt": record.attempt,
        "outcome": record.outcome,
        "action_digest": record.action_digest,
        "content_commitment": commitment,
        "meta": jcs(record.meta).decode(),
        "schema_v": chain.SCHEMA_V,
    }


def _write(
    tx: Tx, namespace: str, stream: str, head: heads.Head, events: list[dict[str, Any]], blobs: list[dict[str, Any]]
) -> None:
    if not events:
        return
    try:
        _EVENT.change_each(tx, events)
    except IntegrityError as error:
        # another stream took one of these keys between our look-up and now
        raise AuditConflict(", ".join(str(event["op_key"]) for event in events if event["op_key"]), None) from error
    if blobs:
        _BLOB.change_each(tx, blobs)
    heads.move(tx, namespace, stream, head)
