"""``visto eval``: how good suggestions are on rows whose right answer is known, and whether every row arrives."""

from __future__ import annotations

import asyncio
import os
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visto.cli.errors import CommandError, Exit
from visto.cli.output import Json, emit, note, say

if TYPE_CHECKING:
    from evals.model import Report
    from evals.subject import Subject

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Measure suggestions against known answers.", rich_markup_mode=None
)

REVIEWER_KEY = "VISTO_REVIEWER_KEY"


class Decide(StrEnum):
    NONE = "none"
    EXPECTED = "expected"


FlowFile = Annotated[Path, typer.Argument(help="A flow file.", metavar="FLOW.yaml")]
Data = Annotated[Path, typer.Option("--data", help="CSV with a column of right answers.", metavar="FILE.csv")]
Label = Annotated[str, typer.Option("--label", help="The column, and the agent's output it is compared with.")]
Map = Annotated[
    Path | None, typer.Option("--map", help="YAML that translates the data's labels to the flow's.", metavar="FILE")
]
FromData = Annotated[
    bool, typer.Option("--enum-from-data", help="Let the agent choose among the data's labels instead of the flow's.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Only so many rows, drawn with the seed.")]
Seed = Annotated[int, typer.Option(help="For drawing rows and examples.")]


@app.command()
def run(
    flow: FlowFile,
    data: Data,
    input: Annotated[str, typer.Option("--input", help="The flow's input that takes the rows.")] = "file",
    label: Label = "category",
    map_file: Map = None,
    enum_from_data: FromData = False,
    limit: Limit = None,
    decide: Annotated[
        Decide, typer.Option(help=f"expected: decide each gate as the data say, with the key in {REVIEWER_KEY}.")
    ] = Decide.NONE,
    stalled: Annotated[float, typer.Option(min=1, help="Give up after so many seconds without progress.")] = 120,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Run a whole flow over data on the running installation, and count where every row ends up.

    The rows are handed over without their answers. The gates stay open unless --decide is given.

    Example: visto eval run flows/examples/support-triage.yaml --data evals/cases/support-triage.csv

    Exit codes: 0 no row is lost, 1 rows are lost, 2 the data or the flow do not fit, 3 no Visto runs, 4 refused.
    """
    from contextlib import ExitStack

    from evals.run import Run, start
    from visto.cli.http import Api

    subject = _subject(flow, data, label, map_file, limit, seed, from_data=enum_from_data)
    key = _reviewer_key() if decide is Decide.EXPECTED else None
    with Api.find() as api, ExitStack() as stack:
        reviewer = stack.enter_context(Api(api.url, key)) if key else None
        execution = start(api, subject, lambda declared: _handed_over(subject, declared, input))
        note(f"{subject.flow_id}: execution {execution} over {len(subject.cases)} rows")
        report = Run(api, subject, execution, stalled, note).report(reviewer)
    _print(report, as_json=as_json)
    lost = report.rows is None or report.rows.lost
    raise typer.Exit(Exit.NO if lost else Exit.OK)


@app.command()
def agent(
    flow: FlowFile,
    data: Data,
    label: Label = "category",
    map_file: Map = None,
    enum_from_data: FromData = False,
    examples: Annotated[int, typer.Option(min=0, help="Approved cases per label, shown and not tested.")] = 0,
    knowledge: Annotated[
        list[str], typer.Option("--knowledge", help="COLLECTION=FOLDER, read in for this; may be repeated.")
    ] = [],  # noqa: B006
    limit: Limit = None,
    seed: Seed = 0,
    baseline: Annotated[Path | None, typer.Option(help="Compare the accuracy with this file.")] = None,
    save_baseline: Annotated[Path | None, typer.Option(help="Keep the accuracy in this file.")] = None,
    as_json: Json = False,
) -> None:
    """Measure a flow's agent by itself: no server, nothing recorded, the data's rows as its items.

    Example: visto eval agent flows/examples/support-triage.yaml --data evals/cases/support-triage.csv --examples 2

    Exit codes: 0 measured, 1 below the baseline, 2 the data or the flow do not fit, 4 the model cannot answer.
    """
    from agents.settings import model_settings_from_env
    from evals.agent import measure
    from evals.report import percent, read_baseline, regression, saved

    subject = _subject(flow, data, label, map_file, limit, seed, from_data=enum_from_data)
    models = model_settings_from_env(os.environ)
    report, key = asyncio.run(measure(subject, models, examples=examples, folders=_folders(knowledge)))
    worse = regression(report, read_baseline(baseline), key) if baseline else None
    if save_baseline:
        saved(report, save_baseline, key)
    _print(report, as_json=as_json)
    if worse:
        raise CommandError(worse, code="regression", remedy="Find out why, or accept it with --save-baseline.")
    if baseline:
        note(f"Not below the baseline ({percent(read_baseline(baseline).figures[key])}, {key}).")


def _subject(
    flow: Path, data: Path, label: str, map_file: Path | None, limit: int | None, seed: int, *, from_data: bool
) -> Subject:
    """What the arguments name. Whatever does not fit together is the command line's error."""
    from evals.model import EvalError
    from evals.subject import prepare
    from visto.cli.flow_files import find, text_of

    if map_file and from_data:
        raise CommandError(
            "--map and --enum-from-data exclude each other.", exit_code=Exit.USAGE, code="usage", remedy="Give one."
        )
    text = text_of(find([flow])[0])
    try:
        return prepare(text, str(flow), data, label, map_file=map_file, from_data=from_data, limit=limit, seed=seed)
    except EvalError as error:
        raise CommandError(str(error), exit_code=Exit.USAGE, code=error.code, remedy=error.remedy) from error


def _folders(pairs: list[str]) -> dict[str, Path]:
    from visto.cli.gates import parse_pairs

    return {name: Path(str(folder)) for name, folder in parse_pairs(pairs, "--knowledge").items()}


def _handed_over(subject: Subject, declared: list[dict[str, Any]], input: str) -> dict[str, Any]:
    """The rows without their answers, where the flow may read them."""
    from evals.data import write_unlabelled
    from visto.cli.uploads import uploaded

    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.csv"
        write_unlabelled(subject.cases, rows)
        inputs = uploaded(declared, {input: str(rows)})
    if inputs[input] == str(rows):
        raise CommandError(
            f"The rows cannot be handed over as {input!r}.",
            exit_code=Exit.USAGE,
            code="usage",
            remedy="Name an input of type file with --input; without VISTO_URL, on the machine where Visto runs.",
        )
    return inputs


def _reviewer_key() -> str:
    key = os.environ.get(REVIEWER_KEY)
    if not key:
        raise CommandError(
            f"--decide needs a person's key in {REVIEWER_KEY}.",
            exit_code=Exit.USAGE,
            code="no_key",
            remedy="Make one with `visto people key NAME`; who started the flow may not decide.",
        )
    return key


def _print(report: Report, *, as_json: bool) -> None:
    from evals.report import text

    emit(report.model_dump(mode="json")) if as_json else say(text(report))
