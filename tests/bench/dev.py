"""``visto dev``: how long until it is ready, and what it holds when nobody uses it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil

from tests.bench.stack import MODELS
from visto.supervisor import state
from visto.supervisor.stack import visto

Json = Any
OURS = ("supervisor", "api", "worker")
IDLE_S = 5.0


def measure(folder: Path) -> Json:
    """Start it once on an empty home and once again; memory is resident size in MiB, of the second run."""
    return {"first_start": _run(folder, idle_s=0.0), "next_start": _run(folder, idle_s=IDLE_S)}


def _run(folder: Path, *, idle_s: float) -> Json:
    env = {name: value for name, value in os.environ.items() if name not in MODELS}
    argv = visto("dev", "--home", str(folder), "--any-ports", "--no-ui", "--json")
    began = time.perf_counter()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, text=True) as process:
        try:
            assert process.stdout is not None
            said = json.loads("".join([*iter(process.stdout.readline, "}\n"), "}"]))
            wall = time.perf_counter() - began
            time.sleep(idle_s)
            memory = _memory(folder)
        finally:
            process.send_signal(signal.SIGTERM)
    return {"ready_s": said["ready_s"], "command_to_ready_s": round(wall, 2), "memory_mib": memory}


def _memory(folder: Path) -> dict[str, float]:
    found = state.read(folder)
    assert found is not None
    assert found.supervisor is not None
    pids = {"supervisor": found.supervisor.pid} | {name: one.pid for name, one in found.children.items()}
    sizes = {name: round(psutil.Process(pid).memory_info().rss / 2**20, 1) for name, pid in pids.items()}
    return {**sizes, "ours": round(sum(sizes[name] for name in OURS), 1)}
