"""Taking a group away, when nothing depends on it any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from workflows.flow.planned import TaskPlan
from workflows.gates.model import Actor
from workflows.store.db import Tx
from workflows.store.refusals import NotFound
from workflows.store.repositories import flows, inbox, principals
from workflows.usecases.plans import plan_of
from workflows.usecases.recording import record
from workflows.usecases.refusals import Refused
from workflows.usecases.services import Services

_PAGE = 100
_NAMED = 3


async def remove(services: Services, namespace: str, actor: Actor, name: str) -> None:
    """Delete a group. Raises ``NotFound``; ``Refused`` while it has members, or an open gate or a flow asks it."""

    def unit(tx: Tx) -> None:
        if not principals.lock_group(tx, namespace, name):
            raise NotFound("group", name)
        if principals.has_members(tx, namespace, name):
            raise _in_use(name, "It has members.", "Take them out first.")
        if inbox.list_inbox(tx, namespace, group=name, limit=1).items:
            raise _in_use(name, "A gate that is open asks it.", "Assign that gate to somebody, or let it end.")
        asking = list(_asking(tx, namespace, name))
        if asking:
            more = f" and {len(asking) - _NAMED} more" if len(asking) > _NAMED else ""
            raise _in_use(
                name, f"It is asked by {', '.join(asking[:_NAMED])}{more}.", "Ask somebody else there, or archive it."
            )
        principals.delete_group(tx, namespace, name)
        record(tx, services.journal, namespace, "config.changed", actor, meta={"what": "group.removed", "group": name})

    await services.db.write(unit)


def _in_use(name: str, why: str, remedy: str) -> Refused:
    return Refused("group_in_use", f"The group {name} is still needed. {why}", status=409, remedy=remedy)


def _asking(tx: Tx, namespace: str, group: str) -> Iterator[str]:
    """The flows whose current revision asks the group."""
    cursor: str | None = None
    while True:
        page = flows.list_flows(tx, namespace, cursor=cursor, limit=_PAGE)
        for flow in page.items:
            revision = flows.get_revision(tx, namespace, flow.flow_id) if flow.state != "archived" else None
            if revision is not None:
                plan = plan_of(namespace, revision)
                if group in _groups((*plan.tasks, *plan.errors, *plan.finally_)):
                    yield flow.flow_id
        cursor = page.next_cursor
        if cursor is None:
            return


def _groups(tasks: Iterable[TaskPlan]) -> Iterator[str]:
    for task in tasks:
        if task.gate is not None:
            approve = task.gate.approve
            for stage in approve.stages:
                yield from stage.groups
            yield from approve.escalate.groups if approve.escalate else ()
            yield from _groups((*task.gate.enrich, *task.gate.on_approve))
        if task.foreach is not None:
            yield from _groups(task.foreach.tasks)
        if task.branch is not None:
            for tasks_of_case in (*task.branch.cases.values(), task.branch.default or ()):
                yield from _groups(tasks_of_case)
