"""``visto executions``: list, show, cancel and restart."""

from __future__ import annotations

from typing import Annotated

import typer

from visto.cli.output import Json, emit, say, table

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="List, show, cancel and restart executions.", rich_markup_mode=None
)

Id = Annotated[str, typer.Argument(help="The execution's id.", metavar="EXECUTION")]


@app.command("list")
def list_(
    flow: Annotated[str | None, typer.Option(help="Only this flow's.")] = None,
    state: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List executions, the newest first.

    Example: visto executions list --flow order-risk --state waiting

    Exit codes: 0 listed, 3 no Visto runs.
    """
    from visto.cli.http import Api

    with Api.find() as api:
        found = list(api.pages("/executions", limit, flow=flow, state=state))
    if as_json:
        emit(found)
        return
    rows = [(one["id"], one["flow_id"], one["state"], (one.get("reason") or {}).get("message")) for one in found]
    say(table(("EXECUTION", "FLOW", "STATE", "WHY"), rows, limit=100))


@app.command()
def show(execution: Id, as_json: Json = False) -> None:
    """Show one execution: state, reason, outputs and what happened when.

    Example: visto executions show 0192f0c1-...

    Exit codes: 0 shown, 3 no Visto runs, 4 no such execution.
    """
    from visto.cli.http import Api, segment
    from visto.cli.run import sentence

    with Api.find() as api:
        found = api.get(f"/executions/{segment(execution)}/result")
        timeline = api.get(f"/executions/{segment(execution)}/timeline")
    if as_json:
        emit(found | {"timeline": timeline["items"]})
        return
    say(sentence(found))
    for name, value in (found.get("outputs") or {}).items():
        say(f"  {name}: {value}")
    rows = [(one["occurred_at"], one["says"], one["path"], one["outcome"]) for one in timeline["items"]]
    say(table(("AT", "WHAT", "TASK", "OUTCOME"), rows))


@app.command()
def cancel(
    execution: Id,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "cancelled from the command line",
    as_json: Json = False,
) -> None:
    """Cancel an execution; its open gates are withdrawn.

    Example: visto executions cancel 0192f0c1-... --reason "wrong file"

    Exit codes: 0 asked to stop, 3 no Visto runs, 4 it has ended already.
    """
    _act(execution, "cancel", {"reason": reason}, as_json=as_json)


@app.command()
def restart(execution: Id, as_json: Json = False) -> None:
    """Go on with a failed execution from the task that failed; nothing finished is repeated.

    Example: visto executions restart 0192f0c1-...

    Exit codes: 0 restarted, 3 no Visto runs, 4 it has not failed.
    """
    _act(execution, "restart", {}, as_json=as_json)


def _act(execution: str, action: str, body: dict[str, str], *, as_json: bool) -> None:
    from visto.cli.http import Api, segment
    from visto.cli.run import sentence

    with Api.find() as api:
        answer = api.post(f"/executions/{segment(execution)}/{action}", body)
    emit(answer) if as_json else say(sentence(answer))
