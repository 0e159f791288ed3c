"""A write happens exactly once per op_id: after a kill at every system call, under races, whatever comes between."""

from __future__ import annotations

import errno
import json
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from connectors.base import ConnectorError
from connectors.locks import locked
from connectors.once import Content, Existing, write_once

CHILD = Path(__file__).with_name("killed_writer.py")


def job(op: str, mode: str, data: str, path: str = "sheets/out.txt") -> dict[str, str]:
    return {"op": op, "mode": mode, "data": data, "path": path}


def write(root: Path, op: str, mode: str, data: str, path: str = "sheets/out.txt"):
    encoded = data.encode()
    return write_once(
        root, path, op_id=op, mode=mode, request=encoded, render=lambda _: Content(encoded, {"bytes": len(encoded)})
    )


def run(root: Path, jobs: list[dict[str, str]], *, step: int = 0, half: bool = False) -> dict[str, object]:
    return {"root": str(root), "jobs": jobs, "step": step, "half": half}


def in_children(*runs: dict[str, object]) -> list[int | None]:
    """Run each in a process of its own, in order: the number of system calls, or ``None`` for one that was killed."""
    ended = subprocess.run(
        [sys.executable, str(CHILD)], input=json.dumps(runs), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def text_of(root: Path) -> str:
    return (root / "sheets/out.txt").read_text()


@pytest.mark.chaos
@pytest.mark.parametrize("mode", ["append", "replace", "create"])
def test_killed_at_any_system_call_a_retry_has_the_effect_once(tmp_path, mode):
    """Also when another operation comes before the retry, and when the retry is killed as well."""
    first = [job("seed", "append", "seed\n")] if mode != "create" else []
    wanted = [job("a", mode, "the whole text of a\n")]
    [calls] = in_children(run(tmp_path / "count", [*first, *wanted]))
    roots = [(tmp_path / f"{step}-{half}", step, half) for step in range(1, (calls or 0) + 1) for half in (False, True)]
    outcomes = in_children(*(run(root, [*first, *wanted], step=step, half=half) for root, step, half in roots))
    assert outcomes == [None] * len(roots)
    assert len(roots) > 30
    for root, _, _ in roots:
        for each in first:
            write(root, each["op"], each["mode"], each["data"])
        if mode == "append":
            write(root, "b", "append", "b\n")
        write(root, "a", mode, "the whole text of a\n")
        write(root, "a", mode, "the whole text of a\n")
        assert text_of(root).count("the whole text of a\n") == 1
        assert len(text_of(root)) == {"append": 5 + 20 + 2, "replace": 20, "create": 20}[mode]
        steps = [json.loads(line) for line in (root / "sheets/.out.txt.visto-ops").read_text().splitlines()]
        assert steps[-1] == {"op_id": "a", "state": "applied"} or mode == "append"
    assert not list((tmp_path / "count/sheets").glob(".*visto-new*"))


@pytest.mark.chaos
@pytest.mark.parametrize("mode", ["append", "replace", "create"])
def test_a_settling_that_is_killed_is_settled_again(tmp_path, mode):
    """The process that repairs after a kill dies too, anywhere; the third one still gets it right."""
    jobs = [job("a", mode, "first text\n")]
    [total] = in_children(run(tmp_path / "count", jobs))
    generator = random.Random(7)
    roots = [tmp_path / str(number) for number in range(40)]
    deaths = [
        run(root, jobs, step=generator.randint(1, total or 0), half=generator.random() < 0.5)
        for root in roots
        for _ in range(2)
    ]
    in_children(*deaths)
    for root in roots:
        assert write(root, "a", mode, "first text\n") == {"bytes": 11}
        assert text_of(root) == "first text\n"


def test_a_late_retry_does_not_undo_what_came_after(tmp_path):
    """The first replace is repeated after a second one: it already happened, so the second one's text stays."""
    write(tmp_path, "a", "replace", "old")
    write(tmp_path, "b", "replace", "new")
    assert write(tmp_path, "a", "replace", "old") == {"bytes": 3}
    assert text_of(tmp_path) == "new"


def test_the_same_operation_with_another_request_is_refused(tmp_path):
    write(tmp_path, "a", "append", "one\n")
    with pytest.raises(ConnectorError, match="already written something else") as caught:
        write(tmp_path, "a", "append", "two\n")
    assert caught.value.permanent
    assert text_of(tmp_path) == "one\n"


def test_create_refuses_a_file_that_is_there_but_not_its_own(tmp_path):
    write(tmp_path, "a", "create", "mine")
    assert write(tmp_path, "a", "create", "mine") == {"bytes": 4}
    with pytest.raises(ConnectorError, match="exists already"):
        write(tmp_path, "b", "create", "theirs")
    assert text_of(tmp_path) == "mine"


def test_sixteen_threads_with_eight_operations_append_each_once(tmp_path):
    """Every operation is called by two racing threads."""
    start = threading.Barrier(16)

    def race(number: int) -> None:
        start.wait()
        write(tmp_path, f"op-{number % 8}", "append", f"line {number % 8}\n")

    threads = [threading.Thread(target=race, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(text_of(tmp_path).splitlines()) == [f"line {number}" for number in range(8)]


def test_a_foreign_write_into_an_unfinished_append_is_not_papered_over(tmp_path):
    """Where the disk no longer tells what happened, a person is asked."""
    write(tmp_path, "seed", "append", "seed\n")
    journal = tmp_path / "sheets/.out.txt.visto-ops"
    intent = {"op_id": "a", "state": "intended", "mode": "append", "request": "r", "offset": 5, "length": 4, "end": 9}
    journal.write_text(
        journal.read_text() + json.dumps(intent | {"sha256": "0" * 64, "result": {}}, separators=(",", ":")) + "\n"
    )
    (tmp_path / "sheets/out.txt").write_text("seed\nsomething longer\n")
    with pytest.raises(ConnectorError, match="Something else wrote") as caught:
        write(tmp_path, "a", "append", "abc\n")
    assert "delete" in caught.value.remedy
    assert text_of(tmp_path) == "seed\nsomething longer\n"


def test_a_journal_line_that_was_cut_short_never_happened(tmp_path):
    """It is removed, so that every line of the journal can be read."""
    write(tmp_path, "a", "append", "one\n")
    journal = tmp_path / "sheets/.out.txt.visto-ops"
    journal.write_text(journal.read_text() + '{"op_id":"b","state":"intended"' + " " * 2000)
    write(tmp_path, "b", "append", "two\n")
    assert text_of(tmp_path) == "one\ntwo\n"
    assert [json.loads(line)["op_id"] for line in journal.read_text().splitlines()] == ["a", "a", "b", "b"]


def test_a_lock_that_is_held_is_a_transient_error(tmp_path, monkeypatch):
    monkeypatch.setattr("connectors.locks.LOCK_TIMEOUT_SECONDS", 0.05)
    write(tmp_path, "seed", "append", "seed\n")
    folder = os.open(tmp_path / "sheets", os.O_RDONLY)
    with locked(folder, ".out.txt.visto-ops", "out.txt"), pytest.raises(ConnectorError) as caught:
        write(tmp_path, "a", "append", "a\n")
    os.close(folder)
    assert (caught.value.code, caught.value.permanent) == ("timeout", False)


def test_a_full_disk_is_transient_and_the_retry_completes(tmp_path, monkeypatch):
    """The partial bytes of the failed attempt are cut off before the next one writes."""
    write(tmp_path, "seed", "append", "seed\n")
    real, budget = os.write, {"left": 400}

    def short_of_space(descriptor: int, data) -> int:
        if budget["left"] <= 0:
            raise OSError(errno.ENOSPC, "full")
        count = real(descriptor, bytes(data)[: budget["left"]])
        budget["left"] -= count
        return count

    monkeypatch.setattr(os, "write", short_of_space)
    with pytest.raises(ConnectorError, match="No space left") as caught:
        write(tmp_path, "a", "append", "x" * 300 + "\n")
    assert not caught.value.permanent
    monkeypatch.undo()
    write(tmp_path, "a", "append", "x" * 300 + "\n")
    assert text_of(tmp_path) == "seed\n" + "x" * 300 + "\n"


def test_the_file_before_an_append_is_shown_to_the_renderer(tmp_path):
    """``last`` is there only while nobody else changed the file's length."""
    seen: list[Existing] = []

    def render(existing: Existing) -> Content:
        seen.append(existing)
        return Content(b"x", {"n": len(seen)})

    for op in ("a", "b"):
        write_once(tmp_path, "x.txt", op_id=op, mode="append", request=b"", render=render)
    with (tmp_path / "x.txt").open("a") as foreign:
        foreign.write("more")
    write_once(tmp_path, "x.txt", op_id="c", mode="append", request=b"", render=render)
    assert [(each.size, each.last) for each in seen] == [(0, None), (1, {"n": 1}), (6, None)]
