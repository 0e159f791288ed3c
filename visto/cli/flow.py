"""``visto flow``: check, describe, draw and apply flows."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visto.cli import flow_files
from visto.cli.errors import Exit
from visto.cli.output import Json, emit, note, say, table

if TYPE_CHECKING:
    from workflows.flow.compile import Compilation

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Check, draw, list and apply flows.", rich_markup_mode=None
)


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
    from workflows.activities.catalog import Catalog
    from workflows.flow.compile import compile_flow

    name = "<stdin>" if str(path) == "-" else str(path)
    return compile_flow(flow_files.text_of(path), name, Catalog())


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
        note(f"{len(files)} checked, errors: {errors}, warnings: {len(found) - errors}")
    raise typer.Exit(Exit.NO if failed else Exit.OK)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the flow language, for editors.

    Example: visto flow schema > visto.schema.json
    """
    from workflows.activities.catalog import Catalog
    from workflows.flow.schema import language_schema

    emit(language_schema(Catalog()))


@app.command()
def graph(
    path: OnePath,
    format: Annotated[Drawing, typer.Option(help="How to draw.")] = Drawing.TEXT,
) -> None:
    """Draw a flow's tasks.

    Example: visto flow graph flows/examples/order-risk.yaml --format mermaid

    Exit codes: 0 drawn, 1 the flow has errors.
    """
    from workflows.flow.diagnostics import render
    from workflows.flow.graph import mermaid, text_tree

    flow_files.find([path])
    compilation = compiled(path)
    if compilation.flow is None or compilation.plan is None:
        note(render(compilation.diagnostics))
        raise typer.Exit(Exit.NO)
    draw = mermaid if format is Drawing.MERMAID else text_tree
    say(draw(compilation.flow))


@app.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="Only flows that are draft, active, paused or archived.")] = None,
    as_json: Json = False,
) -> None:
    """List the flows of the running installation.

    Example: visto flow list --state active

    Exit codes: 0 listed, 3 no Visto runs.
    """
    from visto.cli.http import Api

    with Api.find() as api:
        found = list(api.pages("/flows", state=state))
    if as_json:
        emit(found)
    else:
        say(
            table(
                ("FLOW", "STATE", "REVISION", "UPDATED"),
                ((one["flow_id"], one["state"], one["revision"], one["updated_at"]) for one in found),
            )
        )


@app.command()
def show(
    flow_id: Annotated[str, typer.Argument(help="The flow's id.")],
    source: Annotated[bool, typer.Option("--source", help="Print its text, as its author wrote it.")] = False,
    as_json: Json = False,
) -> None:
    """Show one flow: its state, inputs, triggers and current revision.

    Example: visto flow show order-risk --source > order-risk.yaml

    Exit codes: 0 shown, 3 no Visto runs, 4 no such flow.
    """
    from visto.cli.http import Api, segment

    with Api.find() as api:
        found = api.get(f"/flows/{segment(flow_id)}")
    current = found["current"]
    if as_json:
        emit(found)
    elif source:
        say(current["source_text"].rstrip("\n"))
    else:
        say(f"{found['flow_id']}  {found['state']}  revision {found['revision']}  sha256 {current['sha256']}")
        say(
            table(
                ("INPUT", "TYPE", "REQUIRED"),
                ((one["id"], one["type"], one.get("required", True)) for one in found["inputs"]),
            )
        )


@app.command()
def apply(
    paths: Paths,
    message: Annotated[str | None, typer.Option("-m", "--message", help="What changed, for the history.")] = None,
    managed_by: Annotated[str | None, typer.Option(help="Name of the repository that owns these flows.")] = None,
    adopt: Annotated[bool, typer.Option("--adopt", help="Take over flows that somebody else manages.")] = False,
    as_json: Json = False,
) -> None:
    """Make a revision of every flow that changed. All are checked before any is saved.

    Example: visto flow apply flows/ -m "raise the alert threshold"

    Exit codes: 0 applied, 1 errors and nothing was saved, 3 no Visto runs, 4 refused.
    """
    from visto.cli.http import Api
    from workflows.flow.diagnostics import has_errors, render

    files = flow_files.find(paths)
    found = [problem for path in files for problem in compiled(path).diagnostics]
    if has_errors(found):
        say(render(found, "json" if as_json else "text"))
        raise typer.Exit(Exit.NO)
    body = {"message": message, "managed_by": managed_by, "adopt": adopt, "origin": "git" if managed_by else "cli"}
    with Api.find() as api:
        saved = [api.post("/flows", body | {"source": flow_files.text_of(path), "name": str(path)}) for path in files]
    if as_json:
        emit(saved)
        return
    for one in saved:
        say(f"{one['flow_id']}  revision {one['number']}  {'saved' if one['created'] else 'unchanged'}")
