"""``visto flow``: check, describe, draw and apply flows."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visto.cli import flow_files
from visto.cli.errors import Exit
from visto.cli.output import Json, emit, note, say

if TYPE_CHECKING:
    from workflows.flow.compile import Compilation

app = typer.Typer(no_args_is_help=True, help="Check, draw, list and apply flows.", rich_markup_mode=None)


class ReportFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


class Drawing(StrEnum):
    TEXT = "text"
    MERMAID = "mermaid"


Paths = Annotated[list[Path], typer.Argument(help="Flow files or folders; - reads standard input.", metavar="PATH...")]
OnePath = Annotated[Path, typer.Argument(help="A flow file; - reads standard input.", metavar="FILE")]


def compiled(path: Path) -> Compilation:
    """Compile a file against what this version can do."""
    from visto.cli.local_world import LocalWorld
    from workflows.flow.compile import compile_flow

    name = "<stdin>" if str(path) == "-" else str(path)
    return compile_flow(flow_files.text_of(path), name, LocalWorld())


@app.command()
def validate(
    paths: Paths,
    format: Annotated[ReportFormat, typer.Option(help="How to report.")] = ReportFormat.TEXT,
    as_json: Json = False,
) -> None:
    """Report every problem of flows in one pass.

    Example: visto flow validate flows/ --format github

    Exit codes: 0 no errors, 1 errors, 2 no such file.
    """
    from workflows.flow.diagnostics import has_errors, render

    files = flow_files.find(paths)
    found = [problem for path in files for problem in compiled(path).diagnostics]
    shape = ReportFormat.JSON if as_json else format
    report = render(found, shape.value)
    if report:
        say(report)
    failed = has_errors(found)
    if shape is ReportFormat.TEXT:
        errors = sum(problem.severity == "error" for problem in found)
        note(f"{len(files)} checked, {errors} errors, {len(found) - errors} warnings")
    raise typer.Exit(Exit.NO if failed else Exit.OK)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the flow language, for editors.

    Example: visto flow schema > visto.schema.json
    """
    from visto.cli.local_world import LocalWorld
    from workflows.flow.schema import language_schema

    emit(language_schema(LocalWorld()))


@app.command()
def graph(
    path: OnePath,
    format: Annotated[Drawing, typer.Option(help="How to draw.")] = Drawing.TEXT,
    as_json: Json = False,
) -> None:
    """Draw a flow's tasks.

    Example: visto flow graph flows/examples/order-risk.yaml --format mermaid

    Exit codes: 0 drawn, 1 the flow has errors.
    """
    from visto.cli.drawing import edges, mermaid, tree
    from workflows.flow.diagnostics import render

    flow_files.find([path])
    compilation = compiled(path)
    if compilation.plan is None:
        note(render(compilation.diagnostics))
        raise typer.Exit(Exit.NO)
    if as_json:
        emit([{"from": one.source, "to": one.target, "label": one.label} for one in edges(compilation.plan)])
    else:
        say(mermaid(compilation.plan) if format is Drawing.MERMAID else tree(compilation.plan))
