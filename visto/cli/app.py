"""The ``visto`` command: a table of its commands, each imported when it is called."""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from visto.cli.errors import CommandError, Exit
from visto.cli.output import fail, wants_json


class Entry(NamedTuple):
    """``module`` holds a Typer app called ``app``; ``help`` is its line in ``visto --help``."""

    module: str
    help: str
    hidden: bool = False


COMMANDS = {
    "demo": Entry("demo", "Show the whole product on this machine, with our own data."),
    "flow": Entry("flow", "Check, draw, list and apply flows."),
    "run": Entry("run", "Start a flow."),
    "inbox": Entry("inbox", "Show what waits for a decision."),
    "approve": Entry("decide", "Approve a gate's suggestion."),
    "edit": Entry("decide", "Approve with changed fields."),
    "reject": Entry("decide", "Reject a gate's suggestion."),
    "request-changes": Entry("decide", "Send a suggestion back with a comment."),
    "executions": Entry("executions", "List, show, cancel and restart executions."),
    "rag": Entry("rag", "Fill and search knowledge bases."),
    "eval": Entry("eval", "Measure suggestions against known answers."),
    "audit": Entry("audit", "Verify, explain, export and show the record."),
    "dev": Entry("dev", "Run everything on this machine."),
    "doctor": Entry("doctor", "Explain what this installation finds."),
    "pause": Entry("pause", "Stop new effects at once."),
    "resume": Entry("pause", "Let effects run again."),
    "slack": Entry("slack", "Set the Slack app up, and link people to it."),
    "people": Entry("people", "Add people and groups, and give access."),
    "api": Entry("api", "Run the API process."),
    "worker": Entry("worker", "Run a worker process."),
    "database": Entry("database", "Bring the database up to date."),
    "chroma": Entry("chroma", "Run Chroma's server.", hidden=True),
}


class LazyGroup(TyperGroup):
    """Lists commands from the table above and imports only the one that is called; prints errors without tracebacks."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in COMMANDS.items():
            stub = TyperCommand(name, help=entry.help, hidden=entry.hidden)
            self.commands.setdefault(name, stub)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in COMMANDS:
            self.commands[args[0]] = load(args[0])
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CommandError as error:
            fail(error, as_json=wants_json(ctx))
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            raise typer.Exit(Exit.INTERRUPTED) from None
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if _is_usage(error):
                raise
            told = explained(error) or _defect(error)
            fail(told, as_json=wants_json(ctx))
            raise typer.Exit(told.exit_code) from None


def load(name: str) -> Any:
    """Import the command called ``name``. A module with several commands holds each under its own name."""
    module = import_module(f"visto.cli.{COMMANDS[name].module}")
    command: Any = get_command(module.app)
    if isinstance(command, TyperGroup) and name in command.commands:
        command = command.commands[name]
    command.name = name
    return command


def _is_usage(error: Exception) -> bool:
    """Whether Typer explains this error itself (a wrong option, a missing argument)."""
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def explained(error: Exception) -> CommandError | None:
    """Turn an error that brings its remedy into a command's error; ``None`` for one that nobody foresaw."""
    remedy = getattr(error, "remedy", None)
    if not isinstance(remedy, str):
        remedy = "Check the id, the name and the namespace." if _is_refusal(error) else None
    if remedy is None:
        return None
    unreachable = type(error).__name__.endswith("Unavailable")
    return CommandError(
        str(error).removesuffix(remedy).rstrip(),
        exit_code=Exit.UNREACHABLE if unreachable else Exit.REFUSED,
        remedy=remedy,
        code=str(getattr(error, "code", None) or type(error).__name__),
    )


def _is_refusal(error: Exception) -> bool:
    """Whether the store said no; asked without importing it where nobody did."""
    refusals = sys.modules.get("workflows.store.refusals")
    return refusals is not None and isinstance(error, refusals.Refusal)


def _defect(error: Exception) -> CommandError:
    if os.environ.get("VISTO_DEBUG"):
        traceback.print_exception(error)
    return CommandError(
        f"This should not have happened: {type(error).__name__}: {error}",
        exit_code=Exit.DEFECT,
        code="defect",
        remedy="Set VISTO_DEBUG=1 to see where, and report it together with the output of `visto doctor`.",
    )


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"visto {version('visto')}")
        except PackageNotFoundError:
            typer.echo("visto (from a checkout)")
        raise typer.Exit


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """AI suggestions, decided by people. Start with: visto demo"""
