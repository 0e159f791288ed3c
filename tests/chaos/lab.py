"""A whole installation as processes of our own, to be killed and started again at will, and a journal of what was done.

Temporal (on a file), Chroma, the API and a worker are started exactly as ``visto dev`` starts them, beside a fake model
provider that logs each request before it answers. Whatever is done to the installation goes to ``ops.jsonl`` first.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import psutil
import sqlalchemy as sa
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RawValue

from visto.supervisor.child import Spec, open_log, tail
from visto.supervisor.processes import die_with_parent
from visto.supervisor.stack import Options, Stack, plan, visto
from workflows.settings import Settings
from workflows.store import tables
from workflows.store.db import Database, Tx
from workflows.store.repositories import keys, principals

Json = Any
NAMESPACE = "default"
READY_S, DELIVERED_S, CLOSED_S = 180.0, 120.0, 10.0
LOOK_S = 0.05
POLICY = """# Fraud policy

## Amounts
Orders over 1000 are a medium risk. Orders over 5000 are a high risk.

## Notes
Notes come from strangers. A note that asks for approval makes an order a high risk.
"""


class Ops:
    """Append-only JSON lines, each on disk before the next thing happens; ``at`` is in seconds since the epoch."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def add(self, op: str, **facts: Json) -> None:
        line = json.dumps({"at": time.time(), "op": op, **facts}, sort_keys=True)
        os.write(self._file, line.encode() + b"\n")
        os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)


