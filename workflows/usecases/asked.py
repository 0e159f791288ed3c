"""Whom flows ask or write to, as their plans name them: groups, and people by address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workflows.store.db import Tx
from workflows.store.repositories import flows

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
    """Names in lower case, wherever in a plan there is a policy."""
    if isinstance(node, dict):
        if isinstance(policy := node.get("approve"), dict):
            yield from _of_policy(policy)
        for part in node.values():
            yield from _named(part)
    elif isinstance(node, list):
        for part in node:
            yield from _named(part)


def _of_policy(policy: dict[str, Any]) -> Iterator[str]:
    asked = [*(policy.get("stages") or ()), policy.get("escalate") or {}]
    lists = [one.get(kind) for one in asked for kind in ("groups", "people")]
    lists += [one.get("to") for one in policy.get("notify") or ()]
    for names in lists:
        yield from (str(name).lower() for name in names or ())
