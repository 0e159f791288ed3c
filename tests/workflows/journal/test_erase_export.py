"""Erasing, exporting, reading back, and the operator's key."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import tarfile
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support import rows
from tests.support.clock import FakeClock
from tests.support.rows import NS, OTHER
from workflows.journal import read
from workflows.journal.erase import erase
from workflows.journal.explain import explain
from workflows.journal.export import EVENTS, MANIFEST, export, verify_export
from workflows.journal.findings import Verdict
from workflows.journal.keyring import Keyring, KeyringError
from workflows.journal.records import Journal, Record
from workflows.journal.sealing import ERASED
from workflows.journal.verify import verify
from workflows.store.db import Database
from workflows.store.refusals import NotFound


def _append(db: Database, journal: Journal, **more: Any) -> str:
    values: dict[str, Any] = {
        "namespace": NS,
        "kind": "llm.response",
        "execution_id": "e1",
        "content": {"text": "hello"},
    }
    return db.write_sync(lambda tx: journal.append(tx, Record(**{**values, **more})))


def _erase(db: Database, journal: Journal, subject: str, namespace: str = NS) -> Any:
    return db.write_sync(
        lambda tx: erase(tx, journal, namespace, subject, by="dpo", via="cli", legal_basis="GDPR art. 17")
    )


def test_erasing_a_person_leaves_the_journal_verified(database: Database, journal: Journal) -> None:
    """Their content is gone, everybody else's is there, every chain holds, and the erasure is on record."""
    gone = _append(database, journal, subject="person:ann", content={"note": "call me"})
    kept = _append(database, journal)
    made = _erase(database, journal, "person:ann")
    report = verify(database, journal.keyring)
    assert (report.verdict, report.erased, made.contents) == (Verdict.VERIFIED, 1, 1)
    entries = database.read_sync(
        lambda tx: {each: read.get(tx, journal.keyring, NS, each) for each in (gone, kept, made.event_id)}
    )
    assert entries[gone].content is ERASED
    assert entries[kept].content == {"text": "hello"}
    assert entries[made.event_id].meta["legal_basis"] == "GDPR art. 17"
    assert "erased" in "\n".join(explain([entries[gone]]))


def test_what_comes_after_an_erasure_is_kept_under_a_new_key(database: Database, journal: Journal) -> None:
    _append(database, journal)
    _erase(database, journal, "execution:e1")
    later = _append(database, journal)
    assert database.read_sync(lambda tx: read.get(tx, journal.keyring, NS, later)).content == {"text": "hello"}


def test_another_process_notices_an_erasure_at_its_next_append(database: Database, journal: Journal) -> None:
    """A process that still remembers the destroyed key does not write with it."""
    other = Journal(Keyring(bytes(range(32))))
    _append(database, other)
    _erase(database, journal, "execution:e1")
    later = _append(database, other)
    assert database.read_sync(lambda tx: read.get(tx, journal.keyring, NS, later)).content == {"text": "hello"}


@pytest.mark.parametrize(("subject", "namespace"), [("person:nobody", NS), ("execution:e1", OTHER)])
def test_there_must_be_something_to_erase(database: Database, journal: Journal, subject: str, namespace: str) -> None:
    _append(database, journal)
    with pytest.raises(NotFound):
        _erase(database, journal, subject, namespace)
    assert verify(database, journal.keyring).erased == 0


def test_the_view_is_printed_as_it_was_seen(database: Database, journal: Journal) -> None:
    """Byte for byte, whatever the business rows say by now."""
    view = '{"schema_v":1,"title":"Order\\u0000 1 \u202e\U0001f4b6"}'
    asked, other = "5d0cf3cf-9b15-5b0e-8c0c-6f2f5a3f1c11", "0b6f1a2e-3c4d-5e6f-8a9b-0c1d2e3f4a5b"
    database.write_sync(lambda tx: rows.gate(tx, gate_id=asked))
    meta = {"gate_id": asked, "revision": 1}
    _append(database, journal, kind="approval.requested", content=view, meta=meta)
    assert database.read_sync(lambda tx: read.as_seen(tx, journal.keyring, NS, asked, 1)) == view
    for namespace, gate, revision in ((OTHER, asked, 1), (NS, other, 1), (NS, asked, 2)):
        with pytest.raises(NotFound):
            database.read_sync(lambda tx, a=(namespace, gate, revision): read.as_seen(tx, journal.keyring, *a))


def test_searching_by_kind_actor_flow_and_time(database: Database, journal: Journal, clock: FakeClock) -> None:
    """Newest first, page by page, never another tenant's."""
    ids = []
    for n in range(5):
        clock.advance(timedelta(minutes=1))
        ids.append(_append(database, journal, actor_id=f"p{n % 2}", flow_id="f", content=None))
    _append(database, journal, namespace=OTHER)

    def found(**how: Any) -> list[str]:
        return [e.event_id for e in database.read_sync(lambda tx: read.search(tx, NS, **how)).items]

    assert found() == ids[::-1]
    assert found(actor_id="p1") == [ids[3], ids[1]]
    assert found(kinds=["task.ended"]) == []
    assert found(flow_id="f", since=clock.now - timedelta(minutes=1)) == ids[:2:-1]
    assert found(until=clock.now - timedelta(minutes=3)) == [ids[0]]
    first = database.read_sync(lambda tx: read.search(tx, NS, limit=3))
    assert found(limit=3, cursor=first.next_cursor) == [ids[1], ids[0]]


def test_explaining_never_writes_control_characters_to_a_terminal(database: Database, journal: Journal) -> None:
    _append(database, journal, content="\x1b[2J\u202ehello")
    entries = database.read_sync(lambda tx: read.timeline(tx, journal.keyring, NS, "e1"))
    text = "\n".join(explain(entries))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "the model answered" in text


