"""``visto pause`` and ``visto resume``: the brake on effects. Decisions stay open and may be made."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from visto.cli.errors import CommandError, Exit
from visto.cli.output import Json, emit, say

app = typer.Typer(add_completion=False, rich_markup_mode=None)

All = Annotated[bool, typer.Option("--all", help="Everything, in every namespace.")]
Namespace = Annotated[bool, typer.Option("--namespace", help="Everything in this key's namespace.")]
Flow = Annotated[str | None, typer.Option(help="One flow.")]


@app.command()
def pause(
    why: Annotated[str, typer.Option(help="Why, for everybody who wonders.")],
    all_: All = False,
    namespace: Namespace = False,
    flow: Flow = None,
    as_json: Json = False,
) -> None:
    """Stop new effects within a second; what waits for people goes on waiting.

    Example: visto pause --flow order-risk --why "wrong price list"

    Exit codes: 0 paused, 2 not exactly one of --all, --namespace, --flow; 3 no Visto runs; 4 not permitted.
    """
    from visto.cli.http import Api

    extent = scope(all_=all_, namespace=namespace, flow=flow)
    with Api.find() as api:
        answer = api.post("/pause", extent | {"reason": why})
    emit(answer) if as_json else say("New effects are stopped. `visto resume` lets them run again.")


@app.command()
def resume(all_: All = False, namespace: Namespace = False, flow: Flow = None, as_json: Json = False) -> None:
    """Let effects run again that `visto pause` stopped with the same options.

    Example: visto resume --flow order-risk

    Exit codes: 0 they run, 2 not exactly one of --all, --namespace, --flow; 3 no Visto runs; 4 not permitted.
    """
    from visto.cli.http import Api

    extent = scope(all_=all_, namespace=namespace, flow=flow)
    with Api.find() as api:
        answer = api.delete("/pause", **extent)
    emit(answer) if as_json else say("Effects may run again.")


def scope(*, all_: bool, namespace: bool, flow: str | None) -> dict[str, Any]:
    """Which effects are meant. Raises ``CommandError`` unless exactly one extent was named."""
    if [all_, namespace, flow is not None].count(True) != 1:
        raise CommandError(
            "Say what is meant: exactly one of --all, --namespace and --flow.",
            exit_code=Exit.USAGE,
            code="usage",
            remedy="Example: visto pause --flow order-risk --why ...",
        )
    if flow is not None:
        return {"flow": flow}
    return {"everything": all_}
