"""The demo's steps on a stack that runs. Blocking: call it in a thread."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visto.cli.errors import CommandError, Exit
from visto.cli.http import Api
from visto.cli.run import ENDED
from visto.demo import orders as own
from visto.demo import reviewer, verdict
from visto.demo.cast import Cast, gather
from visto.supervisor.stack import Stack, visto
from workflows.settings import Settings

COLLECTION = "fraud-policy"
FLOW = "order-risk"
SHEET = "sheets/order-risk.csv"
PAUSE_S = 0.3
TELL_EVERY_S = 3.0


@dataclass(slots=True)
class Play:
    """One run of the demo. ``say`` prints a line; ``stopped`` ends waiting early; ``seen`` holds gates as first shown."""

    stack: Stack
    say: Callable[[str], None]
    orders: dict[str, own.Order] = field(default_factory=own.read)
    stopped: bool = False
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def files(self) -> Path:
        """The folder that the flow's file tasks work in."""
        return self.settings.files / self.settings.namespace

    @property
    def settings(self) -> Settings:
        """The settings of the stack's own processes."""
        return Settings(home=self.stack.options.home, database_url=self.stack.options.database_url)

    def prepare(self) -> tuple[Cast, str]:
        """Gather people, read the policy in, save and start the flow; return the keys and the execution's id."""
        self.files.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(own.examples() / "orders.csv", self.files / "orders.csv")
        cast = self._gather()
        self.say(self._command("rag", "ingest", str(own.examples() / COLLECTION), "--collection", COLLECTION))
        source = (own.examples() / f"{FLOW}.yaml").read_text(encoding="utf-8")
        with Api(self.stack.urls["api"], cast.starter) as api:
            saved = api.post("/flows", {"source": source, "name": f"{FLOW}.yaml", "origin": "cli"})
            started = api.post(f"/flows/{FLOW}/executions", {"inputs": {"file": "orders.csv"}, "via": "cli"})
        self.say(f"Flow {FLOW}, revision {saved['number']}: started with {len(self.orders)} orders")
        return cast, str(started["execution"])

    def follow(self, key: str, execution: str, *, unattended: bool, limit_s: float) -> dict[str, Any]:
        """Wait for the end, deciding meanwhile if ``unattended``; return the result."""
        deadline, told = time.monotonic() + limit_s, ("", 0.0)
        with Api(self.stack.urls["api"], key) as api:
            while not self.stopped:
                waiting = list(api.pages("/gates", execution=execution, state="open"))
                self._look_at(api, waiting)
                if unattended:
                    self._decide(api, waiting)
                result: dict[str, Any] = api.get(f"/executions/{execution}/result")
                ended = result["state"] in ENDED
                told = self._tell(told, f"{result['state']}: {len(waiting)} waiting, {len(self.seen)} seen", now=ended)
                if ended:
                    return result
                if time.monotonic() > deadline:
                    raise CommandError(f"The flow did not end within {limit_s:.0f} s.", exit_code=Exit.TIMEOUT)
                time.sleep(PAUSE_S)
        raise CommandError("Stopped before the flow had ended.", exit_code=Exit.INTERRUPTED)

    def _look_at(self, api: Api, waiting: list[dict[str, Any]]) -> None:
        """Keep each suggestion as it was made: an edit replaces what the API shows."""
        for gate in waiting:
            if gate["id"] not in self.seen:
                self.seen[gate["id"]] = api.get(f"/gates/{gate['id']}")

    def _tell(self, told: tuple[str, float], words: str, *, now: bool) -> tuple[str, float]:
        if words == told[0] or (not now and time.monotonic() - told[1] < TELL_EVERY_S):
            return told
        self.say(f"  {words}")
        return words, time.monotonic()

    def conclude(self, key: str, execution: str, result: dict[str, Any]) -> bool:
        """Print what happened and whether all of it is right."""
        with Api(self.stack.urls["api"], key) as api:
            listed = [
                one["id"]
                for state in ("decided", "open", "withdrawn")
                for one in api.pages("/gates", execution=execution, state=state)
            ]
            gates = [api.get(f"/gates/{gate}") for gate in listed]
        sheet = self.files / SHEET
        for gate in gates:
            gate["view"] = self.seen.get(gate["id"], gate)["view"]
        found = verdict.lines(gates, self.orders, sheet)
        self.say("\n" + verdict.shown(found) + "\n")
        results = verdict.checks(found, self.orders, result, sheet)
        for check in results:
            self.say(
                f"  {'ok   ' if check.holds else 'WRONG'}  {check.sentence}"
                + ("" if check.holds else f"  ({check.wrong})")
            )
        return all(check.holds for check in results) and self._verified()

    def _decide(self, api: Api, waiting: list[dict[str, Any]]) -> None:
        for gate in waiting:
            reviewer.decide(api, self.seen[gate["id"]], self.orders)

    def _gather(self) -> Cast:
        from workflows.journal.records import Journal
        from workflows.store.db import Database
        from workflows.usecases.installation import keyring

        settings = self.settings
        db = Database(settings.database)
        try:
            return gather(db, Journal(keyring(settings)), settings.namespace)
        finally:
            db.close()

    def _verified(self) -> bool:
        self.say("\nvisto audit verify")
        done = self._run("audit", "verify")
        self.say(done.stdout.rstrip() or done.stderr.rstrip())
        return done.returncode == 0

    def _command(self, *arguments: str) -> str:
        done = self._run(*arguments)
        if done.returncode:
            raise CommandError(f"visto {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  our own command
            visto(*arguments),
            env={**os.environ, **self.stack.env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
