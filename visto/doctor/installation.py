"""The home folder, its keys, the database, and what runs on it."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Iterator
from pathlib import Path

from visto.doctor.model import Finding
from visto.supervisor import probes
from visto.supervisor.ports import HOST, choose
from visto.supervisor.state import KEY, LINK, State, running
from workflows.settings import Settings

USUAL_PORTS = {"API": 8400, "Temporal": 7233, "Temporal's pages": 8233, "Chroma": 8500}
PRIVATE = 0o077


def home(settings: Settings) -> Iterator[Finding]:
    """Where local state is, and whether its secrets are private."""
    folder = settings.home.absolute()
    if not folder.exists():
        yield Finding("home", "info", f"{folder} does not exist yet; the first start makes it.")
        return
    yield Finding("home", "ok", str(folder))
    secrets = [folder / KEY, folder / LINK, *sorted(settings.keys.glob("*"))]
    for path in (one for one in secrets if one.is_file()):
        open_to = stat.S_IMODE(path.stat().st_mode) & PRIVATE
        if open_to:
            yield Finding("keys", "problem", f"{path} can be read by others.", f"Run: chmod 600 {path}")
        else:
            yield Finding("keys", "ok", f"{path} is readable by its owner only")


def database(settings: Settings) -> Iterator[Finding]:
    """Whether the store answers and is up to date."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    from workflows.store.db import StoreUnavailable, normalise_url
    from workflows.store.migrate import status

    if not has_database(settings):
        yield Finding("database", "info", "none yet; the first start makes one in the home folder")
        return
    try:
        shown = make_url(normalise_url(settings.database)).render_as_string(hide_password=True)
        found = status(settings.database)
    except ArgumentError:
        yield Finding(
            "database",
            "problem",
            "VISTO_DATABASE_URL is not an address.",
            "Write postgresql://user:password@host/name.",
        )
    except StoreUnavailable as error:
        yield Finding("database", "problem", str(error), error.remedy)
    else:
        if found.ready:
            yield Finding("database", "ok", f"{shown} at schema {found.current}")
        else:
            yield Finding("database", "problem", f"{shown} needs an upgrade.", "Run `visto database upgrade`.")


def has_database(settings: Settings) -> bool:
    """Whether there is a store to look at; one that is named is there until it is found missing."""
    return settings.database_url is not None or Path(settings.database.removeprefix("sqlite:///")).exists()


def processes(settings: Settings) -> Iterator[Finding]:
    """What `visto dev` runs on this home; else whether its usual ports are free."""
    state = running(settings.home.absolute())
    if state is None:
        yield Finding("running", "info", "no `visto dev` on this home")
        free = choose(USUAL_PORTS)
        taken = [f"{name} ({port})" for name, port in USUAL_PORTS.items() if free[name] != port]
        if taken:
            yield Finding("ports", "info", f"in use: {', '.join(taken)}; `visto dev` takes others")
        else:
            yield Finding("ports", "ok", "the usual ones are free")
        return
    yield Finding(
        "running", "ok", f"pid {state.supervisor.pid if state.supervisor else '?'}, API at {state.urls.get('api')}"
    )
    yield from asyncio.run(_parts(state))


async def _parts(state: State) -> list[Finding]:
    """Whether each part answers, at the address that is used; Temporal is asked at its HTTP port, which says the same."""
    checks = {
        "API": ("api", "api", "/api/v1/health"),
        "Temporal": ("temporal", "temporal_http", "/api/v1/namespaces/default"),
        "Chroma": ("chroma", "chroma", "/api/v2/heartbeat"),
    }
    answers = await asyncio.gather(*(probes.answers(state.ports[asked], path) for _, asked, path in checks.values()))
    found = [
        _part(name, state.ports[shown], answer)
        for (name, (shown, _, _)), answer in zip(checks.items(), answers, strict=True)
    ]
    return [*found, _temporal_settings(state)]


def _part(name: str, port: int, answers: bool) -> Finding:
    if answers:
        return Finding(name, "ok", f"answers at {HOST}:{port}")
    return Finding(name, "problem", f"does not answer at {HOST}:{port}", "See its log in the home folder's logs.")


def _temporal_settings(state: State) -> Finding:
    import psutil

    from visto.supervisor.stack import TEMPORAL_SETTINGS

    try:
        argv = psutil.Process(state.children["temporal"].pid).cmdline()
    except (KeyError, psutil.Error):
        return Finding("Temporal's settings", "warning", "unknown: the server is just being started again")
    missing = [value for value in TEMPORAL_SETTINGS if value not in argv]
    if missing:
        return Finding(
            "Temporal's settings",
            "warning",
            f"without {', '.join(missing)} it is several times slower",
            "Let `visto dev` start it.",
        )
    return Finding("Temporal's settings", "ok", "the measured ones")
