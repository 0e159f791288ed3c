"""file.read and file.write: text and JSON, whole or refused."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import threading

import pytest

from connectors import blocking
from connectors.base import ArtifactRef, ConnectorError
from connectors.file_read import FileReadProperties, read
from connectors.file_write import FileWriteProperties, write


async def test_text_and_json_are_written_and_read_back(make_call, files):
    for path, content in (("a/note.md", "ñ\n"), ("a/data.json", {"n": [1, None, "ü"]}), ("list.json", [1, 2])):
        written = await write(make_call(path), FileWriteProperties(path=path, content=content))
        output = await read(make_call(), FileReadProperties(path=path))
        assert (output.content, output.bytes, output.sha256) == (content, written.bytes, written.sha256)
    assert (await read(make_call(), FileReadProperties(path="list.json", format="text"))).content == "[\n  1,\n  2\n]\n"


async def test_modes(make_call, files):
    async def put(op: str, mode: str, content: str) -> None:
        await write(make_call(op), FileWriteProperties(path="x.txt", content=content, mode=mode))

    await put("a", "fail_if_exists", "one\n")
    await put("b", "append", "two\n")
    await put("b", "append", "two\n")
    with pytest.raises(ConnectorError, match="exists already"):
        await put("c", "fail_if_exists", "three\n")
    assert (files / "x.txt").read_text() == "one\ntwo\n"
    await put("d", "replace", "new")
    assert (files / "x.txt").read_text() == "new"


async def test_a_large_file_travels_as_a_reference(make_call, files):
    (files / "big.txt").write_text("x" * 70_000)
    call = make_call()
    output = await read(call, FileReadProperties(path="big.txt"))
    assert isinstance(output.content, ArtifactRef)
    assert await call.artifacts.get(output.content) == b"x" * 70_000


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("x.json", b'{"a": 1,\n}', "x.json: line 2, column 1"),
        ("x.json", b"NaN", "NaN is not JSON"),
        ("x.json", b"[" * 100_000, "nested too deeply"),
        ("x.txt", b"one\ntw\xff", "line 2: byte 6 (0xff) is not valid utf-8"),
        ("x.txt", b"y" * 2000, "larger than 1000 bytes"),
    ],
)
async def test_broken_files_are_named_with_place_and_remedy(make_call, files, name, data, problem):
    (files / name).write_bytes(data)
    limit = 1000 if data.startswith(b"y") else 200_000
    with pytest.raises(ConnectorError) as caught:
        await read(make_call(), FileReadProperties(path=name, max_bytes=limit))
    assert problem in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("content", ["\ud800", float("nan"), {"a": object()}])
async def test_what_no_file_can_hold_is_refused(make_call, files, content):
    with pytest.raises(ConnectorError, match="neither text nor JSON"):
        await write(make_call(), FileWriteProperties(path="x.txt", content=content))
    assert list(files.iterdir()) == []


async def test_the_call_beats_while_a_slow_read_blocks(make_call, monkeypatch):
    """The event loop answers, and the heartbeat comes from it."""
    monkeypatch.setattr(blocking, "HEARTBEAT_SECONDS", 0.01)
    beats, enough = [], threading.Event()

    def beat(_: object) -> None:
        beats.append(threading.current_thread())
        if len(beats) == 3:
            enough.set()

    call = dataclasses.replace(make_call(), heartbeat=beat)
    assert await blocking.in_thread(call, lambda: enough.wait(10))
    assert set(beats) == {threading.main_thread()}


async def test_a_cancelled_call_returns_at_once_and_its_thread_fails_in_silence(make_call):
    """The caller does not wait for a stuck disk, and nothing is reported to nobody."""
    loop, reported = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: reported.append(context))
    started, release, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        release.wait(10)
        ended.set()
        raise OSError("too late")

    task = asyncio.ensure_future(blocking.in_thread(make_call(), work))
    await asyncio.to_thread(started.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not ended.is_set()
    release.set()
    await asyncio.to_thread(ended.wait, 10)
    if others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)
    del others
    gc.collect()
    assert reported == []
