"""Temporal payloads, compressed and encrypted: histories hold nothing in clear but ids and names.

AES-256-GCM with the key id in the metadata, so that keys can rotate; zlib first, because a plan shrinks to a third.
Failures are encoded too: without that, exception texts and source lines would stand in the server's database.
"""

from __future__ import annotations

import dataclasses
import os
import zlib
from collections.abc import Mapping, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter, pydantic_data_converter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
)

ENCODING = b"binary/visto-1"
NONCE_BYTES = 12
SMALL_BYTES = 400
PACKED, PLAIN = b"z", b"-"
"""The first byte inside the seal: whether what follows is compressed. Small payloads gain nothing from it."""


class PayloadKeyMissing(Exception):
    """A history was written with a key that this process does not have."""


class Codec(PayloadCodec):
    """``keys`` maps key ids to 32 bytes; ``current`` names the one that encrypts."""

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._current = current

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._encrypt(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._decrypt(p) if p.metadata.get("encoding") == ENCODING else p for p in payloads]

    def _encrypt(self, payload: Payload) -> Payload:
        nonce = os.urandom(NONCE_BYTES)
        plain = payload.SerializeToString()
        plain = PACKED + zlib.compress(plain, level=1) if len(plain) > SMALL_BYTES else PLAIN + plain
        data = nonce + self._ciphers[self._current].encrypt(nonce, plain, ENCODING)
        return Payload(metadata={"encoding": ENCODING, "key": self._current.encode()}, data=data)

    def _decrypt(self, payload: Payload) -> Payload:
        key_id = payload.metadata["key"].decode()
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise PayloadKeyMissing(f"This history needs payload key {key_id!r}; add it to the payload keys.")
        nonce, sealed = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
        try:
            plain = cipher.decrypt(nonce, sealed, ENCODING)
        except InvalidTag as error:
            raise PayloadKeyMissing(f"Payload key {key_id!r} does not open this history.") from error
        packed, plain = plain[:1], plain[1:]
        return Payload.FromString(zlib.decompress(plain) if packed == PACKED else plain)


_PYDANTIC = PydanticPayloadConverter()


class Converters(CompositePayloadConverter):
    """Pydantic's converters, made once: the SDK makes a payload converter for every activation of every workflow.

    What they learn about a type is learnt once as well.
    """

    def __init__(self) -> None:
        self.converters = _PYDANTIC.converters


def data_converter(keys: Mapping[str, bytes], current: str) -> DataConverter:
    """Pydantic JSON inside, encryption outside, failures included."""
    return dataclasses.replace(
        pydantic_data_converter,
        payload_converter_class=Converters,
        payload_codec=Codec(keys, current),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
