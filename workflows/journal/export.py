"""Exports: a ``tar.gz`` of ``events.jsonl`` and ``manifest.json`` that anybody can verify without the database.

A line is ``{"envelope": {...}, "prev_hash", "event_hash", "content"}``; ``content`` is ``{"salt", "text"}`` (base64)
when contents were asked for, ``"erased"``, or absent. The manifest holds each stream's head and the lines' SHA-256.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.journal import chain, sealing
from workflows.journal.canonical import jcs
from workflows.journal.findings import Finding, Report
from workflows.journal.keyring import Keyring
from workflows.journal.walk import Walk
from workflows.store.db import Tx
from workflows.store.tables import audit_event, audit_head

FORMAT = "visto-journal/1"
EVENTS = "events.jsonl"
MANIFEST = "manifest.json"

_EVENTS = (
    sa.select(*(audit_event.c[name] for name in chain.ENVELOPE), audit_event.c.prev_hash, audit_event.c.event_hash)
    .where(audit_event.c.namespace == bindparam("ns"))
    .order_by(audit_event.c.stream, audit_event.c.seq)
)
_ONE_STREAM = _EVENTS.where(audit_event.c.stream == bindparam("only"))
_HEADS = sa.select(audit_head.c.stream, audit_head.c.seq, audit_head.c.hash).where(
    audit_head.c.namespace == bindparam("ns")
)
_ONE_HEAD = _HEADS.where(audit_head.c.stream == bindparam("only"))
# What damaged bytes raise on their way through gzip, tar, JSON and our own shapes.
_NOT_AN_EXPORT = (
    OSError, EOFError, zlib.error, tarfile.TarError, ValueError, KeyError, TypeError, AttributeError, RecursionError,
)  # fmt: skip
_WIDTH = len(chain.ENVELOPE)
_ID = chain.ENVELOPE.index("event_id")
_COMMITMENT = chain.ENVELOPE.index("content_commitment")


def export(
    tx: Tx, keyring: Keyring | None, namespace: str, target: Path, *, execution_id: str | None = None
) -> dict[str, Any]:
    """Write the archive and return its manifest; with a ``keyring`` contents are included in clear.

    One execution's stream, or all of the namespace. Raises ``OSError``, ``Unreadable`` and ``KeyringError``.
    """
    params = {"ns": namespace, "only": f"{namespace}/{execution_id}"}
    heads = tx.conn.execute(_HEADS if execution_id is None else _ONE_HEAD, params).all()
    with tempfile.TemporaryFile() as lines:
        digest, count = _write_lines(
            tx, keyring, namespace, _EVENTS if execution_id is None else _ONE_STREAM, params, lines
        )
        manifest = {
            "format": FORMAT,
            "namespace": namespace,
            "made_at": tx.now.isoformat(),
            "events": count,
            "sha256": digest,
            "contents": keyring is not None,
            "heads": {stream: {"seq": seq, "hash": hash_} for stream, seq, hash_ in sorted(heads)},
        }
        with tarfile.open(target, "w:gz") as archive:
            data = jcs(manifest)
            _add(archive, MANIFEST, io.BytesIO(data), len(data))
            size = lines.tell()
            lines.seek(0)
            _add(archive, EVENTS, lines, size)
    return manifest


def _write_lines(
    tx: Tx, keyring: Keyring | None, namespace: str, query: sa.Select[Any], params: dict[str, str], lines: IO[bytes]
) -> tuple[str, int]:
    digest, count = hashlib.sha256(), 0
    for row in tx.conn.execute(query, params):
        line = jcs(_line(tx, keyring, namespace, row)) + b"\n"
        digest.update(line)
        lines.write(line)
        count += 1
    return digest.hexdigest(), count


def _line(tx: Tx, keyring: Keyring | None, namespace: str, row: sa.Row[Any]) -> dict[str, Any]:
    envelope = dict(zip(chain.ENVELOPE, row[:_WIDTH], strict=True))
    line = {"envelope": envelope, "prev_hash": row[_WIDTH], "event_hash": row[_WIDTH + 1]}
    if keyring is None or envelope["content_commitment"] is None:
        return line
    opened = sealing.read(tx, keyring, namespace, envelope["event_id"])
    if opened is None:
        raise sealing.Unreadable(f"the content of {envelope['event_id']} is missing; verify the journal")
    if isinstance(opened, sealing.Erased):
        return {**line, "content": opened.value}
    return {**line, "content": {"salt": _encoded(opened.salt), "text": _encoded(opened.content)}}


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _add(archive: tarfile.TarFile, name: str, data: IO[bytes], size: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = size
    archive.addfile(entry, data)


def verify_export(path: Path) -> Report:
    """Verify an archive by itself. Never raises for what it finds, nor for a file that is none.

    It shows that the archive is whole and unaltered *in itself*; compare its heads with the journal's for more.
    """
    report = Report()
    try:
        with gzip.open(path) as data, tarfile.open(fileobj=data, mode="r:") as archive:
            manifest = json.loads(_member(archive, MANIFEST).read())
            _require_format(manifest["format"])
            heads = {stream: (head["seq"], head["hash"]) for stream, head in manifest["heads"].items()}
            digest = _check_lines(_member(archive, EVENTS), Walk(heads, report), report, contents=manifest["contents"])
            if (digest, report.events) != (manifest["sha256"], manifest["events"]):
                report.found(Finding("(archive)", None, None, f"{EVENTS} is not the file that the manifest describes"))
            while data.read(1 << 20):  # to the end, where gzip keeps its checksum of all
                pass
    except _NOT_AN_EXPORT as error:
        report.unchecked = f"{path} is not an export that can be read: {error}."
    return report


def _require_format(found: str) -> None:
    if found != FORMAT:
        raise ValueError(f"format {found!r} is not {FORMAT!r}")


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    member = archive.extractfile(name)
    if member is None:
        raise ValueError(f"{name} is missing")
    return member


def _check_lines(lines: IO[bytes], walk: Walk, report: Report, *, contents: bool) -> str:
    digest = hashlib.sha256()
    for data in lines:
        digest.update(data)
        line = json.loads(data)
        envelope = [line["envelope"][name] for name in chain.ENVELOPE]
        if (
            walk.feed(envelope, line["prev_hash"], line["event_hash"])
            and envelope[_COMMITMENT] is not None
            and contents
        ):
            _check_content(line, envelope, report)
    walk.close()
    return digest.hexdigest()


def _check_content(line: dict[str, Any], envelope: list[Any], report: Report) -> None:
    content = line.get("content")
    if content == sealing.ERASED.value:
        report.erased += 1
        return
    report.contents += 1
    if isinstance(content, dict):
        salt, text = (base64.b64decode(content[part], validate=True) for part in ("salt", "text"))
        if chain.commitment(salt, text) == envelope[_COMMITMENT]:
            return
    place = line["envelope"]
    report.found(Finding(place["stream"], place["seq"], envelope[_ID], "the content is not the one committed to"))
