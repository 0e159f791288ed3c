"""What a gate tells others, written in the transaction that causes it: doorbells, notifications, the execution's wait."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from workflows.arbiter.current import Current
from workflows.flow.planned import StagePlan
from workflows.store.db import Tx
from workflows.store.refusals import NotFound
from workflows.store.repositories import executions, inbox, outbox

WAITING_CODE = "waiting_for_decision"
CHANNELS = ("slack", "email")
"""Channels that can reach one person: they hear of assignments also where the flow does not name them."""
SHOWN = frozenset({
    "approval.assigned", "approval.extended", "claim.taken", "claim.released", "decision.vote", "decision.submitted",
    "decision.auto", "decision.expired", "decision.undone", "decision.superseded", "decision.revoked", "gate.withdrawn",
})  # fmt: skip
"""Records after which a gate looks different in other channels."""
_NAMESPACE = UUID("0a5f7a0e-43c6-5f0c-8f7e-7a6d1b7d0b55")


def _row_id(kind: str, cause: str) -> str:
    return str(uuid5(_NAMESPACE, f"{kind}:{cause}"))


def doorbell_row(cause: str) -> str:
    """The outbox row of the doorbell that ``cause`` (a decision's id) rings, for whoever delivers it in line."""
    return _row_id("doorbell", cause)


def ring(tx: Tx, current: Current, *, cause: str, at: datetime) -> None:
    """Tell the workflow, not before ``at``, that there is something to read. ``cause`` names what happened, once."""
    outbox.add(
        tx,
        current.namespace,
        kind="doorbell",
        target=current.gate.workflow_id,
        payload={"gate_id": current.gate.id},
        available_at=at,
        item_id=doorbell_row(cause),
    )


def unring(tx: Tx, namespace: str, *, cause: str) -> None:
    """Take a doorbell back that has not rung."""
    outbox.drop(tx, namespace, doorbell_row(cause), "taken back")


def notify(tx: Tx, current: Current, event: str, *, number: int | None = None) -> None:
    """Tell every channel of the gate that it should show the gate as it is now: one row for each.

    ``event`` is the journal's word for what happened, ``number`` the reminder's.
    """
    for channel in _channels(current, event):
        payload: dict[str, Any] = {"gate_id": current.gate.id, "event": event}
        if number is not None:
            payload["number"] = number
        cause = f"{channel}:{event}:{current.gate.id}:{current.revision.revision}:{tx.now.isoformat()}"
        outbox.add(
            tx,
            current.namespace,
            kind="notification",
            target=channel,
            payload=payload,
            item_id=_row_id("notification", cause),
        )


def changed(tx: Tx, current: Current, event: str) -> None:
    """Tell the gate's channels what was recorded, if it changes what they show. A first suggestion was shown nowhere."""
    if event in SHOWN and not (event == "decision.auto" and current.revision.revision == 1):
        notify(tx, current, event)


def _channels(current: Current, event: str) -> list[str]:
    """The channels the flow names; whoever a gate is assigned to may be reached in another one only."""
    gate = current.gate
    named = [one.get("type") for one in gate.policy.get("notify") or () if isinstance(one, dict)]
    known = [str(one) for one in named if one]
    personal = gate.assigned_to is not None or event == "approval.assigned"
    return list(dict.fromkeys(known + (list(CHANNELS) if personal else [])))


def park(tx: Tx, current: Current) -> None:
    """Say that the execution waits for people now: for whom, or for how many decisions.

    An execution that has ended stays as it is.
    """
    gate = current.gate
    waiting = inbox.count_open(tx, current.namespace, gate.execution_id)
    reason = waiting_for(waiting) if waiting > 1 else _waiting_for_one(current)
    with suppress(NotFound):
        executions.set_state(tx, current.namespace, gate.execution_id, "waiting", reason)


def waiting_for(count: int) -> dict[str, Any]:
    """The reason of an execution that waits for ``count`` decisions."""
    what = "1 decision is" if count == 1 else f"{count} decisions are"
    return {
        "code": WAITING_CODE,
        "message": f"{what} waiting.",
        "remedy": "See `visto inbox`, or decide in the console.",
    }


def _waiting_for_one(current: Current) -> dict[str, Any]:
    gate = current.gate
    whom = audience(current.policy.stages[gate.stage])
    return {
        "code": WAITING_CODE,
        "message": f"Waiting for {whom} to decide on “{gate.title}” since {gate.opened_at:%Y-%m-%d %H:%M} UTC.",
        "task": gate.path,
        "remedy": f"Decide with `visto approve {gate.id}`, or see `visto inbox`.",
        "link": f"/gates/{gate.id}",
    }


def audience(stage: StagePlan) -> str:
    """Who is asked at this stage, in words."""
    people = len(stage.people)
    names = list(stage.groups) + ([f"{people} named {'person' if people == 1 else 'people'}"] if people else [])
    return " or ".join(names) if names else "a reviewer"
