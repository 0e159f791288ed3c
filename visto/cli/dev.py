"""``visto dev``: everything on this machine in one command."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visto.cli.errors import CommandError, Exit
from visto.cli.output import Json, emit, note, say

if TYPE_CHECKING:
    from visto.supervisor.stack import Options, Stack
    from visto.supervisor.supervisor import Supervisor

app = typer.Typer(add_completion=False, rich_markup_mode=None)

NAMES = {"api": "API", "temporal": "Temporal", "temporal_ui": "Temporal's pages", "chroma": "Chroma"}


@app.command()
def dev(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="The API's port; 0 takes any free one.")] = None,
    database: Annotated[
        str | None, typer.Option(help="URL of the store; SQLite in the home folder by default.")
    ] = None,
    home: Annotated[Path | None, typer.Option(help="Folder for all local state; .visto by default.")] = None,
    no_ui: Annotated[bool, typer.Option("--no-ui", help="Leave Temporal's own pages out.")] = False,
    any_ports: Annotated[bool, typer.Option("--any-ports", help="Take free ports instead of the usual ones.")] = False,
    as_json: Json = False,
) -> None:
    """Run Temporal, Chroma, the API and a worker until Ctrl-C.

    Example: visto dev --port 9000

    Exit codes: 0 stopped, 1 it runs already or a part did not start, 2 wrong options.
    """
    from visto.supervisor.stack import Options
    from workflows.settings import Settings

    settings = Settings()
    folder = (home or settings.home).absolute()
    options = Options(folder, database or settings.database_url, port, ui=not no_ui, any_ports=any_ports)
    asyncio.run(until_stopped(supervisor_for(options), as_json=as_json))


def supervisor_for(options: Options) -> Supervisor:
    """Plan a stack on a home that nothing runs on; tells which ports are not the usual ones. Raises ``CommandError``."""
    from visto.supervisor.ports import PortTaken
    from visto.supervisor.stack import TemporalMissing, plan
    from visto.supervisor.supervisor import Supervisor

    _check_home(options.home)
    try:
        stack = plan(options)
    except (PortTaken, TemporalMissing) as error:
        raise CommandError(str(error), remedy=error.remedy, code="cannot_start") from error
    for name, number in stack.moved.items():
        note(f"The usual port for {NAMES[name]} is in use; taking {number}.")
    return Supervisor(stack, note)


def _check_home(home: Path) -> None:
    """Whether the home can be held, before anything is said about its ports. The start itself holds it later."""
    from visto.supervisor.state import AlreadyRunning, held

    try:
        with held(home):
            pass
    except AlreadyRunning as error:
        raise CommandError(str(error), remedy=error.remedy, code="already_running") from error
    except OSError as error:
        raise CommandError(
            f"The home folder {home} cannot be used: {error.strerror}.",
            exit_code=Exit.USAGE,
            remedy="Name another folder with --home or VISTO_HOME, below folders that you may write to.",
            code="bad_home",
        ) from error


async def start(supervisor: Supervisor) -> float:
    """Start a stack and return the seconds it took. Raises ``CommandError``."""
    from visto.supervisor.child import StartFailed
    from visto.supervisor.state import AlreadyRunning

    try:
        return await supervisor.start()
    except AlreadyRunning as error:
        raise CommandError(str(error), remedy=error.remedy, code="already_running") from error
    except StartFailed as error:
        if error.tail:
            note(error.tail)
        raise CommandError(str(error), remedy=error.remedy, code="start_failed") from error


async def until_stopped(supervisor: Supervisor, *, as_json: bool) -> None:
    """Run a stack until a signal asks to stop. Raises ``CommandError`` when it cannot start or go on."""
    from visto.supervisor.child import StartFailed

    run = asyncio.ensure_future(_run(supervisor, as_json=as_json))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, run.cancel)
    try:
        with suppress(asyncio.CancelledError):
            await run
    except StartFailed as error:
        raise CommandError(str(error), remedy=error.remedy, code="start_failed") from error


async def _run(supervisor: Supervisor, *, as_json: bool) -> None:
    seconds = await start(supervisor)
    try:
        _announce(supervisor.stack, seconds, as_json=as_json)
        await supervisor.watch()
    finally:
        note("Stopping ...")
        await supervisor.stop()


def _announce(stack: Stack, seconds: float, *, as_json: bool) -> None:
    from visto.supervisor.state import KEY, sign_in_link

    home = stack.options.home
    key, link = home / KEY, sign_in_link(home, stack.urls["api"])
    if as_json:
        found = {"ready_s": round(seconds, 2), "urls": stack.urls, "sign_in_link": link}
        emit(found | {"key_file": str(key), "home": str(home)})
        return
    say(f"Visto is ready ({seconds:.1f} s). Ctrl-C stops all of it.\n")
    say(f"  {'Console':<18}{link}")
    say(f"  {'':<18}signs you in, as often as you like, until the next start")
    for name, url in stack.urls.items():
        say(f"  {NAMES[name]:<18}{url}")
    say(f"  {'API reference':<18}{stack.urls['api']}/api/v1/docs")
    say(f"  {'API key':<18}in {key} (the `visto` command uses it by itself)")
    say(f"  {'Logs':<18}{home / 'logs'}\n")
