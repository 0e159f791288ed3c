"""A real Chroma server for the session, and knowledge over it with the quick embedder."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from rag.embed import HashingEmbedder
from rag.knowledge import Knowledge
from rag.settings import KnowledgeSettings

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


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


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
