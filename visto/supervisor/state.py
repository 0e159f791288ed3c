"""What runs on a home folder: a lock that dies with its holder, and ``dev.json`` for everybody who wants to connect."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from visto.supervisor.processes import Identity

SCHEMA_V = 1
STATE, LOCK, KEY, LINK = "dev.json", "dev.lock", "dev-key", "dev-link"


class AlreadyRunning(Exception):
    """Another supervisor holds this home; ``state`` is what it wrote, if it has got that far."""

    def __init__(self, home: Path, state: State | None) -> None:
        where = f": the API is at {state.urls['api']}" if state and "api" in state.urls else ""
        pid = f" (pid {state.supervisor.pid})" if state and state.supervisor else ""
        super().__init__(f"Visto runs already on {home}{pid}{where}.")
        self.remedy = "Use that one, stop it with Ctrl-C, or start another with its own --home."
        self.state = state


@dataclass(slots=True)
class State:
    """The content of ``dev.json``. ``env`` is what other commands on this home need to reach the same stack."""

    supervisor: Identity | None = None
    children: dict[str, Identity] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    started_at: float = field(default_factory=time.time)
    ready: bool = False

    def processes(self) -> list[Identity]:
        """Everything that this supervisor started."""
        return list(self.children.values())


def write(home: Path, state: State) -> None:
    """Replace the file in one step, readable by its owner only."""
    path = home / STATE
    draft = path.with_name(f"{STATE}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"schema_v": SCHEMA_V, **asdict(state)}, file, indent=2)
    draft.replace(path)


def read(home: Path) -> State | None:
    """Return what the file says; ``None`` when there is none or it makes no sense."""
    try:
        found: dict[str, Any] = json.loads((home / STATE).read_text(encoding="utf-8"))
        supervisor = found.get("supervisor")
        return State(
            supervisor=Identity(**supervisor) if supervisor else None,
            children={name: Identity(**one) for name, one in found.get("children", {}).items()},
            ports=dict(found.get("ports", {})),
            urls=dict(found.get("urls", {})),
            env=dict(found.get("env", {})),
            started_at=float(found.get("started_at", 0)),
            ready=bool(found.get("ready")),
        )
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def sign_in_link(home: Path, address: str) -> str:
    """What signs the developer in, on the console at ``address``; without a link, where one signs in otherwise."""
    try:
        path = (home / LINK).read_text(encoding="ascii").strip()
    except OSError:
        path = "/sign-in"
    return address.rstrip("/") + path


def running(home: Path) -> State | None:
    """The state of the supervisor that runs on this home now, or ``None``."""
    state = read(home)
    return state if state and state.supervisor and state.supervisor.is_alive() else None


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Hold the home for this process. The kernel lets go when it dies, so no lock is ever stale. ``AlreadyRunning``."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(home / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(home, read(home)) from None
        yield
    finally:
        os.close(descriptor)
