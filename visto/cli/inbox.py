"""``visto inbox``: what waits for a decision."""

from __future__ import annotations

from typing import Annotated

import typer

from visto.cli.output import Json, emit, note, say, table

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def inbox(
    gate: Annotated[str | None, typer.Argument(help="Show this gate as its reviewer sees it.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every open gate, not only what I may decide.")] = False,
    execution: Annotated[str | None, typer.Option(help="Only this execution's gates.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """Show what waits for a decision, or one gate in full.

    Example: visto inbox --execution 0192f0c1-...

    Exit codes: 0 shown (also when nothing waits), 3 no Visto runs, 4 no such gate.
    """
    from visto.cli.gates import describe
    from visto.cli.http import Api, segment

    with Api.find() as api:
        if gate is not None:
            found = api.get(f"/gates/{segment(gate)}")
            api.post(f"/gates/{segment(gate)}/view", {"revision": found["revision"], "via": "cli"})
            emit(found) if as_json else say(describe(found))
            return
        mine = None if all_ else True
        waiting = list(api.pages("/gates", limit, state="open", mine=mine, execution=execution))
    if as_json:
        emit(waiting)
    elif waiting:
        rows = [(one["id"], one["title"], one["flow"], one.get("due_at") or "") for one in waiting]
        say(table(("GATE", "TITLE", "FLOW", "DUE"), rows))
    else:
        note("Nothing waits for you." if not all_ else "Nothing waits.")
