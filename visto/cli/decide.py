"""``visto approve``, ``edit``, ``reject`` and ``request-changes``: the four things a reviewer does."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from visto.cli.errors import CommandError, Exit
from visto.cli.output import Json, emit, note, say

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Gate = Annotated[str, typer.Argument(help="The gate's id; with --batch its batch key.", metavar="GATE")]
Batch = Annotated[bool, typer.Option("--batch", help="Decide every open gate of this batch key.")]
Fields = Annotated[list[str], typer.Option("--field", "-f", help="A changed field, name=value; may be repeated.")]
Reason = Annotated[str | None, typer.Option(help="A reason code of the flow.")]
Comment = Annotated[str | None, typer.Option(help="Words for the record.")]
Revision = Annotated[int | None, typer.Option(min=1, help="Decide only if the gate is still at this revision.")]


@app.command()
def approve(
    gate: Gate, comment: Comment = None, revision: Revision = None, batch: Batch = False, as_json: Json = False
) -> None:
    """Approve a suggestion as it is.

    Example: visto approve 0192f0c1-... --comment "checked with the bank"

    Exit codes: 0 decided, 3 no Visto runs, 4 refused (already decided, changed since, not permitted).
    """
    _decide(gate, "approve", batch=batch, as_json=as_json, seen=revision, comment=comment)


@app.command()
def edit(
    gate: Gate,
    field: Fields,
    comment: Comment = None,
    reason: Reason = None,
    revision: Revision = None,
    as_json: Json = False,
) -> None:
    """Approve with changed fields; they are checked as the suggestion was. `--field note=null` takes an optional one away.

    Example: visto edit 0192f0c1-... --field risk=high --field reason="card reported stolen"

    Exit codes: 0 decided, 3 no Visto runs, 4 refused (a value is not allowed, changed since, not permitted).
    """
    from visto.cli.gates import parse_pairs

    changes = parse_pairs(field, "--field")
    _decide(
        gate, "edit", batch=False, as_json=as_json, seen=revision, comment=comment, reason_code=reason, fields=changes
    )


@app.command()
def reject(
    gate: Gate,
    reason: Reason = None,
    comment: Comment = None,
    revision: Revision = None,
    batch: Batch = False,
    as_json: Json = False,
) -> None:
    """Reject a suggestion, with a reason.

    Example: visto reject 0192f0c1-... --reason policy --comment "the address is on the list"

    Exit codes: 0 decided, 3 no Visto runs, 4 refused (a reason is missing, already decided, not permitted).
    """
    _decide(gate, "reject", batch=batch, as_json=as_json, seen=revision, comment=comment, reason_code=reason)


@app.command("request-changes")
def request_changes(
    gate: Gate,
    comment: Annotated[str, typer.Option(help="What the next suggestion should do differently.")],
    revision: Revision = None,
    as_json: Json = False,
) -> None:
    """Send a suggestion back; the next one is made with your comment.

    Example: visto request-changes 0192f0c1-... --comment "cite the section about gift cards"

    Exit codes: 0 sent back, 3 no Visto runs, 4 refused (no more rounds, cannot be revised, not permitted).
    """
    _decide(gate, "request_changes", batch=False, as_json=as_json, seen=revision, comment=comment)


def _decide(target: str, action: str, *, batch: bool, as_json: bool, seen: int | None, **more: Any) -> None:
    from visto.cli.gates import decision
    from visto.cli.http import Api, segment

    with Api.find() as api:
        if batch:
            _decide_batch(api, target, action, as_json=as_json, **more)
            return
        gate = api.get(f"/gates/{segment(target)}")
        if seen is not None:
            gate |= {"revision": seen}
        if action == "edit":
            more["new_action_digest"] = _previewed(api, gate, more)
        answer = api.post(f"/gates/{segment(target)}/decision", decision(gate, action, **more))
    if as_json:
        emit(answer)
    else:
        say(f"{action.replace('_', ' ')}: {gate['title']}")


def _previewed(api: Any, gate: dict[str, Any], more: dict[str, Any]) -> str:
    """Show what the edit will do and return the digest that confirms exactly that."""
    from visto.cli.gates import effects

    body = {"revision": gate["revision"], "fields": more["fields"], "comment": more.get("comment")}
    shown = api.post(f"/gates/{gate['id']}/preview", body)
    for line in effects(json.loads(shown["view"])):
        note(f"will do: {line}")
    return str(shown["action_digest"])


def _decide_batch(api: Any, batch_key: str, action: str, *, as_json: bool, **more: Any) -> None:
    from visto.cli.gates import decision

    waiting = list(api.pages("/gates", state="open", batch=batch_key))
    if not waiting:
        raise CommandError(
            f"No open gate has the batch key {batch_key!r}.",
            exit_code=Exit.REFUSED,
            code="not_found",
            remedy="`visto inbox --json` shows batch keys.",
        )
    full = [api.get(f"/gates/{gate['id']}") for gate in waiting]
    items = [{"gate_id": gate["id"], **decision(gate, action, **more)} for gate in full]
    answer = api.post("/gates/decisions", {"items": items})
    if as_json:
        emit(answer)
    else:
        say(f"{answer['decided']} decided, {len(answer['conflicts'])} not")
        for conflict in answer["conflicts"]:
            note(f"  {conflict['gate_id']}: {conflict['message']}")
    raise typer.Exit(Exit.REFUSED if answer["conflicts"] else Exit.OK)
