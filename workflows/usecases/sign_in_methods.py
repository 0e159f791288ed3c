"""By what somebody can be recognised, in words for lists."""

from __future__ import annotations

from workflows.store.db import Tx
from workflows.store.repositories import keys, passwords, principals

_WAYS = frozenset({"oidc", "slack"})


def methods_of(tx: Tx, namespace: str, principal_id: str) -> tuple[str, ...]:
    """``password``, ``oidc``, ``slack`` and ``key``, as far as this principal has them now."""
    found = {one.kind for one in principals.identities_of(tx, namespace, principal_id)} & _WAYS
    if passwords.hash_of(tx, namespace, principal_id) is not None:
        found.add("password")
    if any(key.principal_id == principal_id and key.is_valid(tx.now) for key in keys.list_keys(tx, namespace)):
        found.add("key")
    return tuple(sorted(found))
