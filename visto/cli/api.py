"""``visto api``: the API process, with the relay of the outbox in it."""

from __future__ import annotations

import asyncio

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def api() -> None:
    """Run the API process; settings come from the environment (VISTO_*).

    Example: VISTO_API_PORT=9000 visto api
    """
    import uvloop

    from api.server import serve
    from workflows.settings import Settings

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Settings()))
