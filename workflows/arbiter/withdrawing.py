"""Ends gates that nobody needs to decide any more: their execution was cancelled, failed or timed out."""

from __future__ import annotations

from workflows.arbiter import outgoing
from workflows.arbiter.current import Current, read
from workflows.arbiter.model import Withdraw
from workflows.arbiter.people import verified
from workflows.arbiter.recording import record
from workflows.arbiter.who import SYSTEM, Who, person
from workflows.gates.model import GateState
from workflows.gates.refusals import gate_not_found
from workflows.gates.transitions import Event, after
from workflows.journal.records import Journal
from workflows.store.db import Tx
from workflows.store.repositories import gates, votes


def withdraw(tx: Tx, journal: Journal, request: Withdraw) -> list[str]:
    """Withdraw every open gate of the execution, or the one named. Returns the ids of those that were open.

    A decision that was made stands. Raises ``gate_not_found``, ``not_permitted`` for an unknown actor.
    """
    who = SYSTEM if request.actor is None else person(verified(tx, request.namespace, request.actor))
    ids = [request.gate_id] if request.gate_id else _open_gates(tx, request)
    return [number for number in ids if _withdraw(tx, journal, request, number, who)]


def _open_gates(tx: Tx, request: Withdraw) -> list[str]:
    # in one order everywhere, so that two withdrawals cannot wait for each other
    found = gates.of_execution(tx, request.namespace, request.execution_id, only_open=True)
    return sorted(gate.id for gate in found)


def _withdraw(tx: Tx, journal: Journal, request: Withdraw, number: str, who: Who) -> bool:
    current = read(tx, request.namespace, number)
    if current.gate.execution_id != request.execution_id:
        raise gate_not_found(number)
    if current.state is not GateState.OPEN:
        return False
    _close(tx, current, request.reason)
    record(tx, journal, current, "gate.withdrawn", who, content={"reason": request.reason})
    return True


def _close(tx: Tx, current: Current, reason: str) -> None:
    votes.void(tx, current.namespace, current.gate.id, "withdrawn")
    gates.update(
        tx,
        current.namespace,
        current.gate.id,
        state=after(current.state, Event.WITHDRAW),
        withdrawn_reason=reason,
        claimed_by=None,
        claim_until=None,
    )
    outgoing.ring(tx, current, cause=f"withdraw:{current.gate.id}:{tx.now.isoformat()}", at=tx.now)
