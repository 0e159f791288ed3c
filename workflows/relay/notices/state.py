"""Reads a gate as it is now, with everything that a channel may say about it, in one snapshot."""

from __future__ import annotations

from workflows.flow.planned import GatePlan
from workflows.gates.model import View
from workflows.relay.notices.channel import Person, Told
from workflows.store.db import Tx
from workflows.store.repositories import gates, notices, principals
from workflows.usecases import gate_views


def read(tx: Tx, namespace: str, gate_id: str, channel: str, *, base_url: str, reminders: int = 0) -> Told | None:
    """The gate for ``channel``, or ``None`` if there is no such gate. ``base_url`` is where the console is."""
    gate = gates.get(tx, namespace, gate_id)
    if gate is None:
        return None
    detail = gate_views.detail(tx, namespace, gate_id)
    ids = {one for one in (detail.assigned_to, detail.claimed_by) if one is not None}
    named = [one for one in detail.policy.get("notify") or () if isinstance(one, dict) and one.get("type") == channel]
    people = {one: _person(tx, namespace, one) for one in ids}
    return Told(
        namespace=namespace,
        detail=detail,
        view=View.model_validate(detail.view),
        plan=GatePlan.model_validate(gate.gate_plan),
        notify=tuple(named),
        people={one: person for one, person in people.items() if person is not None},
        places=tuple(notices.of_gate(tx, namespace, gate_id, channel)),
        reminders=reminders,
        link=f"{base_url.rstrip('/')}/gates/{gate_id}",
        now=tx.now,
    )


def _person(tx: Tx, namespace: str, principal_id: str) -> Person | None:
    principal = principals.get(tx, namespace, principal_id)
    if principal is None:
        return None
    return Person(principal, tuple(principals.identities_of(tx, namespace, principal_id)))