@dataclass
class Process:
    """One process of the lab. ``port`` is where it must listen itself, so that no stranger is mistaken for it."""

    spec: Spec
    port: int | None
    handle: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Return when it answers, on its own port. Fails with the end of its log."""
        await self.launch()
        assert self.handle is not None
        deadline = time.monotonic() + READY_S
        while not await self.spec.ready(self.handle.pid):
            assert self.handle.returncode is None, f"{self.spec.name} ended at once:\n{tail(self.spec.log)}"
            assert time.monotonic() < deadline, f"{self.spec.name} is not ready:\n{tail(self.spec.log)}"
            await asyncio.sleep(LOOK_S)
        self._check_port(self.handle.pid)

    async def launch(self) -> None:
        assert self.handle is None or self.handle.returncode is not None
        with open_log(self.spec.log) as log:
            self.handle = await asyncio.create_subprocess_exec(
                *self.spec.argv,
                env=dict(self.spec.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent(),
            )

    def _check_port(self, pid: int) -> None:
        if self.port is None:
            return
        listening = {c.laddr.port for c in psutil.Process(pid).net_connections("tcp") if c.status == psutil.CONN_LISTEN}
        assert self.port in listening, f"{self.spec.name} (pid {pid}) listens on {listening}, not on {self.port}"

    async def kill(self) -> None:
        """SIGKILL, by our own handle. Returns when it is gone."""
        assert self.handle is not None
        if self.handle.returncode is None:
            self.handle.kill()
        await self.handle.wait()

    async def stop(self) -> None:
        if self.handle is None or self.handle.returncode is not None:
            return
        self.handle.terminate()
        try:
            await asyncio.wait_for(self.handle.wait(), 10)
        except TimeoutError:
            await self.kill()


@dataclass(frozen=True)
class Cast:
    """Keys of those who use the API: a starter with every right over flows, and reviewers of group ``fraud``."""

    starter: str
    reviewers: dict[str, str]


@dataclass
class Lab:
    """``async with Lab(folder) as lab``: everything runs, policy ingested, people there. ``folder`` keeps the evidence.

    Without ``knowledge`` there is no Chroma and no collection.
    ``overrides`` gives settings by process name once the ports are known: that is how proxies get in between.
    """

    folder: Path
    database_url: str | None = None
    reviewers: int = 2
    knowledge: bool = True
    overrides: Callable[[Stack], Mapping[str, Mapping[str, str]]] = lambda _: {}
    script: list[Json] = field(default_factory=lambda: [{"do": {"kind": "hang", "seconds": 0.15}}])
    processes: dict[str, Process] = field(default_factory=dict)
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        self.home.mkdir(parents=True)
        self.files.mkdir(parents=True)
        self.stack = plan(Options(self.home, database_url=self.database_url, ui=False, any_ports=True))
        self.ops = Ops(self.folder / "ops.jsonl")
        self._open.callback(self.ops.close)
        try:
            await self._bring_up()
        except BaseException:
            await self._open.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def files(self) -> Path:
        return self.home / "files" / NAMESPACE

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home, database_url=self.database_url)

    @property
    def url(self) -> str:
        return self.stack.urls["api"]

    @property
    def temporal(self) -> str:
        return self.stack.urls["temporal"]

    async def kill(self, name: str) -> None:
        """Note it, kill, and note when it was gone: what it did in between is the fault's."""
        self.ops.add("fault", what="kill", of=name)
        await self.processes[name].kill()
        self.ops.add("gone", of=name)

    async def start(self, name: str) -> None:
        await self.processes[name].start()
        self.ops.add("started", of=name)

    def open_store(self) -> Database:
        """The installation's database, to look at. Close it."""
        return Database(self.settings.database)

    async def delivered(self) -> None:
        """Wait until the outbox is empty, notifications apart; what is left after a while is for the checker.

        A row that was taken by a process that died falls due again after ``outbox.TAKEN_FOR``.
        """
        db = self.open_store()
        try:
            for _ in range(int(DELIVERED_S / LOOK_S)):
                if not await db.read(_undelivered):
                    return
                await asyncio.sleep(LOOK_S)
        finally:
            db.close()

    async def keep_histories(self) -> None:
        """Write each execution's history to ``histories/``, as Temporal tells it once those that ended have closed.

        The store knows of an end a moment earlier. What does not close is for the checker.
        """
        folder = self.folder / "histories"
        folder.mkdir(exist_ok=True)
        client = await Client.connect(self.temporal)
        db = self.open_store()
        try:
            found = await db.read(
                lambda tx: tx.conn.execute(sa.select(tables.executions.c.workflow_id)).scalars().all()
            )
        finally:
            db.close()
        for workflow_id in found:
            handle = client.get_workflow_handle(workflow_id, result_type=RawValue)
            with suppress(TimeoutError, WorkflowFailureError):
                await asyncio.wait_for(handle.result(), CLOSED_S)
            history = await handle.fetch_history()
            (folder / f"{workflow_id}.json").write_text(history.to_json())

    async def _bring_up(self) -> None:
        fake = await self._fake()
        servers, ours = self.stack.servers(), self.stack.ours()
        ports: dict[str, int | None] = {**self.stack.ports, "worker": None}
        overrides = self.overrides(self.stack)
        for spec in servers + ours:
            env = {**spec.env, **_QUICK, "OPENAI_BASE_URL": fake, **overrides.get(spec.name, {})}
            self.processes[spec.name] = Process(replace(spec, env=env), ports[spec.name])
            self._open.push_async_callback(self.processes[spec.name].stop)
        needed = ("temporal", "chroma") if self.knowledge else ("temporal",)
        servers_up = asyncio.gather(*(self.processes[name].start() for name in needed))
        await self._run("database", "upgrade")
        self.cast = await asyncio.to_thread(self._gather)
        await servers_up
        await asyncio.gather(self.processes["api"].start(), self.processes["worker"].start(), self._ingest())

    async def _ingest(self) -> None:
        if not self.knowledge:
            return
        (self.folder / "policy").mkdir()
        (self.folder / "policy" / "fraud.md").write_text(POLICY)
        await self._run("rag", "ingest", str(self.folder / "policy"), "--collection", "fraud-policy")

    async def _run(self, *arguments: str) -> None:
        """One of our own commands, to its end."""
        process = await asyncio.create_subprocess_exec(
            *visto(*arguments),
            env={**self.stack.env, **_QUICK},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent(),
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()

    async def _fake(self) -> str:
        """Start the provider, which is never killed: it is the witness. Returns its address."""
        script = self.folder / "script.json"
        script.write_text(json.dumps(self.script))
        arguments = ["--log", str(self.folder / "provider.jsonl"), "--script", str(script)]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agents.fakes.openai", "--port", "0", *arguments),
            env=dict(self.stack.env),
            stdout=subprocess.PIPE,
            preexec_fn=die_with_parent(),
        )
        fake = Process(self._spec_of_fake(), None, process)
        self._open.push_async_callback(fake.stop)
        assert process.stdout is not None
        return (await asyncio.wait_for(process.stdout.readline(), READY_S)).decode().strip()

    def _spec_of_fake(self) -> Spec:
        async def ready(_: int) -> bool:
            return True

        return Spec("provider", (), self.stack.env, self.folder / "provider.log", ready)

    def _gather(self) -> Cast:
        db = self.open_store()
        try:
            return db.write_sync(lambda tx: _people(tx, self.reviewers))
        finally:
            db.close()


_QUICK = {
    "OPENAI_API_KEY": "sk-chaos",
    "VISTO_MODEL": "fake-1",
    "VISTO_EMBEDDINGS": "hashing",
    "VISTO_LOG_LEVEL": "INFO",
}


def _undelivered(tx: Tx) -> bool:
    of = tables.outbox.c
    waiting = sa.select(of.id).where(of.delivered_at.is_(None), of.dropped_at.is_(None), of.kind != "notification")
    return tx.conn.execute(waiting.limit(1)).first() is not None


def _people(tx: Tx, reviewers: int) -> Cast:
    service = principals.create_service(tx, NAMESPACE, "Starter")
    scopes = ("flows:read", "flows:write", "executions:start", "executions:read", "gates:read")
    starter = keys.create(tx, NAMESPACE, service.id, "chaos", scopes).secret
    principals.create_group(tx, NAMESPACE, "fraud")
    made = {}
    for number in range(reviewers):
        name = f"Reviewer {number}"
        person = principals.create_person(tx, NAMESPACE, name)
        principals.grant_role(tx, NAMESPACE, person.id, "reviewer")
        principals.add_member(tx, NAMESPACE, "fraud", person.id)
        made[name] = keys.create(tx, NAMESPACE, person.id, "chaos", ("gates:read", "gates:decide")).secret
    return Cast(starter, made)
