"""A real Chroma server for the session, knowledge over it with the quick embedder, and filters of every shape."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import strategies as st

from rag.embed import HashingEmbedder
from rag.knowledge import Knowledge
from rag.settings import KnowledgeSettings
from tests.support.ports import free_port

CHROMA = Path(sys.executable).parent / "chroma"
START_SECONDS = 30


@dataclass
class ChromaServer:
    """A Chroma server on a port of the system's choice, which a test may kill and start again."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [str(CHROMA), "run", "--path", str(self.folder), "--host", "127.0.0.1", "--port", str(self.port)]
        with (self.folder.parent / "chroma.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.folder.parent / "chroma.log").read_text()
            try:
                if httpx.get(f"{self.url}/api/v2/heartbeat", timeout=1).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.02)
        raise AssertionError("Chroma did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def make_server(folder: Path) -> ChromaServer:
    folder.mkdir()
    server = ChromaServer(folder, free_port())
    server.start()
    return server


@pytest.fixture(scope="session")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaServer]:
    server = make_server(tmp_path_factory.mktemp("chroma") / "data")
    yield server
    server.kill()


@pytest.fixture
def own_chroma(tmp_path: Path) -> Iterator[ChromaServer]:
    """A server that the test may kill."""
    server = make_server(tmp_path / "chroma")
    yield server
    server.kill()


@pytest.fixture
def settings(chroma: ChromaServer) -> KnowledgeSettings:
    return KnowledgeSettings(chroma_url=chroma.url, embeddings="hashing")


@pytest.fixture
async def knowledge(settings: KnowledgeSettings) -> AsyncIterator[Knowledge]:
    made = Knowledge(settings, HashingEmbedder())
    yield made
    await made.close()


@pytest.fixture
def namespace() -> str:
    """A namespace that no other test knows."""
    return f"ns.{uuid4().hex[:8]}"


VALUES: dict[str, list[Any]] = {
    "lang": ["en", "de", "fr"],
    "year": [2020, 2023, 2026],
    "ok": [True, False],
    "rate": [0.5, 1.5],
}
FIELDS = [*VALUES, "missing", "document"]


def _values(field: str) -> st.SearchStrategy[Any]:
    return st.sampled_from(VALUES.get(field, ["a.md", "b.md"]))


def _comparison(field: str) -> st.SearchStrategy[Any]:
    value = _values(field)
    choices = [
        value,
        st.builds(lambda v: {"$eq": v}, value),
        st.builds(lambda v: {"$ne": v}, value),
        st.builds(lambda v: {"$in": v}, st.lists(value, min_size=1, max_size=3)),
        st.builds(lambda v: {"$nin": v}, st.lists(value, min_size=1, max_size=3)),
    ]
    if field in ("year", "rate"):
        operators = st.sampled_from(["$gt", "$gte", "$lt", "$lte"])
        choices.append(st.builds(lambda op, v: {op: v}, operators, value))
    return st.one_of(choices)


_leaf = st.sampled_from(FIELDS).flatmap(lambda field: st.builds(lambda c: {field: c}, _comparison(field)))


def _wider(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = st.lists(inner, min_size=1, max_size=3)
    groups = st.builds(lambda op, parts: {op: parts}, st.sampled_from(["$and", "$or"]), members)
    return groups | st.builds(lambda a, b: {**a, **b}, inner, inner)


@pytest.fixture(scope="session")
def filters() -> st.SearchStrategy[Any]:
    """Filters of every shape, at most a few levels deep."""
    return st.recursive(_leaf, _wider, max_leaves=5)


@pytest.fixture
def connect(settings: KnowledgeSettings) -> Iterator[Any]:
    """Makes further ``Knowledge`` objects, as other processes would have them."""
    made: list[Knowledge] = []

    def make(**changes: Any) -> Knowledge:
        made.append(Knowledge(settings.model_copy(update=changes), HashingEmbedder()))
        return made[-1]

    yield make
    for knowledge in made:
        knowledge._chroma.close()
