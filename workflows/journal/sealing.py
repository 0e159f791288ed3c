"""Contents at rest: AES-256-GCM under the subject's key, the commitment's salt inside, bound to the record's id."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import Enum
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import bindparam

from workflows.journal import chain
from workflows.journal.canonical import content_value
from workflows.journal.keyring import NONCE_BYTES, Keyring
from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.prepared import Prepared
from workflows.store.sql import insert_ignore
from workflows.store.tables import audit_blob, audit_key


class Erased(Enum):
    """The marker that stands for a content whose key was destroyed."""

    ERASED = "erased"


ERASED = Erased.ERASED


class Unreadable(Exception):
    """A content that is there and does not open: its bytes or its key row were altered, or a part is missing."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A content's bytes and the salt of its commitment."""

    salt: bytes
    content: bytes

    @property
    def value(self) -> Any:
        return content_value(self.content)

    @property
    def commitment(self) -> str:
        return chain.commitment(self.salt, self.content)


LIVE_KEY = (
    sa.select(audit_key.c.key_id)
    .where(
        audit_key.c.namespace == bindparam("ns"),
        audit_key.c.subject == bindparam("subject"),
        audit_key.c.destroyed_at.is_(None),
    )
    .scalar_subquery()
)
_WRAPPED = Prepared(
    sa.select(audit_key.c.wrapped, audit_key.c.kek_id).where(
        audit_key.c.namespace == bindparam("ns"), audit_key.c.key_id == bindparam("key")
    )
)
_FIND_LIVE = Prepared(sa.select(LIVE_KEY))
_BLOB = Prepared(
    sa.select(
        audit_blob.c.key_id, audit_blob.c.nonce, audit_blob.c.ciphertext,
        audit_key.c.wrapped, audit_key.c.kek_id, audit_key.c.destroyed_at,
    )
    .outerjoin(audit_key, sa.and_(audit_key.c.key_id == audit_blob.c.key_id, audit_key.c.namespace == audit_blob.c.namespace))
    .where(audit_blob.c.namespace == bindparam("ns"), audit_blob.c.event_id == bindparam("event"))
)  # fmt: skip


def live_key(tx: Tx, namespace: str, subject: str) -> str | None:
    """The id of the subject's key, or None when there is none yet (or it was destroyed)."""
    found: str | None = _FIND_LIVE.value(tx, {"ns": namespace, "subject": subject})
    return found


def make_key(tx: Tx, keyring: Keyring, namespace: str, subject: str) -> str:
    """Make the subject's key unless somebody else just did; returns its id."""
    key_id = new_id(tx.now)
    new = {"key_id": key_id, "namespace": namespace, "subject": subject, "kek_id": keyring.kek_id}
    made = {"wrapped": keyring.new_key(key_id), "created_at": tx.now}
    if insert_ignore(tx, audit_key, {**new, **made}):
        return key_id
    other = live_key(tx, namespace, subject)
    assert other is not None
    return other


def cipher(tx: Tx, keyring: Keyring, namespace: str, key_id: str) -> AESGCM:
    """The cipher of a live key. Raises ``KeyringError``."""
    if (known := keyring.known(key_id)) is not None:
        return known
    row = _WRAPPED.row(tx, {"ns": namespace, "key": key_id})
    assert row is not None
    wrapped, kek_id = row
    return keyring.unwrap(key_id, wrapped, kek_id)


def seal(key: AESGCM, event_id: str, content: bytes) -> tuple[str, bytes, bytes]:
    """Return the commitment, the nonce and the ciphertext of a content."""
    salt = secrets.token_bytes(chain.SALT_BYTES)
    nonce = secrets.token_bytes(NONCE_BYTES)
    return chain.commitment(salt, content), nonce, key.encrypt(nonce, salt + content, event_id.encode())


def unseal(key: AESGCM, event_id: str, nonce: bytes, ciphertext: bytes) -> Opened:
    """Raises ``Unreadable``."""
    try:
        plain = key.decrypt(nonce, ciphertext, event_id.encode())
    except InvalidTag as error:
        raise Unreadable("the stored content was altered") from error
    return Opened(plain[: chain.SALT_BYTES], plain[chain.SALT_BYTES :])


def read(tx: Tx, keyring: Keyring, namespace: str, event_id: str) -> Opened | Erased | None:
    """A record's content; None when it has none. Raises ``Unreadable`` and ``KeyringError``."""
    row = _BLOB.row(tx, {"ns": namespace, "event": event_id})
    if row is None:
        return None
    key_id, nonce, ciphertext, wrapped, kek_id, destroyed_at = row
    if destroyed_at is not None:
        return ERASED
    if kek_id is None or wrapped is None:
        raise Unreadable("the content's key is missing")
    return unseal(keyring.unwrap(key_id, wrapped, kek_id), event_id, nonce, ciphertext)
