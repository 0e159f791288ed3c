"""Paths of flows stay below their folder: hostile names, links, and links that appear in between."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.base import ConnectorError
from connectors.file_read import FileListProperties, FileReadProperties, list_files, read
from connectors.file_write import FileWriteProperties, write
from connectors.paths import check_extension, folder, open_for_reading, split

HOSTILE = [
    "", ".", "..", "../x.txt", "a/../../x.txt", "/etc/passwd", "//etc/x.txt", "~/x.txt", "a//b.txt", "a/", "a\\..\\x.txt",
    "..\\x.txt", "C:\\x.txt", "C:x.txt", "x.txt\0.csv", "a\nb.txt", "x.txt:stream", "file:///etc/hosts.txt", ".hidden.txt",
    "a/.git/x.txt", ".visto-ops", "a/" * 40 + "x.txt", "n" * 300 + ".txt", "\ud800.txt", "...//x.txt", "....//x.txt",
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE)
async def test_hostile_paths_are_refused_by_every_file_task(make_call, files, path):
    (files.parent / "x.txt").write_text("outside")
    for attempt in (
        lambda: read(make_call(), FileReadProperties(path=path)),
        lambda: write(make_call(), FileWriteProperties(path=path, content="x")),
    ):
        with pytest.raises(ConnectorError) as caught:
            await attempt()
        assert caught.value.permanent
    assert (files.parent / "x.txt").read_text() == "outside"


PARTS = st.sampled_from(
    ["..", ".", "", "a", "a.txt", "/", "\\", "%2e%2e", "\uff0e\uff0e", "..;", " ..", ".. ", "\0", "~", "C:"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=500, deadline=None)
@given(st.lists(PARTS, max_size=6).map("/".join) | st.text(max_size=40))
def test_no_text_opens_anything_outside(tmp_path, path):
    """A name that passes is made of plain parts, and what it would open lies below the root."""
    parts = ("refused",)
    with suppress(ConnectorError):
        parts = split(path)
    assert parts
    assert not {"..", ".", ""} & set(parts)
    assert Path(os.path.normpath(tmp_path.joinpath(*parts))).is_relative_to(tmp_path)


@pytest.mark.parametrize("name", ["x", "x.exe", "x.csv.sh", "x.html", "x.py"])
def test_other_file_types_are_refused(name):
    with pytest.raises(ConnectorError, match="file type") as caught:
        check_extension(name)
    assert "csv" in caught.value.remedy


def test_links_are_refused_as_file_and_as_folder(files, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    (files / "file.txt").symlink_to(outside / "secret.txt")
    (files / "folder").symlink_to(outside)
    (files / "dangling.txt").symlink_to(outside / "new.txt")
    for path in ("file.txt", "folder/secret.txt", "dangling.txt"):
        with pytest.raises(ConnectorError):
            open_for_reading(files, path)


async def test_a_write_does_not_go_through_a_link(make_call, files, tmp_path):
    """A link in the place of the target is replaced, never followed; appending to it is refused."""
    outside = tmp_path / "outside.txt"
    outside.write_text("untouched")
    (files / "out.txt").symlink_to(outside)
    with pytest.raises(ConnectorError):
        await write(make_call("a"), FileWriteProperties(path="out.txt", content="x", mode="append"))
    with pytest.raises(ConnectorError, match="exists"):
        await write(make_call("b"), FileWriteProperties(path="out.txt", content="x", mode="fail_if_exists"))
    await write(make_call("c"), FileWriteProperties(path="out.txt", content="x"))
    assert outside.read_text() == "untouched"
    assert not (files / "out.txt").is_symlink()


@pytest.mark.parametrize("special", ["fifo", "folder"])
def test_what_is_not_a_regular_file_is_refused_without_blocking(files, special):
    if special == "fifo":
        os.mkfifo(files / "x.txt")
    else:
        (files / "x.txt").mkdir()
    with pytest.raises(ConnectorError):
        open_for_reading(files, "x.txt")


def test_a_folder_that_turns_into_a_link_meanwhile_leads_nowhere(files, tmp_path):
    """While one thread keeps swapping a folder with a link to the outside, no reader ever sees the outside's file."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.txt").write_text("outside")
    (files / "real").mkdir()
    (files / "real/x.txt").write_text("inside")
    stop = threading.Event()

    def swap() -> None:
        door = files / "door"
        while not stop.is_set():
            door.symlink_to(outside)
            door.unlink()
            (files / "real").rename(door)
            door.rename(files / "real")

    swapper = threading.Thread(target=swap)
    swapper.start()
    seen = set()
    try:
        for _ in range(3000):
            try:
                with os.fdopen(open_for_reading(files, "door/x.txt")) as source:
                    seen.add(source.read())
            except ConnectorError:
                seen.add("refused")
    finally:
        stop.set()
        swapper.join()
    assert "outside" not in seen
    assert "refused" in seen


def test_no_descriptor_is_left_open(files):
    (files / "a").mkdir()
    (files / "a/x.txt").write_text("x")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ("a/x.txt", "a/missing.txt", "missing/x.txt", "a/x.txt/y.txt", "../x.txt"):
        with suppress(ConnectorError):
            os.close(open_for_reading(files, path))
    with folder(files, ("made", "deep"), create=True):
        pass
    assert len(list(Path("/proc/self/fd").iterdir())) == before


async def test_a_listing_leaves_out_links_hidden_files_and_other_types(make_call, files, tmp_path):
    for name in ("b.csv", "a.csv", "c.txt", ".a.csv.visto-ops", "x.exe", "sub/d.csv"):
        (files / name).parent.mkdir(exist_ok=True)
        (files / name).write_text(name)
    (files / "link.csv").symlink_to(files / "a.csv")
    (files / "up").symlink_to(tmp_path)
    listed = await list_files(make_call(), FileListProperties(glob="*.csv", recursive=True, sha256=True))
    assert [file.path for file in listed.files] == ["a.csv", "b.csv", "sub/d.csv"]
    assert listed.files[0].size == 5
    assert len(listed.files[0].sha256 or "") == 64
    assert listed.files[0].modified.endswith("+00:00")
    short = await list_files(make_call(), FileListProperties(limit=2))
    assert (short.count, short.truncated) == (2, True)
    with pytest.raises(ConnectorError, match="no folder 'nowhere'"):
        await list_files(make_call(), FileListProperties(path="nowhere"))
