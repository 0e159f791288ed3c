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
    from evals.model import Case, Report
    from evals.run import Run
    from visto.cli.http import Api

app = typer.Typer(no_args_is_help=True, help="Measure suggestions against known answers.", rich_markup_mode=None)

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
    from visto.cli.http import Api

    cases, source, field = _given(flow, data, label, map_file, limit, seed, from_data=enum_from_data)
    with Api.find() as api:
        made = _started(api, source, cases, input, stalled)
        report = _measured(made, source, field, _method(map_file, from_data=enum_from_data), seed, api, decide)
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
    from evals.report import percent, read_baseline, regression, saved

    cases, source, field = _given(flow, data, label, map_file, limit, seed, from_data=enum_from_data)
    method = _method(map_file, from_data=enum_from_data)
    report, key = asyncio.run(_agent(source, str(flow), field, cases, examples, seed, _folders(knowledge), method))
    worse = regression(report, read_baseline(baseline), key) if baseline else None
    if save_baseline:
        saved(report, save_baseline, key)
    _print(report, as_json=as_json)
    if worse:
        raise CommandError(worse, code="regression", remedy="Find out why, or accept it with --save-baseline.")
    if baseline:
        note(f"Not below the baseline ({percent(read_baseline(baseline).figures[key])}, {key}).")


def _given(
    flow: Path, data: Path, label: str, map_file: Path | None, limit: int | None, seed: int, *, from_data: bool
) -> tuple[list[Case], dict[str, Any], str]:
    """Cases, the flow as data and the evaluated field. Wrong arguments are the command line's errors."""
    from evals.data import labels_of, read_cases, read_map, sample
    from evals.flows import parse, with_labels
    from evals.model import EvalError
    from visto.cli.flow_files import find, text_of

    if map_file and from_data:
        raise CommandError(
            "--map and --enum-from-data exclude each other.", exit_code=Exit.USAGE, code="usage", remedy="Give one."
        )
    try:
        everything = read_cases(data, label, read_map(map_file) if map_file else None)
        source = parse(text_of(find([flow])[0]), str(flow))
        if from_data:
            source = with_labels(source, label, labels_of(everything))
    except EvalError as error:
        raise CommandError(str(error), exit_code=Exit.USAGE, code=error.code, remedy=error.remedy) from error
    return sample(everything, limit, seed), source, label


def _method(map_file: Path | None, *, from_data: bool) -> str:
    if from_data:
        return "The agent chose among the labels of the data."
    if map_file:
        return f"Labels of the data were translated by {map_file}."
    return "Labels of the data are the flow's own."


def _folders(pairs: list[str]) -> dict[str, Path]:
    from visto.cli.gates import parse_pairs

    return {name: Path(str(folder)) for name, folder in parse_pairs(pairs, "--knowledge").items()}


def _started(api: Api, source: dict[str, Any], cases: list[Case], input: str, stalled: float) -> Run:
    """Save the flow, hand the rows over and start one execution."""
    import json

    from evals.data import write_unlabelled
    from evals.run import Run
    from visto.cli.http import segment
    from visto.cli.uploads import uploaded

    text = json.dumps(source, ensure_ascii=False, indent=1)
    flow_id = api.post("/flows", {"source": text, "name": f"{source.get('id')}.yaml", "origin": "cli"})["flow_id"]
    declared = api.get(f"/flows/{segment(flow_id)}")["inputs"]
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.csv"
        write_unlabelled(cases, rows)
        inputs = uploaded(declared, {input: str(rows)})
    body = {"inputs": inputs, "via": "cli", "labels": {"purpose": "evaluation"}}
    started = api.post(f"/flows/{segment(flow_id)}/executions", body)
    note(f"{flow_id}: execution {started['execution']} over {len(cases)} rows")
    return Run(api, str(started["execution"]), cases, stalled, note)


def _measured(
    made: Run, source: dict[str, Any], field: str, method: str, seed: int, api: Api, decide: Decide
) -> Report:
    import time

    from evals.data import labels_of
    from evals.model import Report
    from evals.scorers import score
    from visto.cli.http import Api as Client

    lines = made.follow()
    began = time.perf_counter()
    gates = made.read(lines, field)
    reading = time.perf_counter() - began
    answers = made.answers(gates, field)
    if decide is Decide.EXPECTED:
        with Client(api.url, _reviewer_key()) as reviewer:
            note(f"decided {made.decide(reviewer, gates, field)} gates as the data say")
        gates = made.settled(field)
    return Report(
        flow=str(source["id"]),
        field=field,
        labels=len(labels_of(made.cases)),
        method=method,
        generators=tuple(sorted({gate.generator for gate in gates})),
        seed=seed,
        score=score(answers),
        rows=made.rows(gates, made.failed()),
        execution=made.execution,
        state=made.state,
        seconds=round(made.seconds, 2),
        reading_seconds=round(reading, 2),
    )


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


async def _agent(
    source: dict[str, Any],
    name: str,
    field: str,
    cases: list[Case],
    per_label: int,
    seed: int,
    folders: dict[str, Path],
    method: str,
) -> tuple[Report, str]:
    from agents.settings import model_settings_from_env
    from evals.agent import AgentBench, configuration, ingest
    from evals.data import labels_of, split
    from evals.flows import agent_step
    from evals.model import Report
    from evals.scorers import score
    from rag.knowledge import Knowledge
    from rag.settings import KnowledgeSettings

    step = agent_step(source, name, field)
    shown, tested = split(cases, per_label, seed)
    with tempfile.TemporaryDirectory() as folder:
        knowledge = Knowledge(KnowledgeSettings(chroma_url="", chroma_path=Path(folder)))
        try:
            bench = AgentBench(
                step, field, knowledge, await ingest(knowledge, folders), model_settings_from_env(os.environ)
            )
            measured = await bench.measure(tested, shown)
        finally:
            await knowledge.close()
    used = ", ".join(sorted(folders)) or "none"
    report = Report(
        flow=str(source["id"]),
        field=field,
        labels=len(labels_of(cases)),
        method=f"{method} The agent alone; knowledge: {used}; examples per label: {per_label}.",
        generators=measured.generators,
        examples=per_label,
        seed=seed,
        score=score(measured.answers),
        seconds=round(measured.seconds, 2),
    )
    return report, configuration(measured.generators, per_label, sorted(folders))


def _print(report: Report, *, as_json: bool) -> None:
    from evals.report import text

    emit(report.model_dump(mode="json")) if as_json else say(text(report))
