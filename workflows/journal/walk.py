"""Walks records in the order of streams and sequence and checks the chain; needs no database, so exports use it too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from workflows.journal import chain
from workflows.journal.findings import Finding, Report

_SEQ = chain.ENVELOPE.index("seq")
_STREAM = chain.ENVELOPE.index("stream")
_EVENT = chain.ENVELOPE.index("event_id")
_META = chain.ENVELOPE.index("meta")


class Walk:
    """Feed it every record, then ``close``. ``heads`` maps each stream to its ``(seq, hash)``.

    After a stream's first bad record the rest of that stream is counted and not judged: it hangs on a broken link.
    """

    def __init__(self, heads: dict[str, tuple[int, str]], report: Report) -> None:
        self._heads = dict(heads)
        self._report = report
        self._stream: str | None = None
        self._seq = 0
        self._hash = chain.GENESIS
        self._broken = False

    def feed(self, envelope: Sequence[Any], prev_hash: str, event_hash: str) -> bool:
        """Check one record, its envelope in the order of ``ENVELOPE``. Returns whether its stream is sound so far."""
        if envelope[_STREAM] != self._stream:
            self._end()
            self._begin(envelope[_STREAM])
        self._report.events += 1
        if self._broken:
            return False
        wrong = self._wrong(envelope, prev_hash, event_hash)
        if wrong is not None:
            self._broken = True
            self._report.found(Finding(envelope[_STREAM], envelope[_SEQ], envelope[_EVENT], wrong))
            return False
        self._seq, self._hash = envelope[_SEQ], event_hash
        return True

    def close(self) -> None:
        """End the last stream, and name the streams of which only the head is left."""
        self._end()
        for stream, (seq, _) in sorted(self._heads.items()):
            if seq:
                self._report.found(Finding(stream, 1, None, f"all {seq} records of the stream are missing"))

    def _begin(self, stream: str) -> None:
        self._report.streams += 1
        self._stream, self._seq, self._hash, self._broken = stream, 0, chain.GENESIS, False

    def _end(self) -> None:
        if self._stream is None:
            return
        head = self._heads.pop(self._stream, None)
        if not self._broken and (wrong := self._wrong_end(head)) is not None:
            place = self._seq + 1 if head is not None and head[0] > self._seq else self._seq
            self._report.found(Finding(self._stream, place, None, wrong))
        self._stream = None

    def _wrong_end(self, head: tuple[int, str] | None) -> str | None:
        if head is None:
            return "the stream has no head, so its end cannot be trusted"
        if head[0] > self._seq:
            return f"the stream was cut: its head is at seq {head[0]}, its last record at {self._seq}"
        if head != (self._seq, self._hash):
            return f"the stream's head (seq {head[0]}) is not its last record (seq {self._seq})"
        return None

    def _wrong(self, envelope: Sequence[Any], prev_hash: str, event_hash: str) -> str | None:
        seq = envelope[_SEQ]
        if seq != self._seq + 1:
            return f"seq {seq} follows {self._seq}: records are missing, inserted or moved"
        if prev_hash != self._hash:
            return "prev_hash is not the hash of the record before"
        try:
            is_object = isinstance(json.loads(envelope[_META]), dict)
            expected = chain.event_hash(envelope, prev_hash)
        except (ValueError, TypeError):
            return "the record is malformed"
        if not is_object or expected != event_hash:
            return "event_hash mismatch: the record was altered"
        return None