@pytest.fixture
def archive(database: Database, journal: Journal, tmp_path: Path) -> Path:
    for n in range(6):
        _append(database, journal, execution_id=f"e{n % 2}", content={"n": n})
    _append(database, journal, subject="person:ann")
    _erase(database, journal, "person:ann")
    _append(database, journal, namespace=OTHER)
    path = tmp_path / "journal.tgz"
    database.read_sync(lambda tx: export(tx, journal.keyring, NS, path))
    return path


def _parts(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    with tarfile.open(path) as opened:
        manifest, events = (opened.extractfile(name).read() for name in (MANIFEST, EVENTS))  # type: ignore[union-attr]
    return json.loads(manifest), [json.loads(line) for line in events.splitlines()]


def _rewrite(path: Path, manifest: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    with tarfile.open(path, "w:gz") as opened:
        for name, data in ((MANIFEST, json.dumps(manifest)), (EVENTS, "\n".join(map(json.dumps, lines)) + "\n")):
            entry = tarfile.TarInfo(name)
            entry.size = len(data.encode())
            opened.addfile(entry, io.BytesIO(data.encode()))


def test_an_export_verifies_without_the_database(archive: Path) -> None:
    """Contents included, the erased ones named as such, and no other tenant's line."""
    report = verify_export(archive)
    assert (report.verdict, report.events, report.contents, report.erased) == (Verdict.VERIFIED, 8, 6, 1)
    _, lines = _parts(archive)
    assert {line["envelope"]["namespace"] for line in lines} == {NS}


def test_an_export_of_one_execution_without_contents(database: Database, journal: Journal, tmp_path: Path) -> None:
    _append(database, journal)
    _append(database, journal, execution_id="e2")
    path = tmp_path / "one.tgz"
    manifest = database.read_sync(lambda tx: export(tx, None, NS, path, execution_id="e1"))
    assert list(manifest["heads"]) == [f"{NS}/e1"]
    assert verify_export(path).verdict is Verdict.VERIFIED
    assert "content" not in _parts(path)[1][0]


def _cut(manifest: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    lines.pop()


def _edit(manifest: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    lines[2]["envelope"]["actor_id"] = "eve"


def _swap(manifest: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    lines[1], lines[2] = lines[2], lines[1]


def _content(manifest: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    next(line for line in lines if "content" in line)["content"]["text"] = base64.b64encode(b"{}").decode()


@pytest.mark.parametrize("change", [_cut, _edit, _swap, _content])
def test_a_changed_export_is_found(archive: Path, change: Any) -> None:
    manifest, lines = _parts(archive)
    change(manifest, lines)
    _rewrite(archive, manifest, lines)
    assert verify_export(archive).verdict is Verdict.TAMPERED


@pytest.mark.parametrize("data", [b"", b"not an archive", b"\x1f\x8b" + b"\0" * 40])
def test_a_file_that_is_no_export_cannot_be_checked(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "odd.tgz"
    path.write_bytes(data)
    report = verify_export(path)
    assert (report.verdict, str(path) in str(report.unchecked)) == (Verdict.CANNOT_CHECK, True)
    assert verify_export(tmp_path / "none.tgz").verdict is Verdict.CANNOT_CHECK


def test_an_archive_of_another_kind_inside_is_no_export(tmp_path: Path) -> None:
    """What is compressed twice is never unpacked, whole or damaged."""
    path = tmp_path / "odd.tgz"
    for pack in (lzma.compress, bz2.compress, gzip.compress):
        path.write_bytes(gzip.compress(pack(b"x" * 2000)[:-10]))
        assert verify_export(path).verdict is Verdict.CANNOT_CHECK


def test_whichever_byte_is_damaged_the_answer_is_a_verdict(archive: Path) -> None:
    """Never an exception; and whole only when what is inside is what was inside (a header's date may differ)."""
    sound, inside = archive.read_bytes(), _parts(archive)
    for place in range(len(sound)):
        archive.write_bytes(sound[:place] + bytes([sound[place] ^ 0xFF]) + sound[place + 1 :])
        assert verify_export(archive).verdict is not Verdict.VERIFIED or _parts(archive) == inside, place
    for length in range(0, len(sound) - 1, 7):
        archive.write_bytes(sound[:length])
        assert verify_export(archive).verdict is not Verdict.VERIFIED, length


def test_the_key_file_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    """Eight that start at once end with the same key."""
    path = tmp_path / "keys" / "journal.key"
    with ThreadPoolExecutor(8) as pool:
        made = {keyring.kek_id for keyring in pool.map(lambda _: Keyring.from_file(path), range(8))}
    assert len(made) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["journal.key"]


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.key"
    Keyring.from_file(path)
    path.chmod(0o644)
    with pytest.raises(KeyringError) as caught:
        Keyring.from_file(path)
    assert "chmod 600" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "short", "!!!", base64.b64encode(b"x" * 31).decode()])
def test_a_malformed_key_is_refused_with_the_way_to_make_one(text: str) -> None:
    with pytest.raises(KeyringError) as caught:
        Keyring.from_text(text, "VISTO_JOURNAL_KEY")
    assert "openssl" in caught.value.remedy


def test_another_operators_key_opens_nothing_and_says_which_is_needed(database: Database, journal: Journal) -> None:
    event_id = _append(database, journal)
    with pytest.raises(KeyringError) as caught:
        database.read_sync(lambda tx: read.get(tx, Keyring(b"z" * 32), NS, event_id))
    assert journal.keyring.kek_id in caught.value.remedy
