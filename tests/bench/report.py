"""Results as JSON, as a table on the screen, and between the markers of ``docs/performance.md``."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

Json = Any
DOCS = Path(__file__).parents[2] / "docs"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
PRODUCT, CONSTANT, AGENT = "visto", "hand-written, constant", "hand-written, agent"


def machine() -> Json:
    """Where and when: what every figure depends on."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        "system": platform.system(),
        "load_before": round(os.getloadavg()[0], 1),
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
    }


def ratio(found: Json, name: str, per: str, stat: str = "p50") -> float:
    """The product's figure divided by another contender's."""
    return float(found[PRODUCT][name][stat] / found[per][name][stat])


def publish(results: Json, folder: Path = DOCS) -> None:
    """Write ``performance.json`` and put the tables between the markers of ``performance.md``."""
    _keep(folder, results)
    _show(folder, BEGIN, END, tables(results))


def publish_part(name: str, results: Json, text: str, folder: Path = DOCS) -> None:
    """The same for a part that is measured by itself: its results under ``name``, its text between its own markers."""
    _keep(folder, {name: results})
    _show(folder, *markers(name), text)


def markers(name: str) -> tuple[str, str]:
    """Between which a part stands in ``performance.md``."""
    return f"<!-- {name}:begin -->", f"<!-- {name}:end -->"


def _keep(folder: Path, results: Json) -> None:
    file = folder / "performance.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    file.write_text(json.dumps({**known, **results}, indent=2) + "\n", encoding="utf-8")


def _show(folder: Path, begin: str, end: str, shown: str) -> None:
    page = folder / "performance.md"
    before, rest = page.read_text(encoding="utf-8").split(begin)
    page.write_text(f"{before}{begin}\n{shown}\n{end}{rest.split(end)[1]}", encoding="utf-8")


def tables(results: Json) -> str:
    """Everything that was measured, as Markdown."""
    where = results["machine"]
    words = (
        f"Measured on {where['at']}: {where['cores']} cores, {where['memory_gib']} GiB, {where['system']}, "
        f"Python {where['python']}, load before the run {where['load_before']}."
    )
    parts = [words]
    for store, title in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL")):
        if store in results:
            parts += [f"### Five steps, {title}", _contenders(results[store])]
    if "waiting" in results:
        parts += ["### Waiting gates", _waiting(results["waiting"])]
    if "killed" in results:
        parts += ["### The only worker killed", _killed(results["killed"])]
    if "dev" in results:
        parts += ["### `visto dev`", _dev(results["dev"])]
    return "\n\n".join(parts)


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _spread(value: Json) -> str:
    return f"{value['p50']} ({value['min']}-{value['max']})"


def _contenders(found: Json) -> str:
    head = ["", "flows/s", "start to waiting, ms", "approve to done, ms", "events, bytes", "CPU-ms a flow"]
    rows = [
        [
            name,
            _spread(one["flows_per_s"]),
            _spread(one["start_to_waiting_ms"]),
            _spread(one["approve_to_done_ms"]),
            f"{one['history']['events']}, {one['history']['bytes']}",
            ", ".join(f"{process} {value}" for process, value in one["cpu_ms_per_flow"].items()),
        ]
        for name, one in found.items()
    ]
    for per in (CONSTANT, AGENT):
        rates = [
            f"{ratio(found, name, per):.2f}" for name in ("flows_per_s", "start_to_waiting_ms", "approve_to_done_ms")
        ]
        rows.append([f"visto : {per}", *rates, "", ""])
    return table(head, rows)


def _waiting(found: Json) -> str:
    head = ["gates", "opened/s", "inbox page, ms", "approve, ms", "approve to done, ms", "API, worker, Temporal, MiB"]
    names = ("api", "worker", "temporal")
    idle = ["0", "", "", "", "", ", ".join(str(found["idle_mib"][name]) for name in names)]
    rows = [
        [
            stage["gates"],
            stage["opened_per_s"],
            _spread(stage["inbox_page_ms"]),
            _spread(stage["approve_ms"]),
            _spread(stage["approve_to_done_ms"]),
            ", ".join(str(stage["memory_mib"][name]) for name in names),
        ]
        for stage in found["stages"]
    ]
    return table(head, [idle, *rows])


def _killed(found: Json) -> str:
    head = ["seconds until", "from the kill", "from the new process", "from its first poll"]
    words = {
        "waiting": "the write of a flow approved meanwhile",
        "new": "the agent's answer in a flow started meanwhile",
    }
    rows = [
        [text, *(_spread(found[f"{what}_from_{since}_s"]) for since in ("kill", "start", "ready"))]
        for what, text in words.items()
    ]
    return table(head, [["the worker asks for work", "", _spread(found["worker_start_s"]), ""], *rows])


def _dev(found: Json) -> str:
    head = ["", "ready, s", "supervisor, API, worker, MiB", "together, MiB"]
    rows = [
        [
            name.replace("_", " "),
            one["command_to_ready_s"],
            ", ".join(str(one["memory_mib"][part]) for part in ("supervisor", "api", "worker")),
            one["memory_mib"]["ours"],
        ]
        for name, one in found.items()
    ]
    return table(head, rows)
