"""Keys of the journal's contents: one key per subject (an execution, a person), wrapped by one key of the operator.

Destroying a subject's key erases everything about that subject, in every copy of the database. The operator's key
(KEK, 32 bytes) comes from a file of mode 0600 that is made on first use, or from the environment as base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from collections import OrderedDict
from pathlib import Path
from threading import Lock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
_CACHED = 4096
_ID_CHARS = 16


class KeyringError(Exception):
    """The operator's key is missing, malformed or not the one that wrapped this; ``remedy`` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class Keyring:
    """Wraps and unwraps subjects' keys, and remembers the unwrapped ones by their id."""

    def __init__(self, kek: bytes) -> None:
        if len(kek) != KEY_BYTES:
            raise KeyringError(f"The journal's key has {len(kek)} bytes, not 32.", "Make one: openssl rand -base64 32")
        self._kek = AESGCM(kek)
        self.kek_id = hashlib.sha256(b"visto-kek" + kek).hexdigest()[:_ID_CHARS]
        self._unwrapped: OrderedDict[str, AESGCM] = OrderedDict()
        self._lock = Lock()

    @classmethod
    def from_file(cls, path: Path) -> Keyring:
        """Read the key, or make it (mode 0600; of two processes that start at once, one makes it)."""
        if not path.exists():
            _create(path)
        if path.stat().st_mode & 0o077:
            raise KeyringError(f"The journal's key {path} can be read by others.", f"Run: chmod 600 {path}")
        return cls(_decoded(path.read_text().strip(), str(path)))

    @classmethod
    def from_text(cls, text: str, origin: str) -> Keyring:
        """Read the key from base64 text; ``origin`` (the variable's name) is for the error."""
        return cls(_decoded(text.strip(), origin))

    def new_key(self, key_id: str) -> bytes:
        """Make a subject's key and return it wrapped."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._kek.encrypt(nonce, secrets.token_bytes(KEY_BYTES), key_id.encode())

    def unwrap(self, key_id: str, wrapped: bytes, kek_id: str) -> AESGCM:
        """The subject's cipher. Raises ``KeyringError`` when another KEK wrapped it or it was altered."""
        if (known := self.known(key_id)) is not None:
            return known
        try:
            plain = self._kek.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], key_id.encode())
        except InvalidTag as error:
            why = "is not the one that wrapped this" if kek_id != self.kek_id else "does not open it: it was altered"
            raise KeyringError(
                f"The journal's key {self.kek_id} {why} (key {key_id}, wrapped by {kek_id}).",
                f"Configure the key whose id is {kek_id}.",
            ) from error
        cipher = AESGCM(plain)
        with self._lock:
            self._unwrapped[key_id] = cipher
            while len(self._unwrapped) > _CACHED:
                self._unwrapped.popitem(last=False)
        return cipher

    def known(self, key_id: str) -> AESGCM | None:
        """The cipher when it was unwrapped before."""
        return self._unwrapped.get(key_id)

    def forget(self, key_id: str) -> None:
        """Drop a destroyed key from memory."""
        with self._lock:
            self._unwrapped.pop(key_id, None)


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    # written under another name and linked: nobody ever reads half a key, and the first one wins
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _decoded(text: str, origin: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise KeyringError(
            f"The journal's key in {origin} is not base64.", "Make one: openssl rand -base64 32"
        ) from error
