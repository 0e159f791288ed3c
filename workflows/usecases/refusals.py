"""Refusals of use cases, in the one wording that every channel prints.

Refused                     understood and not done; nothing was written
├── flow_not_found            404
├── execution_not_found       404
├── flow_not_active           409  paused, archived or draft
├── execution_ended           409
├── execution_not_ended       409
├── invalid_inputs            422  ``fields`` has messages per input
├── invalid_flow              422  ``diagnostics`` has every problem with its place
└── idempotency_key_reused    422
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Refused(Exception):
    """See the tree in the module's docstring. ``status`` is the HTTP status that every channel maps from."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int,
        remedy: str = "",
        fields: Mapping[str, Sequence[str]] | None = None,
        diagnostics: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.remedy = remedy
        self.fields = {name: list(messages) for name, messages in (fields or {}).items()}
        self.diagnostics = [dict(diagnostic) for diagnostic in diagnostics]


def flow_not_found(flow_id: str) -> Refused:
    return Refused(
        "flow_not_found",
        f"There is no flow {flow_id!r} here.",
        status=404,
        remedy="Check the id and the namespace, or list the flows with `visto flow list`.",
    )


def revision_not_found(flow_id: str, number: int) -> Refused:
    return Refused(
        "revision_not_found",
        f"The flow {flow_id!r} has no revision {number}.",
        status=404,
        remedy="List its revisions and take one of those.",
    )


def execution_not_found(execution_id: str) -> Refused:
    return Refused(
        "execution_not_found",
        f"There is no execution {execution_id!r} here.",
        status=404,
        remedy="Check the id and the namespace, or list executions with `visto executions list`.",
    )


def flow_not_active(flow_id: str, state: str) -> Refused:
    remedy = (
        "Set it to active first." if state != "archived" else "An archived flow starts no more; activate it to use it."
    )
    return Refused(
        "flow_not_active", f"The flow {flow_id!r} is {state}, so nothing was started.", status=409, remedy=remedy
    )


def execution_ended(execution_id: str, state: str) -> Refused:
    return Refused(
        "execution_ended",
        f"The execution {execution_id} has ended already ({state}).",
        status=409,
        remedy="Nothing more is needed; start a new execution to run the flow again.",
    )


def execution_not_ended(execution_id: str, state: str) -> Refused:
    return Refused(
        "execution_not_ended",
        f"The execution {execution_id} is {state}; only one that has ended can be restarted.",
        status=409,
        remedy="Wait for its end or cancel it first.",
    )


def invalid_inputs(fields: Mapping[str, Sequence[str]]) -> Refused:
    named = "; ".join(f"{name}: {', '.join(messages)}" for name, messages in fields.items())
    return Refused(
        "invalid_inputs",
        f"The flow cannot start with these inputs: {named}.",
        status=422,
        remedy="Correct the inputs named here and start again.",
        fields=fields,
    )


def invalid_flow(diagnostics: Sequence[Mapping[str, Any]]) -> Refused:
    count = len(diagnostics)
    return Refused(
        "invalid_flow",
        f"The flow has {count} problem{'s' if count != 1 else ''}, so no revision was made.",
        status=422,
        remedy="Correct every line named in the diagnostics; `visto flow validate` checks without saving.",
        diagnostics=diagnostics,
    )


def idempotency_key_reused(existing: str) -> Refused:
    return Refused(
        "idempotency_key_reused",
        f"This idempotency key started execution {existing} with another request.",
        status=422,
        remedy="Send a new key with a new request; repeat a key only to repeat the same request.",
    )


def managed_elsewhere(flow_id: str, managed_by: str | None) -> Refused:
    owner = f"managed by {managed_by}" if managed_by else "not managed by you"
    return Refused(
        "managed_elsewhere",
        f"The flow {flow_id!r} is {owner}, so it was left alone.",
        status=409,
        remedy="Change it where it is managed, or take it over with `adopt`.",
    )
