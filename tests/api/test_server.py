"""The process itself: light, stopped in order, and true to its word after a kill between commit and call."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.support.ports import free_port
from workflows.settings import Settings
from workflows.store import migrate
from workflows.store.db import Database
from workflows.store.repositories import keys, outbox, principals

NS = "default"
HEAVY = ("langchain", "langchain_core", "langgraph", "llama_index.core", "chromadb", "numpy", "openai")
FLOW = "id: greet\ntasks:\n  - {id: hello, type: set, values: {text: Hello}}\n"
SERVE = "import asyncio; from api.server import serve; from workflows.settings import Settings; asyncio.run(serve(Settings()))"
DIES = """
import os, signal
from workflows.gateway import Gateway
async def die(*args, **more):
    os.kill(os.getpid(), signal.SIGKILL)
Gateway.start = die
"""


class Server:
    """One API process on a port of its own."""

    def __init__(self, home: Path, temporal: str, before: str = "") -> None:
        self.port = free_port()
        env = {name: value for name, value in os.environ.items() if not name.startswith("VISTO_")}
        env |= {"VISTO_HOME": str(home), "VISTO_API_PORT": str(self.port), "VISTO_TEMPORAL_ADDRESS": temporal}
        root = Path(__file__).parents[2]
        self.process = subprocess.Popen([sys.executable, "-c", before + SERVE], env=env, cwd=root)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}/api/v1", timeout=10)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            assert self.process.poll() is None
            try:
                self.client.get("/health")
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("the API did not come up")

    def stop(self) -> int:
        self.client.close()
        self.process.terminate()
        return self.process.wait(timeout=15)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    migrate.upgrade(Settings(home=tmp_path).database)
    return tmp_path


@pytest.fixture
def secret(home: Path) -> str:
    def make(tx) -> str:
        person = principals.create_person(tx, NS, "Ann")
        principals.grant_role(tx, NS, person.id, "admin")
        return keys.create(tx, NS, person.id, "test", ("admin",)).secret

    db = Database(Settings(home=home).database)
    made = db.write_sync(make)
    db.close()
    return made


def test_no_model_or_retrieval_library_is_imported():
    code = f"import sys, api.server; sys.exit([m for m in {HEAVY!r} if m in sys.modules] or None)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


@pytest.mark.slow
def test_the_process_answers_without_its_workflow_server_and_stops_in_order(home, secret):
    server = Server(home, "127.0.0.1:1")
    headers = {"Authorization": f"Bearer {secret}"}
    answer = server.client.get("/me", headers=headers)
    assert answer.status_code == 200
    assert "server" not in answer.headers
    assert server.client.get("/ready").json() == {"status": "degraded", "store": True, "temporal": False}
    assert server.stop() in (0, -signal.SIGTERM)


@pytest.mark.slow
def test_a_spoofed_client_address_is_not_believed_and_foreign_hosts_are_refused(home, secret):
    server = Server(home, "127.0.0.1:1")
    assert server.client.get("/health", headers={"Host": "evil.example"}).status_code == 400
    server.stop()


@pytest.mark.slow
def test_a_process_killed_between_commit_and_call_keeps_its_word_within_five_seconds(home, secret, temporal_server):
    """The client never got an answer; the execution is stored, and the next process starts its workflow."""
    headers = {"Authorization": f"Bearer {secret}"}
    first = Server(home, temporal_server, before=DIES)
    assert first.client.post("/flows", json={"source": FLOW}, headers=headers).status_code == 201
    with pytest.raises(httpx.TransportError):
        first.client.post("/flows/greet/executions", json={}, headers=headers | {"Idempotency-Key": "k"})
    assert first.process.wait(timeout=5) == -signal.SIGKILL
    first.client.close()

    second = Server(home, temporal_server)
    began = time.monotonic()
    db = Database(Settings(home=home).database)
    while db.read_sync(lambda tx: outbox.count_pending(tx, NS)):
        assert time.monotonic() - began < 5
        time.sleep(0.05)
    db.close()
    again = second.client.post("/flows/greet/executions", json={}, headers=headers | {"Idempotency-Key": "k"})
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    second.stop()
