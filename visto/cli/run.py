"""``visto run``: start a flow and, if wanted, wait for its end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from visto.cli.errors import CommandError, Exit
from visto.cli.output import Json, emit, note, say

app = typer.Typer(add_completion=False, rich_markup_mode=None)

POLL_S = 20.0
ENDED_WELL = frozenset({"succeeded", "warning"})
ENDED = ENDED_WELL | {"failed", "rejected", "cancelled", "timed_out"}


@app.command()
def run(
    flow: Annotated[str, typer.Argument(help="A flow's id, or a file, which is saved first.", metavar="FLOW")],
    inputs: Annotated[list[str], typer.Option("--input", "-i", help="name=value; may be repeated.")] = [],  # noqa: B006
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end.")] = False,
    timeout: Annotated[
        float, typer.Option(min=0, help="With --wait: seconds, then go away; the execution goes on.")
    ] = 3600,
    reference: Annotated[str | None, typer.Option(help="Your own name for this execution.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key starts it only once.")] = None,
    as_json: Json = False,
) -> None:
    """Start a flow. Inputs of type file take the path of a file on this machine, which is uploaded.

    Example: visto run order-risk --input file=orders.csv --wait

    Exit codes: 0 started, or with --wait succeeded; 1 failed, cancelled or timed out; 3 no Visto runs; 4 refused;
    5 still running when the time was up; 6 rejected.
    """
    from visto.cli.gates import parse_pairs
    from visto.cli.http import Api, segment
    from visto.cli.uploads import uploaded

    with Api.find() as api:
        flow_id = _saved(api, Path(flow)) if _is_file(flow) else flow
        declared = api.get(f"/flows/{segment(flow_id)}")["inputs"]
        body = {"inputs": uploaded(declared, parse_pairs(inputs, "--input")), "reference": reference, "via": "cli"}
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        result = api.post(f"/flows/{segment(flow_id)}/executions", body, headers)
        if wait:
            result = await_end(api, result, timeout)
    emit(result) if as_json else say(sentence(result))
    raise typer.Exit(exit_code(result) if wait else Exit.OK)


def await_end(api: Any, result: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    """Ask for the result until the execution has ended or the time is up; return the last answer."""
    deadline, state = time.monotonic() + timeout_s, ""
    while result["state"] not in ENDED and (left := deadline - time.monotonic()) > 0:
        if result["state"] != state:
            note(sentence(result))
        state, pause = result["state"], min(left, POLL_S)
        result = api.get(f"/executions/{result['execution']}/result", timeout=pause + 10, wait=max(1, round(pause)))
    return result


def exit_code(result: dict[str, Any]) -> Exit:
    """What ``--wait`` ends with."""
    state = result["state"]
    if state in ENDED_WELL:
        return Exit.OK
    if state == "rejected":
        return Exit.REJECTED
    return Exit.NO if state in ENDED else Exit.TIMEOUT


def sentence(result: dict[str, Any]) -> str:
    """One line about an execution, with the reason in the words that every channel uses."""
    reason = (result.get("reason") or {}).get("message")
    return f"{result['flow']} {result['execution']}: {result['state']}" + (f" ({reason})" if reason else "")


def _is_file(text: str) -> bool:
    return text.endswith((".yaml", ".yml"))


def _saved(api: Any, path: Path) -> str:
    from visto.cli import flow_files

    if not path.is_file():
        raise CommandError(f"{path} does not exist.", exit_code=Exit.USAGE, code="usage", remedy="Check the path.")
    saved = api.post("/flows", {"source": flow_files.text_of(path), "name": str(path), "origin": "cli"})
    return str(saved["flow_id"])
