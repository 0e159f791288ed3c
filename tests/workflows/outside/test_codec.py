"""Payloads in histories: sealed, small, readable with any key of the ring, and clear about a key that is missing."""

from __future__ import annotations

import pytest
from temporalio.api.common.v1 import Payload

from workflows.codec import Codec, PayloadKeyMissing

OLD, NEW = bytes(32), bytes(range(32))


def payload(data: bytes) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=data)


@pytest.mark.parametrize("data", [b"", b'"secret"', b'{"x": "' + b"a" * 5_000 + b'"}'])
async def test_what_was_sealed_opens_again(data: bytes) -> None:
    codec = Codec({"new": NEW}, "new")
    [sealed] = await codec.encode([payload(data)])
    assert data == b"" or data not in sealed.SerializeToString()
    assert await codec.decode([sealed]) == [payload(data)]


async def test_large_payloads_shrink() -> None:
    [sealed] = await Codec({"new": NEW}, "new").encode([payload(b"a" * 100_000)])
    assert len(sealed.data) < 2_000


async def test_equal_payloads_do_not_look_equal() -> None:
    first, second = await Codec({"new": NEW}, "new").encode([payload(b"yes"), payload(b"yes")])
    assert first.data != second.data


async def test_keys_rotate_and_old_histories_stay_readable() -> None:
    [sealed] = await Codec({"old": OLD}, "old").encode([payload(b"then")])
    rotated = Codec({"old": OLD, "new": NEW}, "new")
    assert await rotated.decode([sealed]) == [payload(b"then")]
    assert (await rotated.encode([payload(b"now")]))[0].metadata["key"] == b"new"


async def test_a_missing_or_wrong_key_is_named() -> None:
    [sealed] = await Codec({"old": OLD}, "old").encode([payload(b"then")])
    with pytest.raises(PayloadKeyMissing, match="'old'"):
        await Codec({"new": NEW}, "new").decode([sealed])
    with pytest.raises(PayloadKeyMissing, match="does not open"):
        await Codec({"old": NEW}, "old").decode([sealed])


async def test_a_changed_byte_is_noticed() -> None:
    codec = Codec({"new": NEW}, "new")
    [sealed] = await codec.encode([payload(b"amount: 12")])
    sealed.data = sealed.data[:-1] + bytes([sealed.data[-1] ^ 1])
    with pytest.raises(PayloadKeyMissing):
        await codec.decode([sealed])


async def test_what_others_wrote_in_clear_passes_through() -> None:
    """The server's own payloads (search attributes) are not ours to seal."""
    assert await Codec({"new": NEW}, "new").decode([payload(b"clear")]) == [payload(b"clear")]
