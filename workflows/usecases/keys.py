"""The keys of an installation: from the environment, else from files of its own that are made once.

A file is created under another name and then linked, so that an API and a worker that start together agree on one key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workflows.settings import Settings

KEY_BYTES = 32
PAYLOAD_FILE = "payload.key"
CALLBACK_FILE = "callback.key"
SESSION_FILE = "session.key"
MAIL_FILE = "mail.key"


class InvalidKey(Exception):
    """A configured key is not 32 bytes in base64. ``remedy`` says how to make one."""

    remedy = "Set VISTO_PAYLOAD_KEY to 32 random bytes in base64, for example the output of `openssl rand -base64 32`."


@dataclass(frozen=True, slots=True)
class PayloadKeys:
    """``keys`` maps key ids to 32 bytes; ``current`` names the one that encrypts."""

    keys: Mapping[str, bytes]
    current: str


def payload_keys(settings: Settings) -> PayloadKeys:
    """The keys of ``settings``; makes ``keys/payload.key`` (mode 0600) when none is configured. Raises ``InvalidKey``."""
    if settings.payload_key is not None:
        key = _decode(settings.payload_key.get_secret_value(), "VISTO_PAYLOAD_KEY")
    else:
        key = _from_file(settings.keys / PAYLOAD_FILE)
    key_id = hashlib.sha256(b"visto payload key id" + key).hexdigest()[:8]
    return PayloadKeys({key_id: key}, key_id)


def callback_key(settings: Settings) -> bytes:
    """The key that signs callbacks; receivers get ``whsec_`` and the content of ``keys/callback.key``."""
    return _from_file(settings.keys / CALLBACK_FILE)


def session_key(settings: Settings) -> bytes:
    """The key behind the tokens in the console's forms and its short-lived cookies; from ``keys/session.key``."""
    return _from_file(settings.keys / SESSION_FILE)


def mail_key(settings: Settings) -> bytes:
    """The key that signs the links in letters; from ``keys/mail.key``. A new one makes all of them worthless."""
    return _from_file(settings.keys / MAIL_FILE)


def _from_file(path: Path) -> bytes:
    if not path.exists():
        _create(path)
    return _decode(path.read_text(encoding="ascii"), str(path))


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    mine = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(mine, path)
        except FileExistsError:
            return  # another process was first; its key is the key
    finally:
        mine.unlink()


def _decode(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidKey(f"{where} does not hold a key in base64.") from error
    if len(key) != KEY_BYTES:
        raise InvalidKey(f"{where} holds {len(key)} bytes instead of {KEY_BYTES}.")
    return key
