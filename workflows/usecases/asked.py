"""Whom flows ask or write to, as their plans name them: groups, and people by address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from workflows.flow.planned import ApprovePlan, EscalatePlan, GatePlan, StagePlan
from workflows.store.db import Tx
from workflows.store.repositories import flows
from workflows.usecases.services import Services

_NAMED = 3


def naming(tx: Tx, namespace: str, name: str) -> str:
    """The flows in use that name a group or an address, for people to read; empty when there are none."""
    found = [
        f"{flow_id} (revision {number})"
        for flow_id, number, plan in flows.in_use(tx, namespace)
        if name.lower() in _named(plan)
    ]
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(found[:_NAMED]) + more


def _named(node: Any) -> Iterator[str]:
    """Names in lower case, wherever in a plan there is a gate."""
    if isinstance(node, list):
        for part in node:
            yield from _named(part)
    elif isinstance(node, dict):
        if node.get("kind") == "gate":
            with suppress(ValidationError):  # a gate of a plan is one; data that looks like one in part is data
                yield from _of_policy(GatePlan.model_validate(node.get("gate")).approve)
        for part in node.values():
            yield from _named(part)


def _of_policy(policy: ApprovePlan) -> Iterator[str]:
    asked: list[StagePlan | EscalatePlan] = [*policy.stages, *([policy.escalate] if policy.escalate else [])]
    names = [name for one in asked for name in (*one.groups, *one.people)]
    names += [name for one in policy.notify for name in one.get("to") or ()]
    yield from (name.lower() for name in names)


async def flows_naming(services: Services, namespace: str, name: str) -> str:
    """The same as ``naming``, in a transaction of its own."""
    return await services.db.read(lambda tx: naming(tx, namespace, name))
