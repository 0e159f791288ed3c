"""Random tokens that name their namespace: ``<prefix><namespace>_<43 letters and digits>``. Only hashes are stored.

256 random bits need no slow hash: there is nothing to guess. The namespace in the text saves a look-up across tenants.
"""

from __future__ import annotations

import hashlib
import secrets
import string

_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 43


def make(prefix: str, namespace: str) -> str:
    return f"{prefix}{namespace}_" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def namespace_of(prefix: str, token: str) -> str | None:
    """The namespace that a token's text names, or None when it has not the form of one."""
    namespace, _, rest = token.removeprefix(prefix).rpartition("_")
    if not token.startswith(prefix) or not namespace or len(rest) != _LENGTH or not set(rest) <= set(_ALPHABET):
        return None
    return namespace


def digest(token: str) -> str:
    """What the store keeps of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
