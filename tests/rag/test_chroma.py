"""Chroma gone, back, hanging, open to the network, and embedded."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rag import chroma as connection
from rag.embed import HashingEmbedder
from rag.knowledge import Knowledge
from rag.model import KnowledgeError, KnowledgeUnavailable, SourceDocument
from rag.settings import KnowledgeSettings

DOCUMENTS = [SourceDocument("a.txt", "a", text="refunds within ten days")]


async def test_an_unreachable_store_is_a_clear_passing_error() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))  # bound, not listening: refused
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        knowledge = Knowledge(KnowledgeSettings(chroma_url=url), HashingEmbedder())
        with pytest.raises(KnowledgeUnavailable) as error:
            await knowledge.search("n", "c", "refunds")
        await knowledge.close()
    assert not error.value.permanent
    assert error.value.code == "retrieval_unavailable"
    assert url in str(error.value)
    assert "visto dev" in error.value.remedy


async def test_a_killed_server_gives_the_error_and_is_found_again_with_its_content(own_chroma: Any) -> None:
    knowledge = Knowledge(KnowledgeSettings(chroma_url=own_chroma.url), HashingEmbedder())
    await knowledge.ingest_documents("n", "c", DOCUMENTS)
    own_chroma.kill()
    for _ in range(2):
        with pytest.raises(KnowledgeUnavailable, match="does not answer"):
            await knowledge.search("n", "c", "refunds")
    with pytest.raises(KnowledgeUnavailable):
        await knowledge.ingest_documents("n", "c", DOCUMENTS)
    with pytest.raises(KnowledgeUnavailable):
        await knowledge.collections("n")

    own_chroma.start()

    assert [hit.document for hit in await knowledge.search("n", "c", "refunds")] == ["a.txt"]
    assert (await knowledge.ingest_documents("n", "c", DOCUMENTS)).unchanged == 1
    await knowledge.close()


@contextmanager
def answering(status: int, *, wait: threading.Event | None = None, token: str = "") -> Iterator[str]:
    """A server that is not Chroma: answers the heartbeat, then everything else with ``status``, or hangs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heartbeat = self.path.endswith("/heartbeat")
            refused = bool(token) and self.headers.get("Authorization") != f"Bearer {token}"
            if wait is not None and not heartbeat:
                wait.wait(20)
            self.send_response(401 if refused else 200 if heartbeat else status)
            self.end_headers()
            self.wfile.write(b"Bad gateway")

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        if wait is not None:
            wait.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_proxy_in_between_that_fails_is_the_same_error(status: int) -> None:
    with answering(status) as url:
        knowledge = Knowledge(KnowledgeSettings(chroma_url=url), HashingEmbedder())
        with pytest.raises(KnowledgeUnavailable):
            await knowledge.search("n", "c", "refunds")
        await knowledge.close()


async def test_a_server_that_stops_answering_is_given_up(own_chroma: Any) -> None:
    """SIGSTOP: connections are accepted, nothing is answered."""
    settings = KnowledgeSettings(chroma_url=own_chroma.url, chroma_timeout=timedelta(seconds=0.5))
    knowledge = Knowledge(settings, HashingEmbedder())
    await knowledge.ingest_documents("n", "c", DOCUMENTS)
    own_chroma.process.send_signal(19)
    try:
        with pytest.raises(KnowledgeUnavailable, match="ReadTimeout"):
            await knowledge.search("n", "c", "refunds")
    finally:
        own_chroma.process.send_signal(18)
    assert len(await knowledge.search("n", "c", "refunds")) == 1
    await knowledge.close()


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x", "http://", "/var/lib/chroma"])
async def test_an_address_that_is_none_is_refused_with_an_example(url: str) -> None:
    knowledge = Knowledge(KnowledgeSettings(chroma_url=url), HashingEmbedder())
    with pytest.raises(KnowledgeError, match=r"http://127\.0\.0\.1:8000") as error:
        await knowledge.search("n", "c", "refunds")
    assert error.value.permanent
    await knowledge.close()


async def test_a_server_that_the_network_can_reach_must_ask_for_a_token(
    own_chroma: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chroma itself lets everybody in; the address counts as not of this machine here."""
    monkeypatch.setattr(connection, "_is_loopback", lambda _: False)
    settings = KnowledgeSettings(chroma_url=own_chroma.url)
    refused = Knowledge(settings, HashingEmbedder())
    with pytest.raises(KnowledgeError, match=r"answers anybody.*VISTO_CHROMA_TOKEN") as error:
        await refused.collections("n")
    assert error.value.permanent
    trusted = Knowledge(settings.model_copy(update={"chroma_trusted_network": True}), HashingEmbedder())
    assert await trusted.collections("n") == []
    for knowledge in (refused, trusted):
        await knowledge.close()


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("chroma", False),
        ("localhost.evil.com", False),
    ],
)
def test_only_this_machine_counts_as_this_machine(host: str, ours: bool) -> None:
    assert connection._is_loopback(host) is ours


async def test_embedded_it_works_alone_and_keeps_its_content(tmp_path: Path) -> None:
    settings = KnowledgeSettings(chroma_url="", chroma_path=tmp_path / "store")
    first = Knowledge(settings, HashingEmbedder())
    await first.ingest_documents("n", "c", DOCUMENTS)
    await first.close()
    second = Knowledge(settings, HashingEmbedder())
    assert [hit.document for hit in await second.search("n", "c", "refunds")] == ["a.txt"]
    await second.close()


async def test_embedded_a_second_process_is_refused_and_told_what_to_do(tmp_path: Path) -> None:
    """Two embedded Chromas on one folder silently lose each other's writes."""
    settings = KnowledgeSettings(chroma_url="", chroma_path=tmp_path)
    first = Knowledge(settings, HashingEmbedder())
    await first.ingest_documents("n", "c", DOCUMENTS)
    code = (
        "import asyncio, sys; from pathlib import Path; from rag.knowledge import Knowledge;"
        "from rag.settings import KnowledgeSettings; from rag.model import KnowledgeUnavailable\n"
        "try: asyncio.run(Knowledge(KnowledgeSettings(chroma_url='', chroma_path=Path(sys.argv[1]))).collections('n'))\n"
        "except KnowledgeUnavailable as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    assert "Another process uses the knowledge store" in done.stdout
    assert "VISTO_CHROMA_URL" in done.stdout
    await first.close()
    freed = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    assert freed.stdout == ""
