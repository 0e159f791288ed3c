"""A filled store behind the API as it is run: ``visto api`` in a process of its own, Temporal and Chroma beside it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.bench.stack import MODELS, QUIET, Running
from tests.browser.house import House
from visto.supervisor.child import Spec
from visto.supervisor.stack import Options, plan
from workflows.store import migrate

KEY = bytes(range(32))
"""With which the house seals what it writes into the journal."""
FREE = "1000000"
"""Requests a second that one person may make: the measurement must not be refused."""


class Served:
    """``with Served(folder)``: ``house`` writes into the store, ``url`` is the API's. ``start`` comes after filling.

    ``big`` is the execution with the most elements.
    """

    def __init__(self, folder: Path, database_url: str | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._plan = plan(Options(folder / "home", database_url=database_url, ui=False, any_ports=True))
        self.database = database_url or f"sqlite:///{folder / 'home' / 'visto.db'}"
        (folder / "home").mkdir(exist_ok=True)
        self.house = House(self.database, folder / "home", self._plan.urls["temporal"])
        self._open = ExitStack()
        self.big = ""

    @property
    def url(self) -> str:
        return self._plan.urls["api"]

    @property
    def chroma_url(self) -> str:
        return self._plan.urls["chroma"]

    @property
    def _env(self) -> Mapping[str, str]:
        kept = {name: value for name, value in self._plan.env.items() if name not in MODELS}
        own = {"VISTO_JOURNAL_KEY": base64.b64encode(KEY).decode(), "VISTO_REQUESTS_PER_SECOND": FREE}
        return {**kept, **QUIET, **own}

    def __enter__(self) -> Self:
        migrate.upgrade(self.database)
        self._open.enter_context(self.house)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def start(self) -> None:
        """Start Temporal, Chroma and the API, and wait until all answer."""
        for spec in (*self._plan.servers(), self._plan.ours()[0]):
            running = Running(Spec(spec.name, spec.argv, self._env, spec.log, spec.ready))
            self._open.callback(running.stop)
            running.launch()
            asyncio.run(running.until_ready())

    def cookie(self, who: str) -> dict[str, str]:
        """A session of somebody, as Playwright's ``add_cookies`` wants it."""
        return {**self.house.cookie(who), "url": self.url}
