"""Temporal, the API, a worker and the hand-written workers as real processes, started the way ``visto dev`` starts them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil
from temporalio.client import Client

from tests.bench.told import VARIABLE
from visto.supervisor.child import Spec, open_log, tail
from visto.supervisor.processes import die_with_parent
from visto.supervisor.stack import Options, plan, visto
from workflows.codec import data_converter
from workflows.settings import Settings
from workflows.store.db import Database, Tx
from workflows.store.repositories import keys, principals
from workflows.usecases.keys import payload_keys

NAMESPACE = "default"
GROUP = "reviewers"
READY_S = 60.0
LOOK_S = 0.01
QUIET = {"VISTO_EMBEDDINGS": "hashing", "VISTO_LOG_LEVEL": "WARNING", "PYTHONWARNINGS": "ignore"}
MODELS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OLLAMA_HOST", "VISTO_MODELS", "VISTO_MODEL")
"""Left out of the environment: the model that answers in no time is the offline one."""


class Running:
    """One process with its log. ``started`` and ``ready`` are seconds since the epoch."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.process: subprocess.Popen[bytes] | None = None
        self.started = self.ready = 0.0

    def launch(self) -> None:
        self.started = time.time()
        with open_log(self.spec.log) as log:
            self.process = subprocess.Popen(
                list(self.spec.argv),
                env=dict(self.spec.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(),  # noqa: PLW1509  it only calls the kernel
            )

    async def until_ready(self) -> None:
        assert self.process is not None
        while not await self.spec.ready(self.process.pid):
            assert self.process.poll() is None, f"{self.spec.name} ended:\n{tail(self.spec.log)}"
            assert time.time() - self.started < READY_S, f"{self.spec.name} is not ready:\n{tail(self.spec.log)}"
            await asyncio.sleep(LOOK_S)
        self.ready = time.time()

    @property
    def usage(self) -> psutil.Process:
        assert self.process is not None
        return psutil.Process(self.process.pid)

    def cpu_s(self) -> float:
        """Processor seconds used so far, user and system."""
        times = self.usage.cpu_times()
        return float(times.user + times.system)

    def rss_mib(self) -> float:
        return float(self.usage.memory_info().rss) / 2**20

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()


@dataclass
class Stack:
    """``async with Stack(folder)``: everything answers inside the block. ``yardsticks`` are hand-written workers."""

    folder: Path
    database_url: str | None = None
    yardsticks: Sequence[str] = ()
    processes: dict[str, Running] = field(default_factory=dict)
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.plan = plan(Options(self.folder / "home", database_url=self.database_url, ui=False, any_ports=True))
        self.settings = Settings(home=self.folder / "home", database_url=self.database_url)
        try:
            await self._bring_up()
        except BaseException:
            await self._open.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    @property
    def env(self) -> Mapping[str, str]:
        kept = {name: value for name, value in self.plan.env.items() if name not in MODELS}
        return {**kept, **QUIET, VARIABLE: str(self.told)}

    @property
    def told(self) -> Path:
        """The socket on which hand-written workflows say that they wait."""
        return self.folder / "told.sock"

    @property
    def api(self) -> str:
        return self.plan.urls["api"]

    async def _bring_up(self) -> None:
        temporal = self.plan.servers()[0]
        await self._start(temporal)
        await asyncio.to_thread(self._fill_store)
        for spec in self.plan.ours():
            await self._start(spec)
        for kind in self.yardsticks:
            await self._start(self._yardstick(kind))
        keys_ = payload_keys(self.settings)
        address = self.plan.urls["temporal"]
        self.client = await Client.connect(address, data_converter=data_converter(keys_.keys, keys_.current))
        self.plain = await Client.connect(address)

    async def _start(self, spec: Spec) -> None:
        running = Running(Spec(spec.name, spec.argv, self.env, spec.log, spec.ready))
        self.processes[spec.name] = running
        self._open.callback(running.stop)
        running.launch()
        await running.until_ready()

    def _yardstick(self, kind: str) -> Spec:
        from tests.bench.handwritten import QUEUE
        from visto.supervisor import probes

        folder = self.folder / kind
        argv = [sys.executable, "-m", "tests.bench.handwritten_worker", kind, self.plan.urls["temporal"], str(folder)]
        port = self.plan.ports["temporal_http"]
        return Spec(kind, argv, self.env, self.plan.log(kind), lambda pid: probes.polled(port, QUEUE + kind, pid))

    def _fill_store(self) -> None:
        upgrade = visto("database", "upgrade", "--dev-access")
        subprocess.run(upgrade, env=dict(self.env), check=True, capture_output=True)
        db = Database(self.settings.database)
        try:
            self.starter, self.reviewer = db.write_sync(_people)
        finally:
            db.close()

    def cpu_s(self) -> dict[str, float]:
        """Processor seconds of every process so far, and of this one."""
        mine = os.times()
        return {name: one.cpu_s() for name, one in self.processes.items()} | {"load": mine.user + mine.system}

    def rss_mib(self) -> dict[str, float]:
        return {name: one.rss_mib() for name, one in self.processes.items()}


def _people(tx: Tx) -> tuple[str, str]:
    """A service that starts and a person who decides; returns their keys."""
    service = principals.create_service(tx, NAMESPACE, "Starter")
    scopes = ("flows:read", "flows:write", "executions:start", "executions:read", "gates:read")
    starter = keys.create(tx, NAMESPACE, service.id, "bench", scopes).secret
    principals.create_group(tx, NAMESPACE, GROUP)
    person = principals.create_person(tx, NAMESPACE, "Reviewer")
    principals.grant_role(tx, NAMESPACE, person.id, "reviewer")
    principals.add_member(tx, NAMESPACE, GROUP, person.id)
    return starter, keys.create(tx, NAMESPACE, person.id, "bench", ("gates:read", "gates:decide")).secret
