"""Connections as people may see them: names, which flows use them, and whether their secrets are set. Never a value.

The files are read anew, so that what is shown is what they say now; the running processes read them when they start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from connectors.base import ConnectorError
from connectors.connections import ConnectionBook, Outline, Secrets
from workflows.store.repositories import plans
from workflows.usecases.installation import CONNECTIONS_FILE, SECRETS_FILE
from workflows.usecases.services import Services

Json = Any
State = Literal["set", "restart", "missing"]
REFERENCE = "$secret"


@dataclass(frozen=True, slots=True)
class Secret:
    """``restart``: it is in the file now, and was not when this process started."""

    name: str
    state: State
    flows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """A connection; ``loaded`` is False when this process started before it was written."""

    outline: Outline
    secrets: tuple[Secret, ...]
    flows: tuple[str, ...]
    loaded: bool

    @property
    def ready(self) -> bool:
        return self.loaded and all(secret.state == "set" for secret in self.secrets)


@dataclass(frozen=True, slots=True)
class Connections:
    """``absent`` connections are named by flows and by no file; ``secrets`` are those that flows name directly.

    ``problem`` is why a file cannot be read, with the remedy.
    """

    file: Path
    secrets_file: Path
    environment: str
    known: tuple[Known, ...]
    absent: tuple[tuple[str, tuple[str, ...]], ...]
    secrets: tuple[Secret, ...]
    problem: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class _Files:
    outlines: list[Outline]
    secrets: Secrets
    problem: tuple[str, str] | None


async def look(services: Services, namespace: str) -> Connections:
    """The connections of a namespace as they are now."""
    settings = services.settings
    place = settings.connections_file or settings.home / CONNECTIONS_FILE
    secrets_file = settings.home / SECRETS_FILE
    files = await asyncio.to_thread(_read, place, secrets_file, settings.environment, namespace)
    used, named = await services.db.read(lambda tx: _uses(plans.current(tx, namespace)))
    loaded = services.world.connections(namespace)

    def state(name: str) -> State:
        if services.secrets.has(namespace, name):
            return "set"
        return "restart" if files.secrets.has(namespace, name) else "missing"

    known = tuple(
        Known(
            outline,
            tuple(Secret(name, state(name)) for name in outline.secrets),
            tuple(used.get(outline.name, ())),
            loaded is None or outline.name in loaded,
        )
        for outline in files.outlines
    )
    names = {outline.name for outline in files.outlines}
    return Connections(
        file=place,
        secrets_file=secrets_file,
        environment=settings.environment,
        known=known,
        absent=tuple((name, tuple(flows)) for name, flows in sorted(used.items()) if name not in names),
        secrets=tuple(Secret(name, state(name), tuple(flows)) for name, flows in sorted(named.items())),
        problem=files.problem,
    )


def _read(place: Path, secrets_file: Path, environment: str, namespace: str) -> _Files:
    secrets, problem = Secrets({}), None
    try:
        secrets = Secrets({}, secrets_file)
    except (ConnectorError, OSError) as error:
        problem = (str(error), getattr(error, "remedy", f"Look at {secrets_file}."))
    try:
        book = ConnectionBook.load(place, environment=environment, secrets=secrets)
    except (ConnectorError, OSError) as error:
        return _Files([], secrets, (str(error), getattr(error, "remedy", f"Look at {place}.")))
    return _Files(book.outlines(namespace), secrets, problem)


def _uses(found: Iterator[tuple[str, Json]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Which flows name which connections, and which name which secrets themselves."""
    connections: dict[str, list[str]] = {}
    secrets: dict[str, list[str]] = {}
    for flow, plan in found:
        for kind, name in sorted(set(_names(plan))):
            (connections if kind == "connection" else secrets).setdefault(name, []).append(flow)
    return connections, secrets


def _names(value: Json) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, child in value.items():
            if key == REFERENCE and isinstance(child, list):
                yield from (("secret", part["name"]) for part in child if isinstance(part, dict) and "name" in part)
            elif key == "auth" and isinstance(child, dict) and isinstance(child.get("secret"), str):
                yield "secret", child["secret"]
            elif key == "connection" and isinstance(child, str):
                yield "connection", child
            else:
                yield from _names(child)
    elif isinstance(value, list):
        for child in value:
            yield from _names(child)
