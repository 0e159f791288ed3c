"""``visto demo``: the whole product on this machine."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visto.cli.errors import CommandError, Exit
from visto.cli.output import note, say

if TYPE_CHECKING:
    from visto.demo.play import Play
    from visto.supervisor.stack import Options

app = typer.Typer(add_completion=False, rich_markup_mode=None)

HOME = Path(".visto-demo")
UNATTENDED_LIMIT_S = 300.0
A_DAY_S = 86_400.0


@app.command()
def demo(
    unattended: Annotated[
        bool, typer.Option("--unattended", help="A script plays the reviewer, and is labelled as one.")
    ] = False,
    database: Annotated[
        str | None, typer.Option(help="URL of the store; SQLite in the demo's folder by default.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the demo's folder .visto-demo afterwards.")] = False,
) -> None:
    """Bring up everything, let an agent rate 60 orders, and have each suggestion decided.

    Example: visto demo --unattended

    Exit codes: 0 all of it came out right, 1 something did not, 5 it took too long, 130 stopped.
    """
    from visto.supervisor.stack import Options

    temporary = unattended and not keep
    home = Path(tempfile.mkdtemp(prefix="visto-demo-")) if temporary else HOME.absolute()
    if not temporary:
        _fresh(home)
    good = False
    try:
        good = asyncio.run(
            _stage(Options(home, database, any_ports=unattended, ui=not unattended), unattended=unattended)
        )
    finally:
        if good and not keep:
            shutil.rmtree(home, ignore_errors=True)
        else:
            note(f"Everything of this demo, its logs too, is in {home}.")
    say("VERIFIED" if good else "NOT VERIFIED")
    raise typer.Exit(Exit.OK if good else Exit.NO)


def _fresh(home: Path) -> None:
    from visto.supervisor.state import running

    if running(home):
        raise CommandError(
            f"A demo runs already on {home}.", remedy="Stop it with Ctrl-C where it runs.", code="already_running"
        )
    shutil.rmtree(home, ignore_errors=True)


async def _stage(options: Options, *, unattended: bool) -> bool:
    from visto.cli.dev import start, supervisor_for
    from visto.demo.play import Play

    supervisor = supervisor_for(options)
    loop, acting = asyncio.get_running_loop(), asyncio.ensure_future(start(supervisor))
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, acting.cancel)
    try:
        seconds = await acting
    except asyncio.CancelledError:
        raise typer.Exit(Exit.INTERRUPTED) from None
    play = Play(supervisor.stack, say)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: setattr(play, "stopped", True))
    try:
        say(f"Temporal, Chroma, API and worker are ready ({seconds:.1f} s), at {supervisor.stack.urls['api']}")
        return await asyncio.to_thread(_act, play, unattended=unattended)
    finally:
        note("Stopping ...")
        await supervisor.stop()


def _act(play: Play, *, unattended: bool) -> bool:
    from visto.demo.reviewer import POLICY

    cast, execution = play.prepare()
    say(POLICY if unattended else _invitation(play))
    limit_s = UNATTENDED_LIMIT_S if unattended else A_DAY_S
    result = play.follow(cast.reviewer, execution, unattended=unattended, limit_s=limit_s)
    return play.conclude(cast.reviewer, execution, result)


def _invitation(play: Play) -> str:
    from visto.supervisor.state import sign_in_link

    home, address = play.stack.options.home, play.stack.urls["api"]
    path = "" if shutil.which("visto") else f"  export PATH={Path(sys.executable).parent}:$PATH\n"
    return f"""
Each order waits for a decision. In the browser, as the local developer:
  {sign_in_link(home, address)}
Or in another terminal:
{path}  export VISTO_HOME={home}
  visto inbox                       what waits
  visto inbox GATE                  one order, as its reviewer sees it
  visto approve GATE                or edit, reject, request-changes
The same by HTTP: {address}/api/v1/docs, with the key in {home / "dev-key"}.
Decisions show up here. Ctrl-C ends the demo.
"""
