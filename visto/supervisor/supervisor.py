"""Starts a stack in the right order, keeps it running, and ends it; everything that happens is told as sentences."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from visto.supervisor import state as home_state
from visto.supervisor.child import Child, Spec, StartFailed, ending, open_log
from visto.supervisor.processes import Identity, die_with_parent, end_leftovers
from visto.supervisor.stack import Stack, visto
from visto.supervisor.state import State

START_LIMIT_S = 60.0
OURS_GRACE_S, SERVERS_GRACE_S = 2.5, 1.5


@dataclass(slots=True)
class Supervisor:
    """One stack on one home. ``prepare`` is the command that readies the database while the servers start."""

    stack: Stack
    note: Callable[[str], None]
    prepare: Sequence[str] = field(default_factory=lambda: visto("database", "upgrade", "--dev-access"))
    state: State = field(default_factory=State)
    _children: list[Child] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _held: ExitStack = field(default_factory=ExitStack)

    async def start(self) -> float:
        """Bring everything up and return the seconds it took.

        Raises ``AlreadyRunning``; ``StartFailed``, after which nothing is left running.
        """
        began, home = time.monotonic(), self.stack.options.home
        self._held.enter_context(home_state.held(home))
        try:
            self._clear_leftovers()
            self.state = State(
                supervisor=Identity.of(os.getpid()),
                ports=dict(self.stack.ports),
                urls=self.stack.urls,
                env=self.stack.address,
            )
            self._save()
            servers = self._launch(self.stack.servers())
            await self._run_once("database", self.prepare)
            ours = self._launch(self.stack.ours())
            await self._all_ready(servers + ours)
        except BaseException:
            await self.stop()
            raise
        self.state.ready = True
        self._save()
        return time.monotonic() - began

    async def watch(self) -> None:
        """Return when a child gives up for good (raises its ``StartFailed``); otherwise run until cancelled."""
        await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        """End our own processes first, then the servers they use, then let go of the home. At most five seconds."""
        ours = {"api", "worker"}
        for names, grace_s in ((True, OURS_GRACE_S), (False, SERVERS_GRACE_S)):
            group = [child for child in self._children if (child.spec.name in ours) is names]
            await asyncio.gather(*(child.stop(grace_s=grace_s) for child in group))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        (self.stack.options.home / home_state.STATE).unlink(missing_ok=True)
        self._held.close()

    def _clear_leftovers(self) -> None:
        before = home_state.read(self.stack.options.home)
        ended = end_leftovers(before.processes()) if before else []
        if ended:
            self.note(f"Ended {len(ended)} processes that an earlier run left behind.")

    def _launch(self, specs: Sequence[Spec]) -> list[Child]:
        children = [Child(spec, self._started, self.note) for spec in specs]
        self._children += children
        self._tasks += [asyncio.create_task(child.supervise(), name=child.spec.name) for child in children]
        return children

    async def _all_ready(self, children: Sequence[Child]) -> None:
        ready = asyncio.gather(*(child.ready.wait() for child in children))
        both: list[asyncio.Future[Any]] = [ready, *self._tasks]
        done, _ = await asyncio.wait(both, timeout=START_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
        if ready in done:
            return
        ready.cancel()
        await asyncio.gather(ready, return_exceptions=True)
        for task in self._tasks:
            if task.done():
                task.result()
        late = [child for child in children if not child.ready.is_set()]
        raise StartFailed(late[0].spec.name, f"it was not ready after {START_LIMIT_S:.0f} s", late[0].spec.log)

    async def _run_once(self, name: str, argv: Sequence[str]) -> None:
        log_path = self.stack.log(name)
        with open_log(log_path) as log:
            process = await asyncio.create_subprocess_exec(
                *argv, env=dict(self.stack.env), stdout=log, stderr=log, preexec_fn=die_with_parent()
            )
        code = await process.wait()
        if code:
            raise StartFailed(name, ending(code), log_path)

    def _started(self, name: str, identity: Identity) -> None:
        self.state.children[name] = identity
        self._save()

    def _save(self) -> None:
        home_state.write(self.stack.options.home, self.state)
