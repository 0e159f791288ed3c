"""Artifacts in a local folder: content-addressed, written atomically, one folder per namespace.

Layout: ``<root>/<namespace>/<first two hex digits>/<sha256>``. Tables are stored as JSONL, so that slices stream.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from connectors.base import ArtifactRef, ConnectorError

ROWS_MEDIA_TYPE = "application/jsonl"

_URI = re.compile(r"artifact://(?P<namespace>[a-z0-9][a-z0-9._-]{0,127})/(?P<sha256>[0-9a-f]{64})")
_CHUNK_BYTES = 1024 * 1024
_INDEX_EVERY = 1000
_INDEXES_KEPT = 64


def encode_rows(rows: Iterable[Any]) -> Iterable[bytes]:
    """One JSON line per row, in the form that ``slice_rows`` reads."""
    for row in rows:
        yield json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"


class LocalArtifacts:
    """The artifacts of one namespace. A reference to another namespace is refused, whoever presents it."""

    def __init__(self, root: Path, namespace: str) -> None:
        if not _URI.fullmatch(f"artifact://{namespace}/{'0' * 64}"):
            raise ValueError(f"{namespace!r} is not a namespace")
        self._namespace = namespace
        self._folder = root / namespace
        self._indexes: OrderedDict[str, list[int]] = OrderedDict()
        self._index_lock = threading.Lock()

    async def put(self, data: bytes, *, media_type: str, count: int | None = None) -> ArtifactRef:
        return await asyncio.to_thread(self._store, [data], media_type, count)

    async def put_file(self, path: Path, *, media_type: str, count: int | None = None) -> ArtifactRef:
        return await asyncio.to_thread(self._store_file, path, media_type, count)

    async def put_rows(self, rows: Sequence[Any], *, schema: dict[str, str] | None = None) -> ArtifactRef:
        """Store a table as JSONL. ``schema`` maps column names to their types."""
        ref = await asyncio.to_thread(self._store, encode_rows(rows), ROWS_MEDIA_TYPE, len(rows))
        return ref.model_copy(update={"schema_": schema})

    async def get(self, ref: ArtifactRef | str) -> bytes:
        return await asyncio.to_thread(self._read, ref)

    async def open(self, ref: ArtifactRef | str) -> BinaryIO:
        return await asyncio.to_thread(self._open, ref)

    async def slice_rows(self, ref: ArtifactRef | str, start: int, stop: int) -> Sequence[Any]:
        """Rows ``start <= n < stop``; fewer where the table ends. Raises ``ConnectorError`` when it is no table."""
        return await asyncio.to_thread(self._slice, ref, start, stop)

    def _store_file(self, path: Path, media_type: str, count: int | None) -> ArtifactRef:
        with path.open("rb") as source:
            return self._store(iter(lambda: source.read(_CHUNK_BYTES), b""), media_type, count)

    def _store(self, chunks: Iterable[bytes], media_type: str, count: int | None) -> ArtifactRef:
        self._folder.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".incoming-", delete=False) as incoming:
            try:
                for chunk in chunks:
                    digest.update(chunk)
                    size += incoming.write(chunk)
                incoming.flush()
                os.fsync(incoming.fileno())
                self._place(Path(incoming.name), digest.hexdigest())
            finally:
                Path(incoming.name).unlink(missing_ok=True)
        sha256 = digest.hexdigest()
        uri = f"artifact://{self._namespace}/{sha256}"
        return ArtifactRef(uri=uri, sha256=sha256, bytes=size, count=count, media_type=media_type)

    def _place(self, incoming: Path, sha256: str) -> None:
        target = self._path(sha256)
        target.parent.mkdir(exist_ok=True)
        incoming.replace(target)
        for changed in (target.parent, self._folder):
            descriptor = os.open(changed, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    def _sha256(self, ref: ArtifactRef | str) -> str:
        uri = ref if isinstance(ref, str) else ref.uri
        match = _URI.fullmatch(uri)
        if match is None:
            raise ConnectorError(
                f"{uri[:200]!r} is not an artifact address.",
                code="bad_request",
                permanent=True,
                remedy="An address looks like artifact://<namespace>/<sha256>.",
            )
        if match["namespace"] != self._namespace:
            raise ConnectorError(
                f"The artifact belongs to namespace {match['namespace']!r}, this call to {self._namespace!r}.",
                code="forbidden",
                permanent=True,
                remedy="Read artifacts of the flow's own namespace only.",
            )
        return match["sha256"]

    def _open(self, ref: ArtifactRef | str) -> BinaryIO:
        sha256 = self._sha256(ref)
        try:
            return self._path(sha256).open("rb")
        except FileNotFoundError as error:
            raise ConnectorError(
                f"The artifact {sha256[:12]}… is not in the store of namespace {self._namespace!r}.",
                code="not_found",
                permanent=True,
                remedy="It may have passed its retention: run the step that made it again.",
            ) from error

    def _read(self, ref: ArtifactRef | str) -> bytes:
        with self._open(ref) as source:
            data = source.read()
        sha256 = self._sha256(ref)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ConnectorError(
                f"The artifact {sha256[:12]}… no longer has the content that its address promises.",
                code="corrupt",
                permanent=True,
                remedy="Restore the artifact folder from its backup, or run the step that made it again.",
            )
        return data

    def _slice(self, ref: ArtifactRef | str, start: int, stop: int) -> list[Any]:
        with self._open(ref) as source:
            first = source.read(1)
            source.seek(0)
            try:
                if first == b"[":
                    return list(json.load(source)[start:stop])
                with self._index_lock:
                    self._seek_row(source, self._sha256(ref), start)
                return [json.loads(line) for line in islice(source, max(0, stop - start))]
            except ValueError as error:
                raise ConnectorError(
                    "The artifact is not a table of JSON rows.",
                    code="bad_request",
                    permanent=True,
                    remedy="Read a CSV with csv.read first, and use its rows.",
                ) from error

    def _seek_row(self, source: BinaryIO, sha256: str, start: int) -> None:
        """Place ``source`` at a row. Offsets of every thousandth row are kept, so that reading in turn is linear."""
        offsets = self._indexes.setdefault(sha256, [0])
        self._indexes.move_to_end(sha256)
        while len(self._indexes) > _INDEXES_KEPT:
            self._indexes.popitem(last=False)
        known = min(start // _INDEX_EVERY, len(offsets) - 1)
        source.seek(offsets[known])
        for row in range(known * _INDEX_EVERY, start):
            if not source.readline():
                return
            if (row + 1) % _INDEX_EVERY == 0 and (row + 1) // _INDEX_EVERY == len(offsets):
                offsets.append(source.tell())
