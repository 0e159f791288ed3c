"""``gate.open``, ``gate.load``, ``gate.withdraw``: the workflow's side of the arbiter, as local activities."""

from __future__ import annotations

from temporalio import activity

from workflows.activities.deps import Deps
from workflows.arbiter.model import GateOutcome, LoadGate, OpenGate, Withdraw
from workflows.arbiter.opening import open_gate
from workflows.arbiter.settling import load
from workflows.arbiter.withdrawing import withdraw
from workflows.contracts import (
    GATE_LOAD,
    GATE_OPEN,
    GATE_WITHDRAW,
    GateLoadIn,
    GateOpenIn,
    GateStatus,
    GateWithdrawIn,
    Nothing,
)
from workflows.flow.planned import GatePlan
from workflows.gates.ids import batch_key
from workflows.mail_settings import writes_to_all
from workflows.slack_settings import default_channels

SLACK, EMAIL = "slack", "email"


class GateActivities:
    """One transaction each; all of them may be repeated."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._slack = default_channels(deps.settings)
        self._mail = writes_to_all(deps.settings)

    @activity.defn(name=GATE_OPEN)
    async def open(self, given: GateOpenIn) -> GateStatus:
        """Open a revision; return the decision at once if policy made it or the same content was decided before."""
        request = _request(given, self._told_in(given.where.namespace, given.gate))
        return _status(await self._deps.db.write(lambda tx: open_gate(tx, self._deps.journal, request)))

    def _told_in(self, namespace: str, gate: GatePlan) -> GatePlan:
        """The plan, naming this installation's own channels where the flow names none of their kind."""
        named = gate.approve.notify
        kinds = {one.get("type") for one in named if isinstance(one, dict)}
        own = [{"type": kind} for kind in self._own(namespace) if kind not in kinds]
        if not own:
            return gate
        approve = gate.approve.model_copy(update={"notify": (*named, *own)})
        return gate.model_copy(update={"approve": approve})

    def _own(self, namespace: str) -> list[str]:
        own = [SLACK] if {namespace, "*"} & self._slack.keys() else []
        return [*own, EMAIL] if self._mail else own

    @activity.defn(name=GATE_LOAD)
    async def load(self, given: GateLoadIn) -> GateStatus:
        """Return what is in effect, after the gate's own deadlines have had their say."""
        request = LoadGate(
            namespace=given.where.namespace,
            gate_id=given.gate_id,
            execution_id=given.where.execution_id,
            due=given.due,
        )
        return _status(await self._deps.db.write(lambda tx: load(tx, self._deps.journal, request)))

    @activity.defn(name=GATE_WITHDRAW)
    async def withdraw(self, given: GateWithdrawIn) -> Nothing:
        request = Withdraw(
            namespace=given.where.namespace,
            execution_id=given.where.execution_id,
            gate_id=given.gate_id,
            reason=given.reason,
        )
        await self._deps.db.write(lambda tx: withdraw(tx, self._deps.journal, request))
        return Nothing()


def _request(given: GateOpenIn, gate: GatePlan) -> OpenGate:
    where = given.where
    return OpenGate(
        namespace=where.namespace,
        execution_id=where.execution_id,
        workflow_id=given.workflow_id,
        flow_id=where.flow_id,
        flow_revision=where.revision,
        revision_sha256=where.revision_sha256,
        path=where.path,
        item_key=where.item_key,
        item_index=given.item_index,
        batch_key=batch_key(where.execution_id, where.path),
        gate_plan=gate,
        scope=given.scope,
        view=given.view,
        action_digest=given.action_digest,
        fields=given.fields,
        meta=given.meta,
        requester_id=given.requester_id,
        author_id=given.author_id,
        auto=given.auto,
        rejected_by_rules=given.rejected_by_rules,
        round=given.round,
        generation=where.generation,
        parked=given.parked,
    )


def _status(outcome: GateOutcome) -> GateStatus:
    return GateStatus(
        gate_id=outcome.gate_id,
        revision=outcome.revision,
        round=outcome.round,
        permits=outcome.permits,
        outcome=outcome.outcome.value if outcome.outcome else None,
        action_digest=outcome.action_digest,
        fields=outcome.fields,
        meta=outcome.meta,
        comment=outcome.comment,
        expire_then=outcome.expire_then,
        next_due_ms=int(outcome.next_due.timestamp() * 1000) + 1 if outcome.next_due else None,
    )
