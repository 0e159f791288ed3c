"""Files that people hand in end below the files folder of their namespace, whole, under a harmless name."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workflows.usecases import uploads
from workflows.usecases.refusals import Refused

NS = "sales"


@pytest.fixture
def services(tmp_path: Path) -> Any:
    """Only the settings are asked for."""
    return SimpleNamespace(settings=SimpleNamespace(files=tmp_path / "files"))


def kept(services: Any) -> list[Path]:
    return sorted(path for path in services.settings.files.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("orders.csv", "orders.csv"),
        ("../../etc/orders.csv", "orders.csv"),
        ("C:\\Users\\Ann\\orders.csv", "orders.csv"),
        (".hidden.csv", "hidden.csv"),
        ("a\u202e\nb:c.csv", "a_b_c.csv"),
        ("ü" * 300 + ".csv", None),
        ("", None),
    ],
)
async def test_whatever_the_name_the_file_is_below_the_inbox(services: Any, given: str, stored: str | None) -> None:
    path = await uploads.keep(services, NS, given or "x.txt", b"a,b\n")
    assert re.fullmatch(r"inbox/[0-9a-f]{12}-[^/]+", path)
    assert stored is None or path.endswith(f"-{stored}")
    assert (services.settings.files / NS / path).read_bytes() == b"a,b\n"
    assert len(kept(services)) == 1


async def test_the_same_content_at_once_is_one_whole_file(services: Any) -> None:
    content = b"x" * 1_000_000
    paths = await asyncio.gather(*(uploads.keep(services, NS, "a.csv", content) for _ in range(8)))
    assert len(set(paths)) == 1
    (only,) = kept(services)
    assert only.read_bytes() == content


@pytest.mark.parametrize("name", ["run.exe", "page.html", "noending", "a.csv.sh"])
async def test_types_that_flows_may_not_read_are_refused_and_nothing_is_written(services: Any, name: str) -> None:
    with pytest.raises(Refused) as refused:
        await uploads.keep(services, NS, name, b"x")
    assert (refused.value.code, refused.value.status) == ("invalid_file", 422)
    assert refused.value.remedy
    assert kept(services) == []


async def test_a_link_in_place_of_the_inbox_is_not_followed(services: Any, tmp_path: Path) -> None:
    (services.settings.files / NS).mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (services.settings.files / NS / "inbox").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused):
        await uploads.keep(services, NS, "a.csv", b"x")
    assert list((tmp_path / "elsewhere").iterdir()) == []


async def test_the_list_keeps_to_its_namespace_and_to_what_flows_may_see(services: Any) -> None:
    await uploads.keep(services, "other", "theirs.csv", b"x")
    mine = await uploads.keep(services, NS, "mine.csv", b"x")
    root = services.settings.files / NS
    (root / ".draft.csv").write_text("x")
    (root / "link.csv").symlink_to(services.settings.files / "other")
    assert await uploads.listed(services, NS) == [mine]
    assert await uploads.listed(services, "nobody") == []
