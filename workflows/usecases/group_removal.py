"""Taking a group away, when nothing depends on it any more."""

from __future__ import annotations

from workflows.gates.model import Actor
from workflows.store.db import Tx
from workflows.store.refusals import NotFound
from workflows.store.repositories import principals
from workflows.usecases.asked import naming
from workflows.usecases.recording import record
from workflows.usecases.refusals import Refused
from workflows.usecases.services import Services


async def remove(services: Services, namespace: str, actor: Actor, name: str) -> None:
    """Delete a group. Raises ``NotFound``; ``Refused`` while it has members, or a flow names it.

    What counts are current revisions that are not archived, and those with executions under way: their gates, of every
    stage, still ask it. An older revision that is started or restarted later asks a group that is not there: it waits.
    """

    def unit(tx: Tx) -> None:
        if not principals.lock_group(tx, namespace, name):
            raise NotFound("group", name)
        if principals.has_members(tx, namespace, name):
            raise _in_use(name, "It has members.", "Take them out first.")
        if flows := naming(tx, namespace, name):
            raise _in_use(
                name,
                f"It is named by {flows}.",
                "Name somebody else there or archive it, and let what is under way end.",
            )
        principals.delete_group(tx, namespace, name)
        record(tx, services.journal, namespace, "config.changed", actor, meta={"what": "group.removed", "group": name})

    await services.db.write(unit)


def _in_use(name: str, why: str, remedy: str) -> Refused:
    return Refused("group_in_use", f"The group {name} is still needed. {why}", status=409, remedy=remedy)
