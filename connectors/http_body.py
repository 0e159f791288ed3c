"""Response bodies: read up to a limit, unpacked within it, and handed on inline or as an artifact."""

from __future__ import annotations

import json
import zlib
from typing import Any

import httpx

from connectors.base import INLINE_LIMIT_BYTES, ArtifactRef, Call, ConnectorError

_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


async def read_limited(response: httpx.Response, limit: int) -> tuple[bytes, bool]:
    """Return at most ``limit`` bytes of the unpacked body, and whether there was more.

    We ask for no compression; a server that packs nevertheless is unpacked step by step, so a bomb stays small.
    """
    unpack = _unpacker(response.headers.get("content-encoding", "identity").strip().lower())
    body = bytearray()
    async for chunk in response.aiter_raw():
        room = limit + 1 - len(body)
        try:
            body += unpack.decompress(chunk, room) if unpack else chunk[:room]
        except zlib.error as error:
            raise _bad_body("is not packed as it says") from error
        if len(body) > limit:
            return bytes(body[:limit]), True
    return bytes(body), False


def _unpacker(encoding: str) -> Any:
    if encoding in {"", "identity"}:
        return None
    if encoding in {"gzip", "x-gzip", "deflate"}:
        return zlib.decompressobj(_GZIP_OR_ZLIB)
    raise _bad_body(f"is packed with {encoding[:20]!r}, although no packing was asked for")


def _bad_body(problem: str) -> ConnectorError:
    return ConnectorError(
        f"The answer {problem}.",
        code="bad_response",
        permanent=True,
        remedy="Ask the service's operator why.",
    )


async def hand_on(call: Call, response: httpx.Response, data: bytes, *, truncated: bool) -> Any:
    """The body as JSON value or text; an ``ArtifactRef`` above 64 KiB."""
    media_type = response.headers.get("content-type", "application/octet-stream")[:200]
    if len(data) > INLINE_LIMIT_BYTES:
        return await _store(call, data, media_type)
    if is_json(media_type) and not truncated and data.strip():
        try:
            return json.loads(data, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise _bad_body("says it is JSON and is not") from error
    try:
        return data.decode(response.charset_encoding or "utf-8", errors="strict" if not truncated else "replace")
    except (UnicodeDecodeError, LookupError):
        return await _store(call, data, media_type)


async def _store(call: Call, data: bytes, media_type: str) -> ArtifactRef:
    return await call.artifacts.put(data, media_type=media_type)


def is_json(media_type: str) -> bool:
    base = media_type.partition(";")[0].strip().lower()
    return base == "application/json" or base.endswith("+json")


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
