"""``visto worker``: a process that runs flows and their steps; any number may run."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def worker() -> None:
    """Run a worker until it is asked to stop; settings come from the environment (VISTO_*).

    Example: VISTO_TEMPORAL_ADDRESS=temporal:7233 visto worker
    """
    import uvloop

    from workflows.settings import Settings
    from workflows.worker import run

    async def until_stopped() -> None:
        task = asyncio.ensure_future(run(Settings()))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        with suppress(asyncio.CancelledError):
            await task

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_stopped())
