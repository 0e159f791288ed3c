"""Artifacts: what is put is what is got, in its own namespace only, sliced without reading it all."""

from __future__ import annotations

import asyncio
import hashlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.artifacts import LocalArtifacts
from connectors.base import ArtifactRef, ConnectorError


@pytest.fixture
def store(tmp_path):
    return LocalArtifacts(tmp_path, "sales.emea")


async def test_content_is_addressed_by_its_hash_and_stored_once(store, tmp_path):
    refs = [await store.put(b"abc", media_type="text/plain") for _ in range(2)]
    sha256 = hashlib.sha256(b"abc").hexdigest()
    assert (
        refs[0]
        == refs[1]
        == ArtifactRef(uri=f"artifact://sales.emea/{sha256}", sha256=sha256, bytes=3, media_type="text/plain")
    )
    assert [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()] == [b"abc"]
    assert await store.get(refs[0]) == await store.get(refs[0].uri) == b"abc"


async def test_racing_writers_of_the_same_content_agree(store, tmp_path):
    refs = await asyncio.gather(*(store.put(b"x" * 100_000, media_type="text/plain") for _ in range(16)))
    assert len({ref.uri for ref in refs}) == 1
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


async def test_a_file_is_stored_and_left_alone(store, tmp_path):
    source = tmp_path / "source.bin"
    source.write_bytes(b"q" * 3_000_000)
    ref = await store.put_file(source, media_type="application/octet-stream", count=7)
    assert (ref.bytes, ref.count) == (3_000_000, 7)
    assert source.exists()
    with await store.open(ref) as opened:
        assert opened.read() == source.read_bytes()


@pytest.mark.parametrize("uri", ["artifact://hr/" + "0" * 64, "artifact://sales/" + "0" * 64])
async def test_another_namespace_is_refused_whoever_asks(store, uri):
    for attempt in (store.get(uri), store.open(uri), store.slice_rows(uri, 0, 1)):
        with pytest.raises(ConnectorError, match="belongs to namespace") as caught:
            await attempt
        assert caught.value.code == "forbidden"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "artifact://sales.emea/../../etc/passwd",
        "artifact://sales.emea/ABC",
        "/etc/passwd",
        "artifact://sales.emea/" + "0" * 64 + "\n",
    ],
)
async def test_what_is_no_address_is_refused(store, uri):
    with pytest.raises(ConnectorError, match="not an artifact address"):
        await store.get(uri)


@pytest.mark.parametrize("namespace", ["", "..", "a/b", ".hidden", "A"])
def test_a_namespace_can_not_leave_the_root(tmp_path, namespace):
    with pytest.raises(ValueError, match="not a namespace"):
        LocalArtifacts(tmp_path, namespace)


async def test_a_missing_artifact_is_named(store):
    with pytest.raises(ConnectorError, match="is not in the store") as caught:
        await store.get("artifact://sales.emea/" + "0" * 64)
    assert caught.value.remedy


async def test_changed_content_is_noticed(store, tmp_path):
    ref = await store.put(b"abc", media_type="text/plain")
    (tmp_path / "sales.emea" / ref.sha256[:2] / ref.sha256).write_bytes(b"abd")
    with pytest.raises(ConnectorError, match="no longer has the content") as caught:
        await store.get(ref)
    assert caught.value.code == "corrupt"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.integers(0, 3500), st.lists(st.tuples(st.integers(0, 3600), st.integers(0, 3600)), max_size=6))
async def test_slices_are_those_of_the_list_in_any_order(store, size, cuts):
    """Also across the thousand-row marks, backwards, and past the end; JSONL and a JSON array alike."""
    rows = [{"n": n} for n in range(size)]
    lines = await store.put_rows(rows, schema={"n": "int"})
    array = await store.put(json.dumps(rows).encode(), media_type="application/json", count=size)
    assert (lines.count, lines.schema_) == (size, {"n": "int"})
    for start, stop in cuts:
        assert await store.slice_rows(lines, start, stop) == rows[start:stop]
        assert await store.slice_rows(array.uri, start, stop) == rows[start:stop]


async def test_racing_slices_are_all_right(store):
    rows = list(range(5000))
    ref = await store.put_rows(rows)
    starts = [(number * 977) % 5000 for number in range(60)]
    slices = await asyncio.gather(*(store.slice_rows(ref, start, start + 5) for start in starts))
    assert slices == [rows[start : start + 5] for start in starts]


async def test_what_is_no_table_is_refused(store):
    ref = await store.put(b"a,b\n1,2\n", media_type="text/csv")
    with pytest.raises(ConnectorError, match="not a table") as caught:
        await store.slice_rows(ref, 0, 10)
    assert "csv.read" in caught.value.remedy
