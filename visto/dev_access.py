"""The developer of a local stack: a person with every role, recognised by a key in ``dev-key`` and a link in ``dev-link``.

Both files are readable by their owner only. The key stays; the link is new at every start, which ends the one before,
and signs in as often as it is opened.
"""

from __future__ import annotations

import os
from pathlib import Path

from visto.supervisor.state import KEY, LINK
from workflows.store.db import Database, Tx
from workflows.store.repositories import keys, principals, sign_in_links
from workflows.store.repositories.principals import Principal
from workflows.usecases.sign_in_links import DEV_LIFE, path_of

NAME = "Local developer"
SUBJECT = "developer"
SCOPES = ("admin",)


def ensure(db: Database, home: Path, namespace: str) -> str:
    """Return the developer's key; the person and the key are made if the file or the database knows none."""
    save(home / LINK, db.write_sync(lambda tx: _link(tx, namespace)))
    path = home / KEY
    known = path.read_text(encoding="ascii").strip() if path.is_file() else ""
    if known and db.read_sync(lambda tx: keys.authenticate(tx, namespace, known)) is not None:
        return known
    secret = db.write_sync(lambda tx: _key(tx, namespace))
    save(path, secret)
    return secret


def save(path: Path, secret: str) -> None:
    """Write a secret into a file that only its owner may read, in one step."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secret + "\n")
    draft.replace(path)


def _person(tx: Tx, namespace: str) -> Principal:
    person = principals.find_by_identity(tx, namespace, "local", SUBJECT)
    if person is None:
        person = principals.create_person(tx, namespace, NAME)
        principals.add_identity(tx, namespace, person.id, "local", SUBJECT)
        for role in sorted(principals.ROLES):
            principals.grant_role(tx, namespace, person.id, role)
    return person


def _key(tx: Tx, namespace: str) -> str:
    return keys.create(tx, namespace, _person(tx, namespace).id, "local development", SCOPES).secret


def _link(tx: Tx, namespace: str) -> str:
    _, token = sign_in_links.create(tx, namespace, _person(tx, namespace).id, "dev", life=DEV_LIFE)
    return path_of("dev", token)
