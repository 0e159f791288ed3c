"""One action on many executions: said beforehand what it will do to each, and reported afterwards what it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from workflows.gates.model import Actor
from workflows.usecases.cancel import cancel
from workflows.usecases.execution_lists import RESTARTABLE, Line, lines_of
from workflows.usecases.refusals import Refused
from workflows.usecases.restart import restart
from workflows.usecases.services import Services

MOST = 200
Action = Literal["cancel", "restart"]


@dataclass(frozen=True, slots=True)
class Intended:
    """What would happen to one execution; ``not_done`` says why nothing would."""

    line: Line
    not_done: str | None


@dataclass(frozen=True, slots=True)
class Done:
    """What happened to one execution; ``refused`` says why nothing did, ``remedy`` what to do instead."""

    execution_id: str
    refused: str | None = None
    remedy: str | None = None


def too_many(count: int) -> Refused:
    return Refused(
        "too_many",
        f"{count} executions at once are too many; at most {MOST} are.",
        status=422,
        remedy="Choose fewer, or narrow the list down with a filter.",
    )


async def intended(services: Services, namespace: str, action: Action, ids: Sequence[str]) -> list[Intended]:
    """What the action would do to each. Raises ``too_many``."""
    if len(ids) > MOST:
        raise too_many(len(ids))
    lines = await services.db.read(lambda tx: lines_of(tx, namespace, ids))
    return [Intended(line, _hindrance(action, line)) for line in lines]


async def act(
    services: Services, namespace: str, action: Action, ids: Sequence[str], *, actor: Actor, reason: str
) -> list[Done]:
    """Do it to each, one after the other; a refusal of one stops none of the others. Raises ``too_many``."""
    report: list[Done] = []
    use_case = cancel if action == "cancel" else restart
    for one in await intended(services, namespace, action, ids):
        execution_id = one.line.row.id
        if one.not_done is not None:
            report.append(Done(execution_id, one.not_done))
            continue
        try:
            await use_case(services, namespace, execution_id, actor=actor, reason=reason)
        except Refused as refused:
            report.append(Done(execution_id, str(refused), refused.remedy))
        else:
            report.append(Done(execution_id))
    return report


def _hindrance(action: Action, line: Line) -> str | None:
    state = line.row.state
    if action == "cancel":
        if line.ended:
            return f"It has ended already ({state})."
        return "Somebody asked it to stop already." if line.cancelling else None
    if not line.ended:
        return f"It is {state}; only one that has ended can be restarted."
    return None if state in RESTARTABLE else "It succeeded; there is nothing to run again."
