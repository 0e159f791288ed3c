"""What runs on one machine and how it is started: Temporal, Chroma, the API, a worker."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from visto.__main__ import application_folder
from visto.supervisor import probes
from visto.supervisor.child import Spec
from visto.supervisor.ports import HOST, choose

Probe = Callable[[int], Awaitable[bool]]

WORKER_QUEUE = "visto"
TEMPORAL_SETTINGS = (
    *("--sqlite-pragma", "journal_mode=WAL"),
    *("--sqlite-pragma", "synchronous=NORMAL"),
    *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"),
)
"""Measured: 2.5 times the throughput and a quarter of the latency of the defaults; safe against kills."""
QUIET = {"ANONYMIZED_TELEMETRY": "False", "CHROMA_TELEMETRY_IMPL": "none", "DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1"}

ADDRESS = frozenset(
    {"VISTO_DATABASE_URL", "VISTO_TEMPORAL_ADDRESS", "VISTO_CHROMA_URL", "VISTO_API_HOST", "VISTO_API_PORT"}
)


class TemporalMissing(Exception):
    """There is no Temporal server to start."""

    remedy = "Install what Visto needs again (`make dev` does), or put the `temporal` command on PATH."

    def __init__(self) -> None:
        super().__init__("The `temporal` command is neither on PATH nor in this environment.")


@dataclass(frozen=True, slots=True)
class Options:
    """What ``visto dev`` was asked for. ``port`` is the API's, 0 for any free one, ``None`` for the usual one."""

    home: Path
    database_url: str | None = None
    port: int | None = None
    ui: bool = True
    any_ports: bool = False


@dataclass(frozen=True, slots=True)
class Stack:
    """Everything decided before the first process starts. ``moved`` names ports that are not the usual ones."""

    options: Options
    ports: Mapping[str, int]
    moved: Mapping[str, int]
    env: Mapping[str, str]

    @property
    def urls(self) -> dict[str, str]:
        found = {
            "api": f"http://{HOST}:{self.ports['api']}",
            "temporal": f"{HOST}:{self.ports['temporal']}",
            "chroma": f"http://{HOST}:{self.ports['chroma']}",
        }
        return found | ({"temporal_ui": f"http://{HOST}:{self.ports['temporal_ui']}"} if self.options.ui else {})

    @property
    def address(self) -> dict[str, str]:
        """The settings that say where this stack is."""
        return {name: value for name, value in self.env.items() if name in ADDRESS}

    def log(self, name: str) -> Path:
        return self.options.home / "logs" / f"{name}.log"

    def servers(self) -> list[Spec]:
        """What must answer before our own processes start."""
        return [self._temporal(), self._chroma()]

    def ours(self) -> list[Spec]:
        """The API and the worker."""
        ports = self.ports
        return [
            self._spec("api", visto("api"), lambda _: probes.answers(ports["api"], "/api/v1/ready")),
            self._spec("worker", visto("worker"), lambda pid: probes.polled(ports["temporal_http"], WORKER_QUEUE, pid)),
        ]

    def _temporal(self) -> Spec:
        ports = self.ports
        ui = ["--ui-port", str(ports["temporal_ui"])] if self.options.ui else ["--headless"]
        argv = [
            *(temporal_binary(), "server", "start-dev", "--ip", HOST, "--port", str(ports["temporal"])),
            *("--http-port", str(ports["temporal_http"]), "--metrics-port", str(ports["temporal_metrics"]), *ui),
            *("--db-filename", str(self.options.home / "temporal.db"), *TEMPORAL_SETTINGS, "--log-level", "error"),
        ]
        path = "/api/v1/namespaces/default"
        return self._spec("temporal", argv, lambda _: probes.answers(ports["temporal_http"], path))

    def _chroma(self) -> Spec:
        port = self.ports["chroma"]
        argv = visto("chroma", "--path", str(self.options.home / "chroma"), "--port", str(port))
        return self._spec("chroma", argv, lambda _: probes.answers(port, "/api/v2/heartbeat"))

    def _spec(self, name: str, argv: list[str], ready: Probe) -> Spec:
        return Spec(name, argv, self.env, self.log(name), ready)


def plan(options: Options) -> Stack:
    """Choose ports and settings. Raises ``PortTaken`` for a port that was asked for, ``TemporalMissing``."""
    temporal_binary()
    usual = {"api": 8400, "temporal": 7233, "temporal_ui": 8233, "chroma": 8500}
    fixed: frozenset[str] = frozenset()
    if options.any_ports:
        usual = dict.fromkeys(usual, 0)
    if options.port is not None:
        usual["api"] = options.port
        fixed = frozenset({"api"} if options.port else ())
    ports = choose(usual | {"temporal_http": 0, "temporal_metrics": 0}, fixed=fixed, hold=True)
    moved = {name: ports[name] for name, port in usual.items() if port and ports[name] != port}
    return Stack(options, ports, moved, _environment(options, ports))


def visto(*arguments: str) -> list[str]:
    """The command line that runs one of our own commands as a process."""
    return [sys.executable, "-m", "visto", *arguments]


def temporal_binary() -> str:
    """Find the server on PATH, else beside this Python. Raises ``TemporalMissing``."""
    found = shutil.which("temporal") or shutil.which("temporal", path=str(Path(sys.executable).parent))
    if found is None:
        raise TemporalMissing
    return found


def _environment(options: Options, ports: Mapping[str, int]) -> dict[str, str]:
    home = options.home.absolute()
    env = dict(os.environ) | QUIET
    env |= {
        "VISTO_HOME": str(home),
        "VISTO_TEMPORAL_ADDRESS": f"{HOST}:{ports['temporal']}",
        "VISTO_CHROMA_URL": f"http://{HOST}:{ports['chroma']}",
        "VISTO_API_HOST": HOST,
        "VISTO_API_PORT": str(ports["api"]),
    }
    if options.database_url:
        env["VISTO_DATABASE_URL"] = options.database_url
    folder = application_folder()
    if folder.name != "_app":  # a checkout: children must find it, whatever the working directory is
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), env.get("PYTHONPATH")]))
    return env
