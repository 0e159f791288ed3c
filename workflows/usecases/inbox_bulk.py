"""Many decisions from the list: one action on gates of one batch, each bound to what its own line showed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from workflows.arbiter.model import Decide, Handle
from workflows.arbiter.undoing import undo
from workflows.gates.model import Action, Actor, GateError
from workflows.store.repositories import inbox_facts
from workflows.usecases.decide import decide_many
from workflows.usecases.refusals import Refused
from workflows.usecases.services import Services

MOST = 500
ACTIONS = (Action.APPROVE, Action.REJECT, Action.REQUEST_CHANGES)


@dataclass(frozen=True, slots=True)
class Picked:
    """A line that was picked, with the revision and the digest that it showed."""

    gate_id: str
    revision: int
    action_digest: str


@dataclass(frozen=True, slots=True)
class NotDone:
    """A gate on which nothing was done, and why; ``title`` is empty for one that is not there."""

    gate_id: str
    title: str
    code: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Report:
    """Every gate that was picked is in one of the two, in the order in which they were picked."""

    done: tuple[str, ...]
    refused: tuple[NotDone, ...]


async def decide_picked(
    services: Services,
    namespace: str,
    actor: Actor,
    picked: Sequence[Picked],
    action: Action,
    *,
    reason_code: str | None,
    comment: str | None,
    undo_window: timedelta,
    once: str,
) -> Report:
    """Decide each gate by itself; one that is refused spoils nothing. ``once`` makes a repeat the same request.

    Raises ``Refused`` ``nothing_picked``, ``too_many_picked``, ``mixed_batch`` or ``not_for_many``: nothing was decided.
    """
    _check(picked, action)
    titles = await _of_one_batch(services, namespace, [one.gate_id for one in picked])
    answer = await decide_many(
        services,
        [
            Decide(
                namespace=namespace,
                gate_id=one.gate_id,
                actor=actor,
                action=action,
                revision=one.revision,
                action_digest=one.action_digest,
                reason_code=reason_code,
                comment=comment,
                undo_window=undo_window,
                idempotency_key=f"{once}:{one.gate_id}",
            )
            for one in picked
        ],
    )
    refused = []
    for item in answer.refused:
        if item.refused is not None:
            error = item.refused
            refused.append(NotDone(item.gate_id, titles.get(item.gate_id, ""), error.code, error.message, error.remedy))
    return Report(tuple(item.gate_id for item in answer.decided), tuple(refused))


def _check(picked: Sequence[Picked], action: Action) -> None:
    if not picked:
        raise Refused("nothing_picked", "No gate is selected.", status=422, remedy="Select at least one in the list.")
    if len(picked) > MOST:
        raise Refused(
            "too_many_picked", f"{len(picked)} gates are selected; {MOST} can be decided at once.", status=422,
            remedy="Decide a part of them first.",
        )  # fmt: skip
    if action not in ACTIONS:
        raise Refused(
            "not_for_many", "Gates are edited one by one.", status=422, remedy="Open the gate and edit it there."
        )


async def _of_one_batch(services: Services, namespace: str, gate_ids: list[str]) -> dict[str, str]:
    found = await services.db.read(lambda tx: inbox_facts.standing(tx, namespace, gate_ids))
    if len({one.batch_key for one in found}) > 1:
        raise Refused(
            "mixed_batch", "The selected gates are of several batches, so nothing was decided.", status=422,
            remedy="Select gates of one task of one execution; they ask the same question.",
        )  # fmt: skip
    return {one.gate_id: one.title for one in found}


async def undo_many(services: Services, namespace: str, actor: Actor, gate_ids: Sequence[str]) -> Report:
    """Take back each decision that is not in effect yet; the others are named. Raises ``Refused`` for too many."""
    if len(gate_ids) > MOST:
        raise Refused("too_many_picked", f"At most {MOST} decisions are undone at once.", status=422)
    standing = await services.db.read(lambda tx: inbox_facts.standing(tx, namespace, gate_ids)) if gate_ids else []
    titles = {one.gate_id: one.title for one in standing}
    done: list[str] = []
    refused: list[NotDone] = []
    for gate_id in gate_ids:
        request = Handle(namespace=namespace, gate_id=gate_id, actor=actor)
        try:
            await services.db.write(lambda tx, request=request: undo(tx, services.journal, request))  # type: ignore[misc]
            done.append(gate_id)
        except GateError as error:
            refused.append(NotDone(gate_id, titles.get(gate_id, ""), error.code, str(error), error.remedy))
    return Report(tuple(done), tuple(refused))
